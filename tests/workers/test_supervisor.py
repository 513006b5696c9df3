"""What leaves is started again, ever later and loudly; what is told to stop does, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.pipeline import ops
from engine.pipeline.system import System
from tests.builders import a_stalled_customer
from tests.inbox import Inbox, free_port
from tests.processes import until
from tests.story import ROOT, SPACE, Story
from workers.supervisor import STOP_SECONDS, Patience, Process

PATIENCE_SECONDS = 60


# --- waits ------------------------------------------------------------------------------------------------------------


def test_each_wait_is_twice_the_one_before_up_to_half_a_minute() -> None:
    waits, wait = [], 0.0
    for _ in range(7):
        wait = Patience().after(wait, ran=0.5)
        waits.append(wait)
    assert waits == [1, 2, 4, 8, 16, 30, 30]


def test_who_ran_steadily_begins_again_with_the_first_wait() -> None:
    assert (Patience().after(30.0, ran=60.0), Patience().after(30.0, ran=60.1)) == (30.0, 1.0)


LEAVES = [sys.executable, "-c", "raise SystemExit(3)"]


def leave(process: Process, now: float) -> None:
    """Start it, let it leave, and look."""
    process.keep(now)
    assert process.child is not None
    process.child.wait(PATIENCE_SECONDS)
    process.keep(now)


def test_a_process_that_left_waits_before_it_starts_again() -> None:
    process = Process("worker", LEAVES)
    leave(process, 100.0)
    assert (process.child, process.not_before) == (None, 101.0)
    process.keep(100.9)
    assert process.child is None
    leave(process, 101.0)
    assert process.not_before == 103.0


def test_the_fourth_exit_in_five_minutes_is_told_loudly(caplog: pytest.LogCaptureFixture) -> None:
    process = Process("worker", LEAVES)
    for now in (0.0, 10.0, 20.0):
        leave(process, now)
    assert [each.levelname for each in caplog.records] == ["WARNING"] * 3
    leave(process, 299.0)
    assert caplog.records[-1].levelname == "ERROR"
    assert "worker left 4 times within 5 minutes" in caplog.text


def test_exits_far_apart_are_not_loud(caplog: pytest.LogCaptureFixture) -> None:
    process = Process("worker", LEAVES)
    for now in (0.0, 200.0, 400.0, 600.0, 800.0):
        leave(process, now)
    assert {each.levelname for each in caplog.records} == {"WARNING"}


# --- real processes ---------------------------------------------------------------------------------------------------

SUPERVISE = """
import sys
from engine import logs
from workers.supervisor import Patience, Process, supervise
logs.set_up("text")
supervise([Process("crasher", [sys.executable, "-c", "raise SystemExit(3)"], Patience(first=0.01)),
           Process("stubborn", [sys.executable, "-c", sys.argv[1]])])
"""
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, lambda *_: None); print('up', flush=True); [time.sleep(0.1) for _ in range(30)]"


def test_a_process_that_crashes_is_loud_while_the_others_go_on_and_stop_when_told() -> None:
    command = [sys.executable, "-c", SUPERVISE, STUBBORN]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as group:
        assert group.stderr is not None
        for line in group.stderr:
            if "error banso.supervisor crasher left 4 times" in line:
                group.send_signal(signal.SIGTERM)
                break
        group.stderr.read()
        assert group.wait(STOP_SECONDS) == 0


@pytest.fixture
def group(story: Story) -> subprocess.Popen[bytes]:
    """`banso up` on the story's state."""
    settings = {"BANSO_WEB_PORT": str(free_port()), "BANSO_SWEEP_SECONDS": "1"}
    command = [sys.executable, "-m", "engine.cli", "-w", str(SPACE), "--state", str(story.config.state_folder), "up"]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **settings}, start_new_session=True, stdout=subprocess.DEVNULL)


def members(group: int) -> list[int]:
    """The processes of a process group that are not merely waiting to be reaped."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def test_a_killed_worker_is_replaced_and_missed_and_all_leave_when_told(story: Story, group: subprocess.Popen[bytes]) -> None:
    system = System(story.config, story.config.clock())

    def workers() -> list[str]:
        return [each.name for each in ops.status(system).workers if each.kind == "worker"]

    try:
        until(workers)
        (first,) = workers()
        os.kill(int(first.rsplit("-", 2)[1]), signal.SIGKILL)
        until(lambda: len(workers()) == 2)
        assert first in workers()  # it said no farewell
        group.send_signal(signal.SIGTERM)
        assert group.wait(STOP_SECONDS + 5) == 0
        assert members(group.pid) == []
        assert workers() == [first]
    finally:
        for left in members(group.pid):
            os.kill(left, signal.SIGKILL)
        group.wait(5)
        system.close()


def test_a_worker_told_to_stop_in_a_morning_finishes_its_wave_and_leaves_the_rest(story: Story, inbox: Inbox) -> None:
    """Nothing is unknown afterwards, nothing is held, and it is not missed."""
    for number in range(40):
        story.given(a_stalled_customer(f"c{number:02d}"))
    story.nightly("2026-04-07 02:00")
    story.heard("2026-04-07 09:00")
    inbox.delay_seconds = 0.3
    place = ["-w", str(SPACE), "--state", str(story.config.state_folder)]
    command = [sys.executable, "-m", "engine.cli", *place, "worker", "--rehearse", "--at", "2026-04-07T09:00"]
    worker = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "BANSO_SMTP_URL": inbox.url, "BANSO_DELIVERY": "production", "BANSO_SWEEP_SECONDS": "1"}
    )
    try:
        until(lambda: inbox.mails)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(STOP_SECONDS) == 0
    finally:
        worker.kill()
        worker.wait(5)
    states = [touch.state.value for touch in story.touches()]
    assert set(states) == {"sent", "pending"}
    assert states.count("sent") == len(inbox.mails)
    assert ops.status(story.system).workers == []
