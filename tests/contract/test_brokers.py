"""Every broker rings the same bell: a real worker process sends everything once and leaves when nothing is due."""

import os
import subprocess

import pytest

from tests.builders import a_stalled_customer
from tests.inbox import Inbox
from tests.processes import banso
from tests.story import ROOT, Story

MAILS = 20
PATIENCE_SECONDS = 60


@pytest.mark.parametrize("broker", ["files", "Redis"])
def test_a_worker_sends_everything_once_and_leaves(story: Story, inbox: Inbox, request: pytest.FixtureRequest, broker: str) -> None:
    for number in range(MAILS):
        story.given(a_stalled_customer(f"c{number:02d}"))
    story.nightly("2026-04-07 02:00")
    story.heard("2026-04-07 09:00")
    settings = {"BANSO_SMTP_URL": inbox.url, "BANSO_DELIVERY": "production", "BANSO_SWEEP_SECONDS": "1"}
    if broker == "Redis":
        settings["BANSO_BROKER_URL"] = request.getfixturevalue("redis_url")
    command = banso(story.config.state_folder, "worker", "--rehearse", "--until-idle", "--at", "2026-04-07T09:00")
    ended = subprocess.run(command, cwd=ROOT, env={**os.environ, **settings}, timeout=PATIENCE_SECONDS, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr
    assert "メールを本当に送ります" in ended.stderr, "nobody shall wonder where mails go"
    assert (len(inbox.mails), set(inbox.times_taken().values())) == (MAILS, {1})
    assert {touch.state for touch in story.touches()} == {"sent"}
