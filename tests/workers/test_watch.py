"""Who fell silent or is stuck is told from signs that changed, at looks that were taken; nobody else is."""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence

from sqlalchemy import event

from engine.calendar import SECOND
from engine.clock import SystemClock
from engine.ledger.locks import lock_holder
from engine.pipeline import ops
from engine.pipeline.ops import Sign
from engine.pipeline.ops.life import LONGEST_TASK
from engine.pipeline.system import System
from engine.testing import HandClock
from tests.builders import at
from tests.story import Story
from workers.rounds import BUSY_SECONDS, Rounds
from workers.signs import pid_of, process_name
from workers.watch import NEVER_LOOKS, SILENT_LOOKS, STUCK_LOOKS, Eye, Symptom, Watch

CHILD = 4711
HOST = socket.gethostname()
FROZEN = """
import sys, time, pysqlite3
connection = pysqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
time.sleep(600)
"""


def sign(seen_at: int, *, pid: int = CHILD, lot: str = "a1b2c3", host: str = HOST, hangs: bool = False) -> Sign:
    return Sign(f"{host}-{pid}-{lot}", seen_at, hangs)


def looks(*rounds: Sequence[Sign], children: Sequence[int] = (CHILD,)) -> list[dict[int, Symptom]]:
    eye = Eye()
    return [eye.look(children, signs) for signs in rounds]


def test_who_gives_signs_is_well() -> None:
    assert not any(looks(*([sign(number)] for number in range(NEVER_LOOKS * 2))))


def test_who_gave_signs_and_gives_none_is_silent() -> None:
    found = looks([sign(1)], *([sign(2)] for _ in range(SILENT_LOOKS + 1)))
    assert found == [{}] * (SILENT_LOOKS + 1) + [{CHILD: "silent"}]


def test_who_never_gave_one_has_longer() -> None:
    found = looks(*([] for _ in range(NEVER_LOOKS)))
    assert found == [{}] * (NEVER_LOOKS - 1) + [{CHILD: "silent"}]


def test_the_row_of_a_dead_process_of_the_same_number_does_not_speak_for_a_child() -> None:
    """Neither for it nor against it: a container that starts again has the same host name and numbers."""
    dead = sign(99, lot="dead00", hangs=True)
    found = looks([dead], [dead], *([dead, sign(number)] for number in range(SILENT_LOOKS * 2)))
    assert not any(found)
    silent = looks([dead], [dead, sign(1)], *([dead, sign(1)] for _ in range(SILENT_LOOKS)))
    assert silent[-1] == {CHILD: "silent"}


def test_a_clock_that_is_set_back_makes_nobody_silent() -> None:
    assert not any(looks(*([sign(1000 - number)] for number in range(SILENT_LOOKS * 2))))


def test_a_row_that_was_forgotten_is_no_sign() -> None:
    assert looks([sign(1)], [sign(2)], *([] for _ in range(SILENT_LOOKS)))[-1] == {CHILD: "silent"}


def test_who_is_stuck_is_told_after_looks_in_a_row() -> None:
    stuck = [[sign(number, hangs=True)] for number in range(1, STUCK_LOOKS + 1)]
    assert looks([sign(0)], *stuck)[-1] == {CHILD: "hanging"}
    assert looks([sign(0)], *stuck[:-1], [sign(90)], stuck[-1])[-1] == {}


def test_processes_of_other_machines_and_other_numbers_are_not_children() -> None:
    others = [[sign(1, host="elsewhere"), sign(1, pid=12)] for _ in range(NEVER_LOOKS)]
    assert looks(*others)[-1] == {CHILD: "silent"}
    assert looks(*others, children=[])[-1] == {}


def test_the_next_child_begins_anew() -> None:
    eye = Eye()
    for number in (1, 2, *([2] * SILENT_LOOKS)):
        last = eye.look([CHILD], [sign(number)])
    assert last == {CHILD: "silent"}
    assert eye.look([], [sign(2)]) == {}
    assert eye.look([CHILD], [sign(2)]) == {}


def test_a_process_is_known_by_its_name() -> None:
    assert pid_of(process_name()) == os.getpid()
    assert process_name() != process_name()
    assert pid_of("elsewhere-12-abcdef") is None


# --- in the ledger ----------------------------------------------------------------------------------------------------


def test_a_look_is_a_sign_of_life_itself_and_a_stuck_process_is_so_by_its_own_clock(story: Story) -> None:
    story.clock.set(at("2026-04-07 09:00"))
    ops.sign_of_life(story.system, "w-1-a", busy_since=story.clock.now() - LONGEST_TASK - SECOND)
    ops.sign_of_life(story.system, "w-2-b", busy_since=story.clock.now() - LONGEST_TASK)
    signed_at = story.clock.now()
    story.clock.set(at("2026-04-07 12:00"))
    found = ops.look_around(story.system, "up-3-c", "supervisor")
    assert found == [Sign("up-3-c", story.clock.now(), False), Sign("w-1-a", signed_at, True), Sign("w-2-b", signed_at, False)]
    assert [each.kind for each in ops.status(story.system).workers] == ["supervisor", "worker", "worker"]


# --- a ledger that is locked ------------------------------------------------------------------------------------------


def test_who_is_frozen_inside_a_transaction_on_sqlite_is_found(story: Story) -> None:
    """Nobody can give a sign then, the supervisor neither."""
    story.system.close()
    system = System(story.config, story.config.clock())
    event.listen(system.ledger.engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout=50"))
    system.ledger.engine.dispose()
    with subprocess.Popen([sys.executable, "-c", FROZEN, str(system.ledger.engine.url.database)], stdout=subprocess.PIPE) as frozen:
        try:
            assert frozen.stdout is not None
            assert frozen.stdout.readline() == b"held\n"
            assert lock_holder(system.ledger) == frozen.pid
            watch, stranger = Watch(system, lambda: [frozen.pid]), Watch(system, lambda: [CHILD])
            watch.look()
            stranger.look()
            assert (watch.found, stranger.found) == ({frozen.pid: "blocking"}, {})
        finally:
            frozen.kill()
    watch.look()
    assert (watch.found, lock_holder(system.ledger)) == ({}, None)
    system.close()


# --- what threads are at ----------------------------------------------------------------------------------------------


def test_a_thread_that_does_not_come_round_is_told_of_though_others_do() -> None:
    clock = HandClock(at("2026-04-07 09:00"))
    rounds = Rounds(clock)
    rounds.begin("one")
    began = clock.now()
    for _ in range(4):
        clock.advance(int(BUSY_SECONDS / 3 * SECOND))
        rounds.begin("other")
    assert rounds.busy_since() == began
    rounds.begin("one")
    assert rounds.busy_since() is None


def test_who_rests_is_not_stuck() -> None:
    clock = HandClock(at("2026-04-07 09:00"))
    rounds = Rounds(clock)
    rounds.begin("one")
    rounds.rest("one")
    clock.advance(LONGEST_TASK)
    assert rounds.busy_since() is None


def test_a_clock_that_is_set_on_makes_nobody_stuck() -> None:
    rounds = Rounds(SystemClock())
    rounds.begin("one")
    rounds.clock = SystemClock(moved_by=LONGEST_TASK * 2)
    assert rounds.busy_since() is None
