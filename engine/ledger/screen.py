"""Touches that wait for the customer to come and look: what may be shown, and what he did with it."""

from sqlalchemy import Connection, and_, or_, select, update

from engine.ledger.tables import touches
from engine.ledger.touches import LOOKED_AT, as_touch
from engine.touches.touch import State, Touch


def on_screen(connection: Connection, account: str, channel: str, now: int, today: int) -> list[Touch]:
    """The account's touches of a channel that may still be shown, and those that were shown and are valid; the newest first."""
    fresh = and_(touches.c.state == State.PENDING, touches.c.due_at <= now, touches.c.deadline >= now)
    there = and_(touches.c.state == State.SENT, touches.c.window_last_day >= today)
    mine = and_(touches.c.account_id == account, touches.c.channel == channel, LOOKED_AT)
    rows = connection.execute(select(touches).where(mine, or_(fresh, there)).order_by(touches.c.decided_at.desc(), touches.c.id)).mappings()
    return [as_touch(row) for row in rows]


def mark_shown(connection: Connection, touch_id: str, now: int, window_last_day: int) -> bool:
    """Returns whether it was shown for the first time."""
    waiting = and_(touches.c.id == touch_id, touches.c.state == State.PENDING)
    shown = {"state": State.SENT, "begun_at": now, "sent_at": now, "window_last_day": window_last_day, "reason": None, "detail": None}
    return bool(connection.execute(update(touches).where(waiting).values(**shown)).rowcount)


def mark_answered(connection: Connection, touch_id: str, word: str) -> bool:
    """Returns whether this is the first thing that the customer did with it."""
    open_one = and_(touches.c.id == touch_id, touches.c.state == State.SENT, touches.c.reply.is_(None))
    return bool(connection.execute(update(touches).where(open_one).values(reply=word)).rowcount)
