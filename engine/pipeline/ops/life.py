"""Signs of life: which processes are there, which fell silent, and which have been at one task for longer than any takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from engine.calendar import DAY, SECOND
from engine.ledger import holds, restores, waiting
from engine.pipeline.room import room_of
from engine.pipeline.system import System
from engine.pipeline.worker import LONGEST_SECONDS

LONGEST_TASK = int(LONGEST_SECONDS) * SECOND
MISSED_FOR = DAY  # so long who left without a word is shown


@dataclass(frozen=True)
class Process:
    """A worker, a scheduler or a supervisor. `silent`: no sign of life for BANSO_SILENT_SECONDS; `hanging`: at one task for longer than any takes."""

    name: str
    kind: str
    started_at: int
    seen_at: int
    busy_since: int | None
    condition: Literal["alive", "silent", "hanging"]


def open_work(system: System) -> int:
    """Touches that a worker could take now or is holding; none while sending is held after a restore or the disk is nearly full."""
    low = room_of(system.config).is_low
    with system.ledger.read() as connection:
        if low or restores.holding(connection) is not None:
            return 0
        return waiting.count_due(connection, system.clock.now())


def sign_of_life(system: System, name: str, kind: str = "worker", busy_since: int | None = None) -> None:
    now = system.clock.now()
    with system.ledger.write() as connection:
        holds.worker_seen(connection, name, kind, now)
        holds.worker_busy(connection, name, busy_since)


@dataclass(frozen=True)
class Sign:
    """The newest sign of a process. Both of its instants are its own, so `hangs` holds whatever the reader's clock says."""

    name: str
    seen_at: int
    hangs: bool


def look_around(system: System, name: str, kind: str) -> list[Sign]:
    """Give a sign of life and return everybody's: a ledger that cannot take this one did not take theirs either."""
    now = system.clock.now()
    with system.ledger.write() as connection:
        holds.worker_seen(connection, name, kind, now)
        rows = holds.workers_alive(connection, now - MISSED_FOR)
    return [_sign(row["name"], row["seen_at"], row["busy_since"]) for row in rows]


def _sign(name: str, seen_at: int, busy_since: int | None) -> Sign:
    return Sign(name, seen_at, busy_since is not None and seen_at - busy_since > LONGEST_TASK)


def farewell(system: System, name: str) -> None:
    """A process that was told to leave says so, and who is not missed any more is forgotten."""
    with system.ledger.write() as connection:
        holds.worker_left(connection, name)
        holds.forget_workers(connection, system.clock.now() - MISSED_FOR)


def is_alive(system: System, kind: str) -> bool:
    """Whether a process of this kind is there and not silent."""
    with system.ledger.read() as connection:
        alive = holds.workers_alive(connection, _silent_before(system))
    return any(row["kind"] == kind for row in alive)


def processes(system: System) -> Sequence[Process]:
    """Every process seen within a day that did not say farewell."""
    now = system.clock.now()
    with system.ledger.read() as connection:
        rows = holds.workers_alive(connection, now - MISSED_FOR)
    return [_process(**row, silent_before=_silent_before(system), hanging_before=now - LONGEST_TASK) for row in rows]


def _silent_before(system: System) -> int:
    return system.clock.now() - system.config.silent_seconds * SECOND


def _process(name: str, kind: str, started_at: int, seen_at: int, busy_since: int | None, *, silent_before: int, hanging_before: int) -> Process:
    hangs = busy_since is not None and busy_since < hanging_before
    return Process(name, kind, started_at, seen_at, busy_since, "silent" if seen_at < silent_before else "hanging" if hangs else "alive")
