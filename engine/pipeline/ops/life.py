"""Signs of life: which processes are there, which fell silent, and which have been at one task for longer than any takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from engine.calendar import DAY, SECOND
from engine.channels.mail.transport import FINAL_REPLY_SECONDS
from engine.ledger import holds, restores
from engine.ledger import touches as ledger_touches
from engine.pipeline.dispatch import TASK_SECONDS
from engine.pipeline.room import room_of
from engine.pipeline.system import System

LONGEST_TASK = int(TASK_SECONDS + FINAL_REPLY_SECONDS) * SECOND  # a task that has run its time and waits for the last relay's reply
MISSED_FOR = DAY  # so long who left without a word is shown


@dataclass(frozen=True)
class Process:
    """A worker or a scheduler. `silent`: no sign of life for a lease; `hanging`: at one task for longer than any takes."""

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
        return ledger_touches.count_due(connection, system.clock.now())


def sign_of_life(system: System, name: str, kind: str = "worker", busy_since: int | None = None) -> None:
    now = system.clock.now()
    with system.ledger.write() as connection:
        holds.worker_seen(connection, name, kind, now)
        holds.worker_busy(connection, name, busy_since)


def farewell(system: System, name: str) -> None:
    """A process that was told to leave says so, and who is not missed any more is forgotten."""
    with system.ledger.write() as connection:
        holds.worker_left(connection, name)
        holds.forget_workers(connection, system.clock.now() - MISSED_FOR)


def is_alive(system: System, kind: str) -> bool:
    """Whether a process of this kind gave a sign of life within three leases."""
    with system.ledger.read() as connection:
        alive = holds.workers_alive(connection, system.clock.now() - 3 * system.config.lease_seconds * SECOND)
    return any(row["kind"] == kind for row in alive)


def processes(system: System) -> Sequence[Process]:
    """Every process seen within a day that did not say farewell."""
    now = system.clock.now()
    with system.ledger.read() as connection:
        rows = holds.workers_alive(connection, now - MISSED_FOR)
    silent_before = now - system.config.lease_seconds * SECOND
    return [_process(**row, silent_before=silent_before, hanging_before=now - LONGEST_TASK) for row in rows]


def _process(name: str, kind: str, started_at: int, seen_at: int, busy_since: int | None, *, silent_before: int, hanging_before: int) -> Process:
    hangs = busy_since is not None and busy_since < hanging_before
    return Process(name, kind, started_at, seen_at, busy_since, "silent" if seen_at < silent_before else "hanging" if hangs else "alive")
