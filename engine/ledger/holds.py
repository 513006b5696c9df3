"""What people and mailbox providers said must not happen: pauses and suppressed addresses; and which workers are alive."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, RowMapping, bindparam, case, delete, select, update

from engine.decision.standing import Pause
from engine.ledger.among import among
from engine.ledger.instants import hold_advisory
from engine.ledger.rows import insert
from engine.ledger.tables import pauses, suppressions, workers

HOLD_LOCK = 0x62616E76  # the advisory lock of senders and of those who stop them, on PostgreSQL

# What every wave asks, built once.
_PAUSES_BEGUN = select(pauses).where(pauses.c.since <= bindparam("instant"), pauses.c.until > bindparam("instant")).order_by(pauses.c.id)
_PAUSES_OPEN = select(pauses).where(pauses.c.lifted_at.is_(None), pauses.c.until > bindparam("now")).order_by(pauses.c.id)
_SUPPRESSIONS = select(suppressions).where(among(suppressions.c.address, "addresses"))


def hold_still(connection: Connection, *, alone: bool) -> None:
    """Senders share this lock while they ask and commit `sending`; who stops them takes it alone, so nobody slips between."""
    hold_advisory(connection, HOLD_LOCK, shared=not alone)


def add_pause(connection: Connection, pause: Pause, by: str, now: int) -> None:
    hold_still(connection, alone=True)
    values = {"scope": pause.scope, "name": pause.name, "reason": pause.reason, "by": by, "since": now, "until": pause.until}
    connection.execute(insert(connection, pauses).values(**values))


def lift_pauses(connection: Connection, scope: str, name: str, now: int) -> int:
    """End the open pauses of a scope; returns how many."""
    here = (pauses.c.scope == scope, pauses.c.name == name, pauses.c.lifted_at.is_(None), pauses.c.until > now)
    return connection.execute(update(pauses).where(*here).values(lifted_at=now)).rowcount


def lifted_pauses(connection: Connection, scope: str, names: Sequence[str], by: str) -> list[RowMapping]:
    """The pauses that `by` set over any of these names and that a person ended before their time, newest first."""
    here = (pauses.c.scope == scope, pauses.c.name.in_(names), pauses.c.by == by, pauses.c.lifted_at.is_not(None))
    return list(connection.execute(select(pauses).where(*here).order_by(pauses.c.since.desc())).mappings())


def pauses_at(connection: Connection, instant: int) -> list[Pause]:
    """The pauses in force at an instant."""
    rows = connection.execute(_PAUSES_BEGUN, {"instant": instant}).mappings()
    return [Pause(row["scope"], row["name"], row["reason"], row["until"]) for row in rows if row["lifted_at"] is None or row["lifted_at"] > instant]


def pauses_now(connection: Connection, now: int) -> list[Pause]:
    """The pauses that nobody lifted and that are not over. When they began is not asked: it was told by another machine's clock."""
    rows = connection.execute(_PAUSES_OPEN, {"now": now}).mappings()
    return [Pause(row["scope"], row["name"], row["reason"], row["until"]) for row in rows]


def suppress(connection: Connection, address: str, kind: str, reason: str, now: int) -> None:
    """No mail goes to the address any more; `kind` is opted_out or bounced."""
    hold_still(connection, alone=True)
    statement = insert(connection, suppressions).values(address=address.lower(), kind=kind, reason=reason, since=now)
    since = case((suppressions.c.lifted_at.is_(None), suppressions.c.since), else_=now)
    change = {"lifted_at": None, "reason": reason, "since": since}
    connection.execute(statement.on_conflict_do_update(index_elements=["address", "kind"], set_=change))


def lift_suppression(connection: Connection, address: str, kind: str, now: int) -> int:
    """Lifting a bounce leaves a wish not to be written to in force, and the other way round. Returns how many were lifted."""
    here = (suppressions.c.address == address.lower(), suppressions.c.kind == kind, suppressions.c.lifted_at.is_(None))
    return connection.execute(update(suppressions).where(*here).values(lifted_at=now)).rowcount


def suppressed_at(connection: Connection, addresses: Iterable[str], instant: int) -> dict[str, frozenset[str]]:
    """Address → kinds of suppression in force at an instant."""
    rows = [row for row in _suppressions(connection, addresses) if row["since"] <= instant]
    return _kinds(row for row in rows if row["lifted_at"] is None or row["lifted_at"] > instant)


def suppressed_now(connection: Connection, addresses: Iterable[str]) -> dict[str, frozenset[str]]:
    """Address → kinds of suppression that nobody lifted, whatever any clock says of when they began."""
    return _kinds(row for row in _suppressions(connection, addresses) if row["lifted_at"] is None)


def _suppressions(connection: Connection, addresses: Iterable[str]) -> Sequence[RowMapping]:
    wanted = sorted({address.lower() for address in addresses})
    return connection.execute(_SUPPRESSIONS, {"addresses": wanted}).mappings().all()


def _kinds(rows: Iterable[RowMapping]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row["address"], set()).add(row["kind"])
    return {address: frozenset(kinds) for address, kinds in found.items()}


def worker_seen(connection: Connection, name: str, kind: str, now: int) -> None:
    statement = insert(connection, workers).values(name=name, kind=kind, started_at=now, seen_at=now)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"seen_at": now}))


def workers_alive(connection: Connection, since: int) -> Sequence[RowMapping]:
    return connection.execute(select(workers).where(workers.c.seen_at >= since).order_by(workers.c.name)).mappings().all()


def worker_busy(connection: Connection, name: str, since: int | None) -> None:
    """Since when the worker is at the task it has in hand; None while it waits for one."""
    connection.execute(update(workers).where(workers.c.name == name).values(busy_since=since))


def worker_left(connection: Connection, name: str) -> None:
    """It went as it was told to; who goes otherwise leaves its row behind, and so is missed."""
    connection.execute(delete(workers).where(workers.c.name == name))


def forget_workers(connection: Connection, before: int) -> None:
    """Those not seen since then are not missed any more."""
    connection.execute(delete(workers).where(workers.c.seen_at < before))
