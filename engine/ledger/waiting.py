"""What waits for its turn: rung for, expired, or given back by whoever died over it. What one sweep holds, another leaves alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, literal_column, or_, select, update

from engine.decision.gates import EXPIRED
from engine.ledger.among import among
from engine.ledger.tables import touches
from engine.ledger.touches import AT_ONCE, LOOKED_AT, RELEASED, get_touches
from engine.touches.delivery import DeliveryReason
from engine.touches.queue import Queue
from engine.touches.touch import State, Touch

# Written out, not bound: a plan for any state could not use the indexes over what waits.
IS_WAITING = touches.c.state == literal_column(f"'{State.PENDING}'")

_MARK_RUNG = update(touches).where(among(touches.c.id, "ids")).values(rung_at=bindparam("now"))


def due_ids(connection: Connection, now: int, rung_before: int, limit: int, queue: Queue) -> list[str]:
    """Of the first `limit` touches of a queue that wait and are due, those not rung for lately; none that somebody else is at.

    Ringing for more than the workers get to would cost more than the sending; whatever a worker has looked at and left waiting is due later.
    """
    waiting = and_(IS_WAITING, touches.c.due_at <= now, touches.c.channel == queue.channel, LOOKED_AT)
    mine = touches.c.rule.in_(queue.only) if queue.only is not None else touches.c.rule.not_in(queue.but)
    in_turn = (touches.c.due_at, touches.c.id)
    first = select(touches.c.id).where(waiting, mine).order_by(*in_turn).limit(limit).scalar_subquery()
    quiet = or_(touches.c.rung_at.is_(None), touches.c.rung_at < rung_before)
    wanted = select(touches.c.id).where(touches.c.id.in_(first), IS_WAITING, quiet).order_by(*in_turn)
    return list(connection.scalars(wanted.with_for_update(skip_locked=True)))


def mark_rung(connection: Connection, ids: Sequence[str], now: int) -> None:
    connection.execute(_MARK_RUNG, {"ids": list(ids), "now": now})


@dataclass(frozen=True)
class Freed:
    """What dead workers left behind: how many claims went back, and the touches of which nobody can tell."""

    released: int
    unknown: Sequence[Touch]


def release_expired(connection: Connection, now: int) -> Freed:
    """A claim whose lease ran out goes back to pending, a send under way becomes unknown."""
    dead = touches.c.leased_until < now
    back = _unlocked(connection, and_(touches.c.state == State.CLAIMED, dead), touches.c.leased_until)
    connection.execute(update(touches).where(touches.c.id.in_(back)).values(state=State.PENDING, **RELEASED))
    lost = _unlocked(connection, and_(touches.c.state == State.SENDING, dead), touches.c.leased_until)
    change = {"state": State.UNKNOWN, "reason": DeliveryReason.WORKER_DIED, **RELEASED}
    connection.execute(update(touches).where(touches.c.id.in_(lost)).values(**change))
    return Freed(len(back), get_touches(connection, lost))


def _unlocked(connection: Connection, which: ColumnElement[bool], first: ColumnElement[int]) -> list[str]:
    """Ids that this transaction may change without waiting for another: sweeps run beside each other, and what one holds another leaves."""
    wanted = select(touches.c.id).where(which).order_by(first, touches.c.id).limit(AT_ONCE)
    return list(connection.scalars(wanted.with_for_update(skip_locked=True)))


def expire_overdue(connection: Connection, now: int) -> int:
    """Pending touches past their deadline are never sent late."""
    overdue = _unlocked(connection, and_(IS_WAITING, touches.c.deadline < now), touches.c.deadline)
    if overdue:
        connection.execute(update(touches).where(touches.c.id.in_(overdue)).values(state=State.EXPIRED, reason=EXPIRED, detail=None, ended_at=now))
    return len(overdue)


def count_due(connection: Connection, now: int) -> int:
    """Touches that a worker could take now or is holding."""
    held = touches.c.state.in_([State.CLAIMED, State.SENDING])
    open_now = or_(held, and_(touches.c.state == State.PENDING, touches.c.due_at <= now, LOOKED_AT))
    return int(connection.scalar(select(func.count()).select_from(touches).where(open_now)) or 0)


def next_due(connection: Connection) -> int | None:
    first: int | None = connection.scalar(select(func.min(touches.c.due_at)).where(IS_WAITING))
    return first
