"""`make promises`: run the promises, write down what they reached, and renew the table in README.md.

`python -m tests.promises P7 P14` runs those two. Nothing is written where a test failed or a promise said no number.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.results import machine
from engine.calendar import DAY, date_of_day
from engine.clock import SystemClock
from tests.browser.chromium import found
from tests.promises.book import RECORD, ROOT, Reached, files, gather, read_book, write_book
from tests.promises.scale import SCALE

IN_A_BROWSER = "P23"
PACKAGES = ("SQLAlchemy", "psycopg", "pysqlite3", "duckdb", "celery")


def main(names: list[str]) -> int:
    known = files()
    wanted = [name.upper() for name in names] or list(known)
    browser = found()
    if browser is None and IN_A_BROWSER in wanted:
        print(f"{IN_A_BROWSER} stays as it was recorded: there is no Chromium here")
        wanted.remove(IN_A_BROWSER)
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder, "reached")
        record.touch()
        tests = [str(known[name].relative_to(ROOT)) for name in wanted]
        command = [sys.executable, "-m", "pytest", "--durations", "15", *(["--chromium", browser] if browser else []), *tests]
        failed = subprocess.run(command, cwd=ROOT, env={**os.environ, RECORD: str(record)}, check=False).returncode
        told = [Reached(**json.loads(line)) for line in record.read_text(encoding="utf-8").splitlines()]
    silent = sorted(set(wanted) - {each.promise for each in told})
    if failed or silent:
        print(f"not recorded; said no number: {' '.join(silent) or '-'}")
        return 1
    versions = ", ".join(f"{name} {text}" for name, text in {**machine(PACKAGES), "scale": SCALE}.items())
    write_book({**read_book(), **gather(told, date_of_day(SystemClock().now() // DAY).isoformat(), versions)})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
