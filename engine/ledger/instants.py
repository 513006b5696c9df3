"""Fixing the instant of a run so that "as known then" can be recomputed.

Acceptors stamp `known_at` while they hold the accept lock shared; a run fixes its instant while it holds it alone. So every record a run
can see was known by its instant, and every record accepted afterwards is known later. On SQLite the write lock is that lock.
"""

from sqlalchemy import Connection, func, select, text

from engine.ledger.rows import insert
from engine.ledger.tables import marks, tail

ACCEPT_LOCK = 0x62616E73  # "bans": the advisory lock's number on PostgreSQL
FIXED = "fixed"
QUEUE_SECONDS = 300
LONGER_WAITS = text(f"SELECT set_config('lock_timeout', '{QUEUE_SECONDS}s', true), set_config('statement_timeout', '{2 * QUEUE_SECONDS}s', true)")

_LOCK = {
    shared: (text(f"SELECT pg_try_advisory_{kind}(:lock)"), text(f"SELECT pg_advisory_{kind}(:lock)"))
    for shared, kind in ((True, "xact_lock_shared"), (False, "xact_lock"))
}
_FIXED = select(marks.c.value).where(marks.c.name == FIXED)


def accept_instant(connection: Connection, now: int) -> int:
    """The `known_at` of records accepted in this transaction: now, but after every run that was already fixed."""
    beside_acceptors(connection)
    return max(now, _fixed(connection) + 1)


def beside_acceptors(connection: Connection) -> None:
    """For whoever adds records or moves them: until this transaction ends no run fixes its instant or takes its snapshot."""
    hold_advisory(connection, ACCEPT_LOCK, shared=True)


def shut_out_acceptors(connection: Connection) -> None:
    """Until this transaction ends nobody accepts or moves records: every one with a smaller tail id is there, and none is under way."""
    hold_advisory(connection, ACCEPT_LOCK, shared=False)


def hold_advisory(connection: Connection, lock: int, *, shared: bool) -> None:
    """Hold one of our numbered locks to the end of the transaction; on SQLite the write lock is that lock.

    The waits here are queues, as a load may hold the lock for many seconds: longer ones than for rows are no sign of a fault.
    """
    if connection.dialect.name == "postgresql":
        try_it, wait_for_it = _LOCK[shared]
        if not connection.scalar(try_it, {"lock": lock}):
            connection.execute(LONGER_WAITS)
            connection.execute(wait_for_it, {"lock": lock})


def fix_instant(connection: Connection, instant: int) -> int:
    """Fix a run at `instant`; returns the arrival: the id of the last tail row the run may see."""
    shut_out_acceptors(connection)
    statement = insert(connection, marks).values(name=FIXED, value=instant)
    later = func.max if connection.dialect.name == "sqlite" else func.greatest
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"value": later(marks.c.value, statement.excluded.value)}))
    return arrival(connection)


def arrival(connection: Connection) -> int:
    """The id of the newest tail row."""
    return int(connection.scalar(select(func.coalesce(func.max(tail.c.id), 0))) or 0)


def _fixed(connection: Connection) -> int:
    return int(connection.scalar(_FIXED) or 0)
