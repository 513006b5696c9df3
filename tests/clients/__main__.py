"""`make test-clients`: the Node clients of Segment, RudderStack and PostHog against the served door. Needs node and npm, and fetches packages."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.builders import AZURE, at
from tests.story import ROOT, Story
from tests.web.door import KEY, a_key, records_of, served
from tests.web.test_clients import HAPPENED, LostReply

PACKAGES = {"segment": "@segment/analytics-node", "rudderstack": "@rudderstack/rudder-sdk-node", "posthog": "posthog-node"}
SCRIPT = Path(__file__).with_name("clients.mjs")
LONGEST_SECONDS = 120


def tried(folder: Path, name: str) -> list[str]:
    """What is wrong with the records that a client left; nothing, if each event is there once though the first answer was lost."""
    story = Story(folder / f"story-{name}", workspace=ROOT)
    story.clock.set(at("2026-04-07 10:00"))
    a_key(story.system)
    with served(story.system, LostReply) as url:
        command = ["node", "clients.mjs", name, url, KEY, AZURE, str(HAPPENED)]
        told = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False)
    story.clock.set(at("2100-01-01 00:00"))  # the clients told it by their own clock
    found = records_of(story.system, AZURE)
    story.close()
    booked = [each.properties for each in found if each.event == "product.interview_booked"]
    values = {each.field: each.value for each in found if each.field is not None}
    wrong = [] if told.returncode == 0 else [told.stderr[-2_000:]]
    if (len(booked), len(set(booked))) != (HAPPENED, HAPPENED):
        wrong.append(f"{len(booked)} events, {len(set(booked))} of them different, of {HAPPENED}")
    if (values.get("contact.email"), values.get("account.name")) != ("sato@aozora.example.jp", "株式会社青空"):
        wrong.append(f"values {values}")
    return wrong


def main() -> int:
    missing = [tool for tool in ("node", "npm") if shutil.which(tool) is None]
    if missing:
        print(f"nothing was tried: {' and '.join(missing)} not found")
        return 1
    with tempfile.TemporaryDirectory() as temporary:
        folder, bad = Path(temporary), False
        shutil.copy(SCRIPT, folder)
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", *PACKAGES.values()], cwd=folder, check=True)
        for name, package in PACKAGES.items():
            wrong = tried(folder, name)
            bad |= bool(wrong)
            print(f"{package}: {'; '.join(wrong) if wrong else f'{HAPPENED} events, each there once though the first answer was lost'}")
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
