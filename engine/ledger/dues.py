"""Rows that are judged when their time has come: what a record that triggers rules makes, also for those that look at once."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, delete, select, update

from engine.ledger.rows import insert_new_ids
from engine.ledger.tables import dues


@dataclass(frozen=True)
class Due:
    """Judge one rule for one account at `due_at`, because of `record`."""

    id: str
    account_id: str
    contact_id: str | None
    rule: str
    record: str
    due_at: int


def add_dues(connection: Connection, new: Sequence[Due]) -> set[str]:
    """New rows; one that is there already stays as it is. Returns the ids of those that were new."""
    return insert_new_ids(connection, dues, [{**asdict(each), "done_at": None} for each in new])


def waiting(connection: Connection, now: int, limit: int) -> list[Due]:
    """Rows whose time has come, oldest first; rows of one record and instant stand together, and all of them or none are among these."""
    open_ones = select(dues).where(dues.c.done_at.is_(None), dues.c.due_at <= now).order_by(dues.c.due_at, dues.c.record, dues.c.id).limit(limit)
    found = [Due(**{name: row[name] for name in Due.__dataclass_fields__}) for row in connection.execute(open_ones).mappings()]
    whole = [due for due in found if (due.due_at, due.record) != (found[-1].due_at, found[-1].record)]
    return whole if len(found) == limit and whole else found


def done(connection: Connection, ids: Sequence[str], now: int) -> None:
    connection.execute(update(dues).where(dues.c.id.in_(ids), dues.c.done_at.is_(None)).values(done_at=now))


def put_off(connection: Connection, ids: Sequence[str], until: int) -> None:
    """Rows that could not be judged come up again later, so that one that never can be stops nobody."""
    connection.execute(update(dues).where(dues.c.id.in_(ids), dues.c.done_at.is_(None)).values(due_at=until))


def forget_done(connection: Connection, before: int) -> None:
    connection.execute(delete(dues).where(dues.c.done_at < before))
