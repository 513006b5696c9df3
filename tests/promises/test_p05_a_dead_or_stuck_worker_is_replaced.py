"""P5: a dead or stuck worker is replaced and seen.

Under a real `banso up` the worker at work is frozen (SIGSTOP), and the next one killed (-9): the status, the doctor and /health tell of it, another
takes its place and its touches. Without a supervisor a frozen worker's touches are free when its lease is over and a sweep has passed. A worker
whose lines to PostgreSQL are cut goes on.
"""

import os
import signal
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from engine.calendar import SECOND
from engine.pipeline import ops
from tests.inbox import free_port
from tests.processes import banso, start
from tests.promises.conftest import Tell
from tests.promises.morning import Morning
from tests.promises.scale import scaled
from tests.soak.run import LEDGERS, SAFE_PYTHON, Order
from tests.soak.servers import Manners
from workers.supervisor import STOP_SECONDS

TOUCHES = 80
MANNERS = Manners(pace=0.3)
DETECTED_WITHIN = 30 * SECOND
SILENT_SECONDS, LATE_SECONDS = 5, 3
SWEEP_SECONDS_BY_DEFAULT = 5
DEATHS = scaled(1, 40)  # after the first, which is a freeze
CUTS = scaled(3, 100)

Begin = Callable[[Order], Morning]


@contextmanager
def _up(morning: Morning) -> Iterator[str]:
    """`banso up` beside relay and broker of the morning; yields where its web answers."""
    port = str(free_port())
    settings = {"BANSO_SILENT_SECONDS": str(SILENT_SECONDS), "BANSO_LATE_SECONDS": str(LATE_SECONDS), "BANSO_WEB_PORT": port}
    with (morning.folder / "processes.log").open("ab") as log:
        group = start(["setsid", *banso(morning.state, "up")], {**morning.fleet.settings, **settings}, log)
    try:
        yield f"http://127.0.0.1:{port}"
        group.send_signal(signal.SIGTERM)
        assert group.wait(STOP_SECONDS + 10) == 0
    finally:
        if group.poll() is None:
            os.killpg(group.pid, signal.SIGKILL)
            group.wait()


def _health(url: str) -> int:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code
    except OSError:  # it still starts
        return 0


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def _condition(morning: Morning, pid: int) -> str:
    return next((each.condition for each in ops.status(morning.story.system, lake=False).workers if f"-{pid}-" in each.name), "none")


def _known(morning: Morning) -> set[int]:
    """Who is at work and has given a sign of life."""
    return {pid for pid in morning.pids_at_work() if _condition(morning, pid) == "alive"}


@pytest.mark.parametrize(("ledger", "broker"), LEDGERS[-scaled(1, 2) :])
def test_banso_up_replaces_a_worker_that_is_frozen_or_killed(begun: Begin, ledger: str, broker: str, reached: Tell) -> None:
    touches = TOUCHES + 20 * DEATHS
    morning = begun(Order(touches, workers=0, ledger=ledger, broker=broker, manners=MANNERS))
    morning.begin()
    config = morning.story.config.model_copy(update={"silent_seconds": SILENT_SECONDS, "late_seconds": LATE_SECONDS})
    morning.story.system.config = config
    with _up(morning) as url:
        morning.until(lambda: _known(morning))  # one that is frozen before its first sign is not missed
        frozen = min(_known(morning))
        os.kill(frozen, signal.SIGSTOP)
        since = morning.now()
        morning.until(lambda: _condition(morning, frozen) == "silent")
        assert morning.now() - since < DETECTED_WITHIN
        checks = {check.name: check for check in ops.doctor(morning.story.system, SAFE_PYTHON)}
        assert checks["workers"].level != "ok"
        assert any(f"-{frozen}-" in each for each in checks["workers"].details)
        morning.until(lambda: _health(url) == 503)
        morning.until(lambda: _is_gone(frozen))
        dead = {frozen}
        for _ in range(DEATHS):
            morning.until(lambda: morning.pids_at_work() - dead)
            victim = min(morning.pids_at_work() - dead)
            os.kill(victim, signal.SIGKILL)
            dead.add(victim)
        morning.until_all_is_sent()
        morning.until(lambda: _health(url) == 200)
    morning.outcome.acts["worker killed"] += len(dead)
    _nothing_is_lost(morning, touches)
    reached(touches, "touches", seeds=1, faults=len(dead))
    reached(len(dead), "workers replaced")


def _nothing_is_lost(morning: Morning, touches: int) -> None:
    outcome = morning.over()
    assert outcome.wrong == []
    assert (outcome.after_calm or outcome.after_storm) is not None
    assert morning.states() == {"sent": touches}


def test_what_a_frozen_worker_holds_is_free_after_its_lease_and_a_sweep(begun: Begin, reached: Tell) -> None:
    morning = begun(Order(TOUCHES, manners=MANNERS))
    morning.begin()
    morning.until(lambda: morning.fleet.at_work("worker"))
    frozen = morning.fleet.at_work("worker")[0]
    morning.fleet.freeze(frozen, seconds=10_000)
    held = morning.held_by(frozen)
    assert held
    morning.until(lambda: not morning.held_by(frozen))
    ((there_since,),) = morning.rows(f"SELECT max(started_at) FROM workers WHERE name NOT LIKE '%-{frozen}-%'")  # it may have started later
    over = max(there_since, *(leased_until for _, leased_until in held))
    assert morning.now() - over < SWEEP_SECONDS_BY_DEFAULT * SECOND
    morning.until_all_is_sent()
    os.kill(frozen, signal.SIGCONT)  # it goes on with what is not its own any more
    morning.until(lambda: not morning.fleet.at_work("worker"))
    _nothing_is_lost(morning, TOUCHES)
    reached(TOUCHES, "touches", seeds=1, faults=1)


def test_a_worker_whose_lines_to_the_ledger_are_cut_goes_on(begun: Begin, reached: Tell) -> None:
    touches = TOUCHES + CUTS * 10
    morning = begun(Order(touches, workers=1, manners=Manners(pace=0.1)))
    morning.begin()
    assert morning.postgres is not None
    for number in range(CUTS):
        morning.until_taken(10 * (number + 1))
        morning.until(lambda: morning.fleet.at_work("worker"))
        morning.postgres.cut_lines()
        morning.outcome.acts["ledger restarted"] += 1  # as far as what may be unknown is concerned
    (worker,) = morning.fleet.members("worker")
    morning.until_all_is_sent()
    assert morning.fleet.members("worker") == [worker]
    assert not morning.outcome.acts["worker left"]
    _nothing_is_lost(morning, touches)
    reached(touches, "touches", seeds=1, faults=CUTS)
