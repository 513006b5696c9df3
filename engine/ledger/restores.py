"""Whether this ledger was restored from a backup: its count, which only grows, the times it was found behind, and what is in doubt then."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, and_, bindparam, exists, func, or_, select, text, update

from engine.ledger.decisions import add_decisions
from engine.ledger.rows import insert
from engine.ledger.tables import marks, restores, touches
from engine.ledger.touches import RELEASED, add_touches, get_touches
from engine.touches.delivery import DeliveryReason
from engine.touches.touch import LIVE, State, Touch

COUNT = "count"
BATCH = 500  # touches per statement
_COUNT_ON = text("INSERT INTO marks (name, value) VALUES (:name, 1) ON CONFLICT (name) DO UPDATE SET value = marks.value + 1 RETURNING value")
_MUST_HOLD = select(
    or_(
        func.coalesce(select(marks.c.value).where(marks.c.name == COUNT).scalar_subquery(), 0) < bindparam("newest"),
        exists().where(restores.c.released_at.is_(None)),
    )
)
CERTAIN = frozenset({State.SENT, State.UNKNOWN})  # what a backup already knows of a letter that is in doubt


@dataclass(frozen=True)
class Restore:
    """One time that the ledger was restored. `by` and `reason`: who said so, banso itself where it was found behind."""

    number: int  # what the ledger counts on from
    noticed_at: int
    by: str
    reason: str
    doubted: int
    released_at: int | None = None
    released_by: str | None = None
    released_because: str | None = None


def counted(connection: Connection) -> int:
    """How far the ledger counts."""
    return int(connection.scalar(select(marks.c.value).where(marks.c.name == COUNT)) or 0)


def count_on(connection: Connection) -> int:
    """The next number. Whoever takes one waits for the last who did, so take it at the end of a transaction."""
    return int(connection.scalars(_COUNT_ON, {"name": COUNT}).one())


def holding(connection: Connection) -> Restore | None:
    """The restore for which sending is held; None when it goes on."""
    row = connection.execute(select(restores).where(restores.c.released_at.is_(None)).order_by(restores.c.number.desc())).mappings().first()
    return Restore(**row) if row is not None else None


def last(connection: Connection) -> Restore | None:
    """The newest restore there was."""
    row = connection.execute(select(restores).order_by(restores.c.number.desc()).limit(1)).mappings().first()
    return Restore(**row) if row is not None else None


def must_hold(connection: Connection, newest: int) -> bool:
    """Whether nothing may be sent: a restore is not released yet, or not even noticed. `newest`: of the counterfoils, asked before."""
    return bool(connection.scalar(_MUST_HOLD, {"newest": newest}))


def hold(connection: Connection, restore: Restore) -> None:
    """From this commit on nothing is sent. Whoever calls it has shut senders out (see holds.hold_still)."""
    statement = insert(connection, marks).values(name=COUNT, value=restore.number)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"value": restore.number}))
    connection.execute(insert(connection, restores).values(**restore.__dict__))


def release(connection: Connection, by: str, reason: str, now: int) -> int:
    """Sending goes on; returns how many restores were open."""
    change = {"released_at": now, "released_by": by, "released_because": reason}
    return connection.execute(update(restores).where(restores.c.released_at.is_(None)).values(**change)).rowcount


# --- what is in doubt -------------------------------------------------------------------------------------------------


def doubt(connection: Connection, begun: Sequence[Touch], now: int) -> list[Touch]:
    """Touches that were begun after the backup become unknown, whatever the backup says of them; returns those.

    One that the backup does not know is put in again, and what stood in its place had ended by then.
    """
    doubted = list[Touch]()
    for start in range(0, len(begun), BATCH):
        part = begun[start : start + BATCH]
        there = {touch.id: touch for touch in get_touches(connection, [touch.id for touch in part])}
        for touch in part:
            if touch.id in there and there[touch.id].state not in CERTAIN:
                doubted.append(_unknown(connection, touch))
            elif touch.id not in there:
                doubted.append(_put_in(connection, touch, now))
    return doubted


def doubt_due(connection: Connection, channels: Sequence[str], now: int) -> list[Touch]:
    """Where nothing says what was begun after the backup: everything that could have been."""
    under_way = touches.c.state.in_([State.CLAIMED, State.SENDING])
    due = or_(under_way, and_(touches.c.state == State.PENDING, touches.c.due_at <= now))
    ids = list(connection.scalars(select(touches.c.id).where(due, touches.c.channel.in_(channels)).order_by(touches.c.id)))
    found = [touch for start in range(0, len(ids), BATCH) for touch in get_touches(connection, ids[start : start + BATCH])]
    return [_unknown(connection, replace(touch, begun_at=touch.begun_at or touch.due_at)) for touch in found]


def _unknown(connection: Connection, touch: Touch) -> Touch:
    change = _doubtful(touch)
    connection.execute(update(touches).where(touches.c.id == touch.id).values(**change, **RELEASED))
    return replace(touch, **change)


def _doubtful(touch: Touch) -> dict[str, Any]:
    kept = {name: getattr(touch, name) for name in ("attempt", "begun_at", "window_last_day")}
    return {**kept, "state": State.UNKNOWN, "reason": DeliveryReason.RESTORED, "detail": None, "sent_at": None, "ended_at": None}


def _put_in(connection: Connection, touch: Touch, now: int) -> Touch:
    """With the decision that it came from, so that its night does not decide it once more and the books balance."""
    key = ("account_id", "rule", "per_value", "ordinal")
    in_its_place = and_(*(touches.c[name] == getattr(touch, name) for name in key), touches.c.state.in_(list(LIVE)))
    ended = {"state": State.DROPPED, "reason": DeliveryReason.RESTORED, "detail": None, "ended_at": now, "begun_at": None, "window_last_day": None}
    connection.execute(update(touches).where(in_its_place).values(**ended, **RELEASED))
    doubted = replace(touch, **_doubtful(touch))
    add_touches(connection, [doubted])
    names = ("slot", "account_id", "rule", "lane", "decided_at", "rule_set")
    row = {**{name: getattr(touch, name) for name in names}, "outcome": "won", "reason": None, "detail": None, "trace": "{}", "touch_id": touch.id}
    add_decisions(connection, [row])
    return doubted


def count_doubted(connection: Connection) -> int:
    """Touches that are still unknown because of a restore."""
    open_ones = and_(touches.c.state == State.UNKNOWN, touches.c.reason == DeliveryReason.RESTORED)
    return int(connection.scalar(select(func.count()).select_from(touches).where(open_ones)) or 0)
