"""What ops look at: what waits and why, what failed, which rows cannot be, whether the books balance. It only reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Connection, and_, case, false, func, not_, or_, select

from engine.ledger.tables import decisions, slots, touches
from engine.ledger.touches import get_touches
from engine.touches.touch import ENDED, State, Touch

OPEN = (State.PENDING, State.CLAIMED, State.SENDING)
HAPPENED = func.coalesce(touches.c.ended_at, touches.c.begun_at, touches.c.decided_at)  # when a touch came to where it is


@dataclass(frozen=True)
class Waiting:
    """Touches that wait for the same reason: how many, how many of them are due, since when the oldest and until when the most urgent may go."""

    channel: str
    rule: str
    state: str
    reason: str | None
    number: int
    due: int
    oldest_due: int
    first_deadline: int


def waiting(connection: Connection, now: int) -> list[Waiting]:
    """Everything that is still to go out, the oldest first."""
    due = func.sum(case((touches.c.due_at <= now, 1), else_=0))
    oldest = func.min(touches.c.due_at)
    alike = (touches.c.channel, touches.c.rule, touches.c.state, touches.c.reason)
    counted = select(*alike, func.count(), due, oldest, func.min(touches.c.deadline)).where(touches.c.state.in_(OPEN)).group_by(*alike)
    return [Waiting(*row) for row in connection.execute(counted.order_by(oldest, *alike[:2]))]


def oldest_due(connection: Connection, now: int, channels: Sequence[str]) -> int | None:
    """Since when the oldest touch that workers should have taken by now is due.

    What hangs on a run that never finished is late as well, and so is what a dead worker holds.
    """
    late = and_(touches.c.state.in_([State.PENDING, State.CLAIMED]), touches.c.due_at <= now, touches.c.channel.in_(channels))
    oldest: int | None = connection.scalar(select(func.min(touches.c.due_at)).where(late))
    return oldest


@dataclass(frozen=True)
class Wanted:
    """Which touches to show; nothing of a kind means all of it."""

    states: tuple[str, ...] = (State.FAILED, State.UNKNOWN, State.EXPIRED)
    rules: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    since: int | None = None
    limit: int = 50


def find_touches(connection: Connection, wanted: Wanted) -> list[Touch]:
    """Touches by state, rule, reason and when they came to it, newest first."""
    asked: list[ColumnElement[bool]] = [touches.c.state.in_(wanted.states)]
    for column, values in ((touches.c.rule, wanted.rules), (touches.c.reason, wanted.reasons), (touches.c.id, wanted.ids)):
        asked += [column.in_(values)] if values else []
    asked += [wanted.since <= HAPPENED] if wanted.since is not None else []
    ids = list(connection.scalars(select(touches.c.id).where(*asked).order_by(HAPPENED.desc(), touches.c.id).limit(wanted.limit)))
    found = {touch.id: touch for touch in get_touches(connection, ids)}
    return [found[each] for each in ids]


def unclear(connection: Connection) -> tuple[int, int | None]:
    """How many touches nobody can tell about, and since when the oldest."""
    row = connection.execute(select(func.count(), func.min(touches.c.begun_at)).where(touches.c.state == State.UNKNOWN)).one()
    return int(row[0]), row[1]


@dataclass(frozen=True)
class Run:
    """A run that began and has not finished: until it has, nothing that it made goes out."""

    slot: str
    started_at: int
    held: int  # touches that wait for it


def unfinished(connection: Connection) -> list[Run]:
    key = slots.c.job + "/" + slots.c.slot
    held = select(func.count()).where(touches.c.slot == key, touches.c.state == State.PENDING).scalar_subquery()
    found = select(key, slots.c.started_at, held).where(slots.c.finished_at.is_(None)).order_by(slots.c.started_at)
    return [Run(*row) for row in connection.execute(found)]


# --- books ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Book:
    """One rule's account: what was won and what was withheld, and its touches by state."""

    rule: str
    won: int = 0
    withheld: int = 0
    touches: Mapping[str, int] = field(default_factory=dict)

    @property
    def made(self) -> int:
        """Touches of what was won: sent, failed, unknown, dropped, expired and live ones. A state that is none of ours counts for nothing."""
        return sum(self.touches.get(state, 0) for state in State if state is not State.WITHHELD)

    @property
    def balances(self) -> bool:
        return (self.won, self.withheld) == (self.made, self.touches.get(State.WITHHELD, 0)) and self.touches.keys() <= set(State)


def books(connection: Connection) -> list[Book]:
    """Every rule's book, by its name at the time."""
    won = select(decisions.c.rule, decisions.c.outcome, func.count()).where(decisions.c.outcome.in_(["won", "withheld"]))
    decided = {(rule, outcome): number for rule, outcome, number in connection.execute(won.group_by(decisions.c.rule, decisions.c.outcome))}
    made: dict[str, dict[str, int]] = {}
    for rule, state, number in connection.execute(select(touches.c.rule, touches.c.state, func.count()).group_by(touches.c.rule, touches.c.state)):
        made.setdefault(rule, {})[state] = number
    rules = sorted({rule for rule, _ in decided} | made.keys())
    return [Book(rule, decided.get((rule, "won"), 0), decided.get((rule, "withheld"), 0), made.get(rule, {})) for rule in rules]


def strays(connection: Connection) -> list[str]:
    """Ids that stand on one side only: touches that nobody decided, and decisions whose touch is not there."""
    made = select(touches.c.id).outerjoin(decisions, decisions.c.touch_id == touches.c.id).where(decisions.c.touch_id.is_(None))
    won = decisions.c.touch_id.is_not(None), touches.c.id.is_(None)
    decided = select(decisions.c.touch_id).outerjoin(touches, decisions.c.touch_id == touches.c.id).where(*won)
    return sorted({*connection.scalars(made), *connection.scalars(decided)})


HELD = and_(touches.c.owner.is_not(None), touches.c.leased_until.is_not(None))
TOLD_WHY = and_(touches.c.reason.is_not(None), touches.c.ended_at.is_not(None), touches.c.sent_at.is_(None))
MUST: Mapping[State, ColumnElement[bool]] = {  # what a row of each state has, whoever wrote it
    State.PENDING: and_(touches.c.owner.is_(None), touches.c.sent_at.is_(None), touches.c.begun_at.is_(None)),
    State.CLAIMED: and_(HELD, touches.c.sent_at.is_(None)),
    State.SENDING: and_(HELD, touches.c.begun_at.is_not(None), touches.c.sent_at.is_(None)),
    State.SENT: and_(touches.c.sent_at.is_not(None), touches.c.ended_at.is_not(None)),
    State.UNKNOWN: and_(touches.c.begun_at.is_not(None), touches.c.reason.is_not(None), touches.c.sent_at.is_(None)),
    State.FAILED: TOLD_WHY,
    State.EXPIRED: TOLD_WHY,
    State.DROPPED: TOLD_WHY,
    State.WITHHELD: and_(touches.c.begun_at.is_not(None), touches.c.window_last_day.is_not(None)),
}


def impossible(connection: Connection) -> list[tuple[str, int, str]]:
    """(state, how many rows, one of their ids) of touches that lack what their state must have, or are in a state that is none of ours."""
    strange = or_(false(), *(and_(touches.c.state == state, not_(must)) for state, must in MUST.items()), touches.c.state.not_in(list(State)))
    ended_live = and_(touches.c.ended_at.is_not(None), touches.c.state.not_in(list(ENDED)))
    counted = select(touches.c.state, func.count(), func.min(touches.c.id)).where(or_(strange, ended_live)).group_by(touches.c.state)
    return [(state, number, first) for state, number, first in connection.execute(counted.order_by(touches.c.state))]
