"""`make test-browser`: the popup in a real Chromium on a real page. Where there is none, it says so and does not fail."""

import subprocess
import sys
from pathlib import Path

from tests.browser.chromium import NAMED, found

ROOT = Path(__file__).parents[2]
TESTS = ("tests/browser", "tests/promises/test_p23_a_popup_breaks_no_page.py")


def run(options: list[str]) -> int:
    path = found()
    if path is None:
        print(f"test-browser: no Chromium here. Nothing was looked at; install Debian's package chromium, or name one by {NAMED}.")
        return 0
    return subprocess.run([sys.executable, "-m", "pytest", "--chromium", path, *options, *TESTS], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
