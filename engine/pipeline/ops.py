"""What ops people set and see: pauses, suppressed addresses, workers, queues, and whether the books balance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.calendar import SECOND
from engine.decision.standing import Pause
from engine.ledger import holds
from engine.ledger import records as ledger_records
from engine.ledger import touches as ledger_touches
from engine.ledger.open import SAFE_SQLITE, reachable, sqlite_version
from engine.ledger.records import LoadRow
from engine.pipeline.dispatch import NOT_BEGUN, outcome_record
from engine.pipeline.evaluate import stale_at
from engine.pipeline.system import System
from engine.touches.touch import State

SAFE_PYTHON = {(3, 11): 15, (3, 12): 13, (3, 13): 12, (3, 14): 3}  # first release of each line without the mail header CVEs


def open_work(system: System) -> int:
    """Touches that a worker could take now or is holding."""
    with system.ledger.read() as connection:
        return ledger_touches.count_due(connection, system.clock.now())


def sign_of_life(system: System, name: str, kind: str = "worker") -> None:
    with system.ledger.write() as connection:
        holds.worker_seen(connection, name, kind, system.clock.now())


def is_alive(system: System, kind: str) -> bool:
    """Whether a process of this kind gave a sign of life within three leases."""
    with system.ledger.read() as connection:
        alive = holds.workers_alive(connection, system.clock.now() - 3 * system.config.lease_seconds * SECOND)
    return any(row["kind"] == kind for row in alive)


def pause(system: System, what: Pause, by: str) -> None:
    with system.ledger.write() as connection:
        holds.add_pause(connection, what, by, system.clock.now())


def resume(system: System, scope: str, name: str) -> int:
    """Lift the open pauses of a scope; returns how many there were."""
    with system.ledger.write() as connection:
        return holds.lift_pauses(connection, scope, name, system.clock.now())


def settle(system: System, touch_id: str, *, was_sent: bool) -> bool:
    """A person's word on a touch that nobody could tell about: it was sent, or it goes out again in the same bytes."""
    now = system.clock.now()
    with system.ledger.write() as connection:
        found = ledger_touches.get_touches(connection, [touch_id])
        if not found or found[0].state is not State.UNKNOWN:
            return False
        touch = found[0]
        if not was_sent:
            return ledger_touches.settle(
                connection, touch_id, touch.attempt, state=State.PENDING, reason="settled: not sent", due_at=now, **NOT_BEGUN
            )
        change = {"state": State.SENT, "sent_at": touch.begun_at or now, "reason": "settled: sent"}
        ledger_records.append_tail(connection, [outcome_record(touch, State.SENT, touch.begun_at or now)], now)
        return ledger_touches.settle(connection, touch_id, touch.attempt, **change)


def suppress(system: System, address: str, kind: str, reason: str) -> None:
    with system.ledger.write() as connection:
        holds.suppress(connection, address, kind, reason, system.clock.now())


def unsuppress(system: System, address: str) -> int:
    with system.ledger.write() as connection:
        return holds.lift_suppression(connection, address, system.clock.now())


@dataclass(frozen=True)
class Status:
    """The state of the queues and sources at an instant."""

    states: Mapping[str, int]
    due: int
    next_due: int | None
    workers: Sequence[str]
    pauses: Sequence[Pause]
    loads: Sequence[LoadRow]
    stale: frozenset[str]
    quarantine: Mapping[str, int]


def status(system: System) -> Status:
    now = system.clock.now()
    stale = stale_at(system, system.workspace, now)
    with system.ledger.read() as connection:
        return Status(
            states=ledger_touches.count_states(connection),
            due=ledger_touches.count_due(connection, now),
            next_due=ledger_touches.next_due(connection),
            workers=[row["name"] for row in holds.workers_alive(connection, now - 3 * system.config.lease_seconds * SECOND)],
            pauses=holds.pauses_at(connection, now),
            loads=ledger_records.last_loads(connection),
            stale=stale,
            quarantine=ledger_records.count_quarantine(connection),
        )


@dataclass(frozen=True)
class Check:
    """One thing the doctor looked at: `level` is ok, warn or bad."""

    name: str
    level: str
    detail: str


def doctor(system: System, python: tuple[int, int, int]) -> list[Check]:
    """Look at everything that can be wrong with a deployment without changing it."""
    checks = [_check_python(python), _check_store(system)]
    if system.ledger.is_sqlite:
        checks.append(_check_sqlite())
    checks += [_check_books(system), _check_lake(system), _check_unknown(system)]
    return checks


def _check_python(python: tuple[int, int, int]) -> Check:
    floor = SAFE_PYTHON.get(python[:2])
    version = ".".join(str(part) for part in python)
    if floor is not None and python[2] < floor:
        return Check("python", "warn", f"{version} < {python[0]}.{python[1]}.{floor} (CVE-2024-6923, CVE-2026-1299)")
    return Check("python", "ok", version)


def _check_store(system: System) -> Check:
    level = "ok" if reachable(system.ledger) else "bad"
    return Check("ledger", level, system.ledger.engine.url.render_as_string(hide_password=True))


def _check_sqlite() -> Check:
    version = sqlite_version()
    return Check("sqlite", "ok" if version >= SAFE_SQLITE else "bad", ".".join(str(part) for part in version))


def _check_books(system: System) -> Check:
    """Every won decision has its touch and every touch its decision."""
    with system.ledger.read() as connection:
        wrong = ledger_touches.imbalance(connection)
        states = ledger_touches.count_states(connection)
    if wrong:
        return Check("books", "bad", "; ".join(f"{rule}: {won} decisions, {made} touches" for rule, won, made in wrong))
    return Check("books", "ok", ", ".join(f"{state} {number}" for state, number in sorted(states.items())) or "empty")


def _check_lake(system: System) -> Check:
    """Every file of the manifest is there."""
    with system.ledger.read() as connection:
        parts = ledger_records.live_parts(connection)
    missing = [part.path for part in parts if not (system.lake / part.path).is_file()]
    if missing:
        return Check("lake", "bad", f"{len(missing)} files missing: {missing[0]}")
    return Check("lake", "ok", f"{len(parts)} files, {sum(part.rows for part in parts):,} records")


def _check_unknown(system: System) -> Check:
    with system.ledger.read() as connection:
        unknown = ledger_touches.count_states(connection).get("unknown", 0)
    return Check("unknown", "warn" if unknown else "ok", str(unknown))
