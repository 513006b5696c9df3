"""Every broker rings the same bell: a real worker process sends everything once and leaves when nothing is due."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders import a_stalled_customer
from tests.inbox import Inbox
from tests.processes import banso, until
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


CONSUME = """
import os
from engine.clock import SystemClock
from engine.config import Config
from workers.app import make_app
from workers.rounds import Rounds, comes_round
from workers.run import consume

class Told(Rounds):
    def begin(self, thread):
        os.write(1, f"{thread}\\n".encode())  # past Celery, which takes print for logging

app = make_app(Config())
app.steps["consumer"].add(comes_round(Told(SystemClock())))
consume(app, "idle", ["mail"], events=False)
"""
SOME = 4


@pytest.mark.parametrize("broker", ["files", "Redis"])
def test_a_consumer_that_waits_for_messages_comes_round(story: Story, request: pytest.FixtureRequest, broker: str, tmp_path: Path) -> None:
    """Else each that has nothing to do would look stuck. One loop of Celery's has a timer, the other has none."""
    settings = {"BANSO_STATE": str(story.config.state_folder)}
    if broker == "Redis":
        settings["BANSO_BROKER_URL"] = request.getfixturevalue("redis_url")
    told = tmp_path / "told"
    with told.open("wb") as output:
        worker = subprocess.Popen([sys.executable, "-c", CONSUME], cwd=ROOT, env={**os.environ, **settings}, stdout=output)
    try:
        until(lambda: told.read_text().count("\n") >= SOME)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(PATIENCE_SECONDS) == 0
    finally:
        worker.kill()
        worker.wait(5)
