"""kill -9 in the middle of a morning: every mail once, or shown as one of which nobody can tell."""

import os
import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass

import pytest

from engine.pipeline import ops
from engine.pipeline.worker import WAVE
from tests.builders import a_stalled_customer
from tests.inbox import Inbox
from tests.story import Story
from tests.worker import start_worker

MAILS = int(os.environ.get("KILLED_WORKER_MAILS", "200"))
KILLS = int(os.environ.get("KILLED_WORKER_KILLS", "2"))
PATIENCE_SECONDS = 30 + MAILS / 10


@dataclass
class Workers:
    """Real worker processes on a story's state; each begins a minute later than the one before, so that leases are over."""

    story: Story
    inbox: Inbox
    minute: int = 0

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        self.minute += 1
        at = f"2026-04-07T09:{self.minute:02d}"
        self.story.heard(at.replace("T", " "))
        return start_worker(self.story, at, *options, LEASE_SECONDS="2")

    def kill_after(self, mails: int) -> None:
        """Start one and kill it as soon as the inbox holds so many."""
        process = self.start()
        until = time.monotonic() + PATIENCE_SECONDS
        while len(self.inbox.mails) < mails and time.monotonic() < until and process.poll() is None:
            time.sleep(0.002)
        assert process.poll() is None, "it left by itself"
        process.send_signal(signal.SIGKILL)
        process.wait(10)


@pytest.mark.long
def test_killed_workers_double_nothing_and_lose_nothing(story: Story, inbox: Inbox) -> None:
    for number in range(MAILS):
        story.given(a_stalled_customer(f"c{number:05d}"))
    assert story.nightly("2026-04-07 02:00").won == MAILS
    workers = Workers(story, inbox)
    for kill in range(KILLS):
        workers.kill_after(MAILS * (kill + 1) // (KILLS + 2))
    assert len(inbox.mails) < MAILS
    last = workers.start("--until-idle")
    assert last.wait(PATIENCE_SECONDS) == 0

    taken = inbox.times_taken()
    states = Counter(touch.state.value for touch in story.touches())
    assert set(taken.values()) == {1}
    assert [touch.id for touch in story.touches() if touch.state == "sent" and taken[touch.message_id] != 1] == []
    assert {touch.message_id for touch in story.touches()} >= set(taken)
    assert states["sent"] + states["unknown"] == MAILS
    assert states["unknown"] <= WAVE * KILLS
    levels = {check.name: check.level for check in ops.doctor(story.system, (3, 14, 3))}
    assert (levels["books"], levels["unknown"]) == ("ok", "warn" if states["unknown"] else "ok")
    print(f"{MAILS} mails, {KILLS} kills: {states['sent']} sent, {states['unknown']} unknown, of which {len(taken) - states['sent']} had been taken")
