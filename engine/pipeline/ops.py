"""What ops people set and see: pauses, suppressed addresses, workers, queues, and whether the books balance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from engine.calendar import SECOND, moment_of
from engine.channels.letter import Unwritable
from engine.channels.mail.message import checked_address
from engine.decision.gates import EXPIRED
from engine.decision.standing import Pause
from engine.detail import detail
from engine.errors import refuse
from engine.ledger import holds
from engine.ledger import records as ledger_records
from engine.ledger import touches as ledger_touches
from engine.ledger.open import SAFE_SQLITE, reachable, sqlite_version
from engine.ledger.records import LoadRow
from engine.pipeline.evaluate import stale_at
from engine.pipeline.system import System
from engine.pipeline.wave import NOT_BEGUN, outcome_record
from engine.touches.delivery import DeliveryReason
from engine.touches.touch import State, Touch

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
    """Raises BansoError E646 for a name that is none, for such a pause would stop nothing, and E647 for an end that is over."""
    if what.until <= system.clock.now():
        raise refuse("E647", "--until", value=moment_of(what.until, ZoneInfo(system.workspace.zone.name)).isoformat(" ", "minutes"))
    _must_exist(system, what)
    with system.ledger.write() as connection:
        holds.add_pause(connection, what, by, system.clock.now())


def _must_exist(system: System, what: Pause) -> None:
    known = {"rule": tuple(system.workspace.rules), "channel": tuple(system.workspace.settings.channels)}
    if what.scope == "account":
        near = nearest_account(system, what.name)
        if near != what.name:
            raise refuse("E646", what.name, kind=what.scope, name=what.name, near=near)
    elif what.scope in known and what.name not in known[what.scope]:
        raise refuse("E646", what.name, kind=what.scope, name=what.name, known=known[what.scope])


def nearest_account(system: System, name: str) -> str | None:
    """The account of this id, else the one whose id looks most like it; None where none is near."""
    near = "SELECT account_id FROM records WHERE account_id <> '' AND jaro_winkler_similarity(account_id, $1) > 0.8"
    with system.records() as records:
        row = records.duck.execute(f"{near} ORDER BY jaro_winkler_similarity(account_id, $1) DESC, account_id LIMIT 1", [name]).fetchone()
    return str(row[0]) if row else None


def resume(system: System, scope: str, name: str) -> int:
    """Lift the open pauses of a scope, of a rule under its earlier names too; returns how many there were."""
    rules = system.workspace.rules
    names = rules[name].names(name) if scope == "rule" and name in rules else (name,)
    with system.ledger.write() as connection:
        return sum(holds.lift_pauses(connection, scope, each, system.clock.now()) for each in names)


def settle(system: System, touch_id: str, *, was_sent: bool) -> State | None:
    """A person's word on a touch that nobody could tell about: it was sent, or it goes out again in the same bytes, unless it is too late.

    Returns the state it is in now, or None if there is no such touch that is unknown.
    """
    now = system.clock.now()
    with system.ledger.write() as connection:
        found = ledger_touches.get_touches(connection, [touch_id])
        if not found or found[0].state is not State.UNKNOWN:
            return None
        change = _settled(found[0], now, was_sent=was_sent)
        if was_sent:
            ledger_records.append_tail(connection, [outcome_record(found[0], State.SENT, change["sent_at"])], now)
        return change["state"] if ledger_touches.settle(connection, touch_id, found[0].attempt, now, **change) else None


def _settled(touch: Touch, now: int, *, was_sent: bool) -> Mapping[str, Any]:
    if was_sent:
        return {"state": State.SENT, "sent_at": touch.begun_at or now, "reason": DeliveryReason.SETTLED_SENT, "detail": None}
    if now > touch.deadline:
        return {"state": State.EXPIRED, "reason": EXPIRED, "detail": None, **NOT_BEGUN}
    return {"state": State.PENDING, "reason": DeliveryReason.SETTLED_NOT_SENT, "detail": None, "due_at": now, **NOT_BEGUN}


def suppress(system: System, address: str, kind: str, reason: str) -> str:
    """Returns the address as it is kept. Raises BansoError E645 for what is none: it would stop nothing."""
    plain = plain_address(address)
    with system.ledger.write() as connection:
        holds.suppress(connection, plain, kind, reason, system.clock.now())
    return plain


def unsuppress(system: System, address: str, kind: str) -> int:
    """Lift one kind of suppression only; returns how many there were."""
    plain = plain_address(address)
    with system.ledger.write() as connection:
        return holds.lift_suppression(connection, plain, kind, system.clock.now())


def plain_address(address: str) -> str:
    """The address without blanks around it, as mails are sent to it. Raises BansoError E645."""
    try:
        return checked_address(address.strip())
    except Unwritable as error:
        raise refuse("E645", address.strip() or "ADDRESS", value=address) from error


@dataclass(frozen=True)
class Status:
    """The state of the queues and sources at an instant."""

    states: Mapping[str, int]
    reasons: Mapping[str, Mapping[str, int]]  # state -> why touches wait or ended -> how many
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
            reasons=ledger_touches.count_reasons(connection),
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
    """One thing the doctor looked at: `level` is ok, warn or bad; each of `details` is written as in `engine.detail`, or a plain value."""

    name: str
    level: str
    details: Sequence[str]


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
        return Check("python", "warn", [detail("old_python", version, f"{python[0]}.{python[1]}.{floor}", "CVE-2024-6923, CVE-2026-1299")])
    return Check("python", "ok", [version])


def _check_store(system: System) -> Check:
    level = "ok" if reachable(system.ledger) else "bad"
    return Check("ledger", level, [system.ledger.engine.url.render_as_string(hide_password=True)])


def _check_sqlite() -> Check:
    version = sqlite_version()
    return Check("sqlite", "ok" if version >= SAFE_SQLITE else "bad", [".".join(str(part) for part in version)])


def _check_books(system: System) -> Check:
    """Every won decision has its touch and every touch its decision."""
    with system.ledger.read() as connection:
        wrong = ledger_touches.imbalance(connection)
        states = ledger_touches.count_states(connection)
    if wrong:
        return Check("books", "bad", [detail("imbalance", rule, won, made) for rule, won, made in wrong])
    return Check("books", "ok", [detail(state, number) for state, number in sorted(states.items())])


def _check_lake(system: System) -> Check:
    """Every file of the manifest is there."""
    with system.ledger.read() as connection:
        parts = ledger_records.live_parts(connection)
    missing = [part.path for part in parts if not (system.lake / part.path).is_file()]
    if missing:
        return Check("lake", "bad", [detail("missing", len(missing), missing[0])])
    return Check("lake", "ok", [detail("files", len(parts), sum(part.rows for part in parts))])


def _check_unknown(system: System) -> Check:
    with system.ledger.read() as connection:
        unknown = ledger_touches.count_states(connection).get("unknown", 0)
    return Check("unknown", "warn" if unknown else "ok", [str(unknown)])
