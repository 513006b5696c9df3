"""Touches and their states. Each change of state asks for the state it comes from, in a statement or under a row lock, so that nobody overtakes another."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy import (
    Connection,
    RowMapping,
    Select,
    and_,
    bindparam,
    delete,
    func,
    literal,
    or_,
    select,
    text,
    update,
)

from engine.ledger.among import among
from engine.ledger.rows import change_rows, insert_new
from engine.ledger.tables import messages, slots, touches
from engine.touches.delivery import DeliveryReason
from engine.touches.touch import COUNTED, ENDED, LIVE, State, Touch

COLUMNS = tuple(Touch.__dataclass_fields__)
RELEASED = {"owner": None, "leased_until": None, "rung_at": None}
WRITTEN = ("contact_id", "address", "window_last_day")  # what a letter settles of its touch
AT_ONCE = 10_000  # rows that one sweep ends or frees; the next takes the rest

# Of no run that is still under way: until the brake has seen all that a night made, nothing of it goes out.
LOOKED_AT = touches.c.slot.not_in(select(slots.c.job + "/" + slots.c.slot).where(slots.c.finished_at.is_(None)))

# What every wave asks, built once.
_HELD = (
    select(touches.c.id)
    .where(among(touches.c.id, "ids"), touches.c.owner == bindparam("owner"), among(touches.c.state, "states"))
    .where(touches.c.leased_until > bindparam("leased_after"))
    .order_by(touches.c.id)
    .with_for_update()
)
_FREE = (
    select(touches.c.id)
    .where(among(touches.c.id, "ids"), touches.c.state == State.PENDING, touches.c.due_at <= bindparam("now"), LOOKED_AT)
    .order_by(touches.c.id)
    .limit(bindparam("at_most"))
    .with_for_update(skip_locked=True)
    .cte("free")
)
_CLAIM = (
    update(touches)
    .where(touches.c.id.in_(select(_FREE.c.id)))
    .values(state=State.CLAIMED, owner=bindparam("by"), leased_until=bindparam("until"), attempt=touches.c.attempt + 1)
    .returning(touches)
)
_WITHOUT_FOLD = [literal("").label("fold") if column is touches.c.fold else column for column in touches.c]
_COUNTED = (
    select(*_WITHOUT_FOLD)
    .where(
        among(touches.c.account_id, "accounts"),
        or_(
            touches.c.state.in_(list(COUNTED)),
            and_(touches.c.state == State.FAILED, touches.c.reason == DeliveryReason.REFUSED),
            touches.c.ended_at >= bindparam("before"),
        ),
    )
    .order_by(touches.c.decided_at, touches.c.id)
)
_KEEP_MESSAGE = text(
    "INSERT INTO messages (touch_id, sha256, body) VALUES (:touch_id, :sha256, :body) "
    "ON CONFLICT (touch_id) DO UPDATE SET sha256 = excluded.sha256, body = excluded.body"
)


def add_touches(connection: Connection, new: Iterable[Touch]) -> None:
    """Planned touches; one whose id or key is taken stays away."""
    insert_new(connection, touches, [{name: getattr(touch, name) for name in COLUMNS} for touch in new])


def get_touches(connection: Connection, ids: Sequence[str]) -> list[Touch]:
    return [as_touch(row) for row in connection.execute(select(touches).where(touches.c.id.in_(ids)).order_by(touches.c.id)).mappings()]


def get_touch(connection: Connection, touch_id: str) -> Touch | None:
    return next(iter(get_touches(connection, [touch_id])), None)


def touches_of(connection: Connection, accounts: Sequence[str], *, until: int | None = None) -> list[Touch]:
    """Every touch of these accounts in order of time, as decided until an instant."""
    wanted = select(touches).where(touches.c.account_id.in_(accounts)).order_by(touches.c.decided_at, touches.c.id)
    if until is not None:
        wanted = wanted.where(touches.c.decided_at <= until)
    return [as_touch(row) for row in connection.execute(wanted).mappings()]


def counted_touches(connection: Connection, accounts: Sequence[str], *, before: int | None = None) -> dict[str, list[Touch]]:
    """Touches by account that count for `again` and windows: live, sent, withheld, and those that the receiver refused.

    With `before`, those that ended at or after that instant too: then they still counted. Their folds are left out: they are long, and nobody asks.

    What could not be written, or went to a mailbox that is none, counts for nothing: it is to go out when template or address is mended.
    """
    found: dict[str, list[Touch]] = {}
    for row in connection.execute(_COUNTED, {"accounts": list(accounts), "before": before}).mappings():
        found.setdefault(row["account_id"], []).append(as_touch(row))
    return found


def as_touch(row: RowMapping) -> Touch:
    """A row of the table as the touch it is."""
    values = {name: row[name] for name in COLUMNS}
    return Touch(**{**values, "state": State(row["state"])})


def claim(connection: Connection, ids: Sequence[str], owner: str, now: int, until: int, limit: int) -> list[Touch]:
    """Take up to `limit` due touches out of these for one worker, under a lease."""
    rows = connection.execute(_CLAIM, {"ids": list(ids), "now": now, "at_most": limit, "by": owner, "until": until}).mappings()
    return sorted(map(as_touch, rows), key=lambda touch: touch.id)


def begin_sending(connection: Connection, letters: Sequence[tuple[Touch, bytes]], owner: str, now: int, until: int) -> frozenset[str]:
    """Just before DATA: from here on only the server's answer or evidence can tell. Returns the ids whose claim still held; the others must be let be.

    A touch keeps whom its letter is written to; an earlier letter that was certainly not taken gives way to this one.
    """
    held = _held_by(connection, [touch.id for touch, _ in letters], owner, State.CLAIMED, leased_after=now)
    begun = [(touch, body) for touch, body in letters if touch.id in held]
    if not begun:
        return frozenset()
    change = {"state": State.SENDING, "leased_until": until, "begun_at": now}
    change_rows(connection, touches, [{"id": touch.id, **change, **{name: getattr(touch, name) for name in WRITTEN}} for touch, _ in begun])
    connection.execute(_KEEP_MESSAGE, [{"touch_id": touch.id, "sha256": sha256(body).hexdigest(), "body": body} for touch, body in begun])
    return frozenset(held)


def finish(connection: Connection, owner: str, came_from: State, now: int, changes: Mapping[str, Mapping[str, Any]]) -> frozenset[str]:
    """End attempts: id → what changes. Returns the ids that were still the owner's; who lost its lease writes over nobody's work."""
    held = _held_by(connection, list(changes), owner, came_from)
    ended: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for touch_id in held:
        change = {**changes[touch_id], **RELEASED, **_ended(changes[touch_id], now)}
        ended.setdefault(tuple(sorted(change)), []).append({"id": touch_id, **change})
    for rows in ended.values():
        change_rows(connection, touches, rows)
    return frozenset(held)


def _ended(change: Mapping[str, Any], now: int) -> dict[str, Any]:
    """When a touch ended is kept, so that a past night can be told what counted then."""
    return {"ended_at": now} if change.get("state") in ENDED else {}


def settle(connection: Connection, touch_id: str, attempt: int, now: int, **change: Any) -> bool:
    """What an attempt turned out to be after its lease had run out: a reply that came late, or a person's word."""
    unclear = and_(touches.c.id == touch_id, touches.c.state == State.UNKNOWN, touches.c.attempt == attempt)
    return bool(connection.execute(update(touches).where(unclear).values(**change, **_ended(change, now))).rowcount)


def put_back(connection: Connection, touch: Touch, now: int, reason: str, detail: str) -> bool:
    """A failed touch waits again, as it was when it was planned. Its letter was certainly not taken, so the next one is written anew."""
    failed = and_(touches.c.id == touch.id, touches.c.state == State.FAILED, touches.c.attempt == touch.attempt)
    blank = {"begun_at": None, "window_last_day": None, "ended_at": None, "reply": None, **RELEASED}
    change = {"state": State.PENDING, "reason": reason, "detail": detail, "due_at": now, **blank}
    changed = connection.execute(update(touches).where(failed).values(**change)).rowcount
    if changed:
        connection.execute(delete(messages).where(messages.c.touch_id == touch.id))
    return bool(changed)


def is_replaced(connection: Connection, touch: Touch) -> bool:
    """Whether another touch stands under the same key by now."""
    same = (touches.c.account_id, touches.c.rule, touches.c.per_value, touches.c.ordinal)
    key = (touch.account_id, touch.rule, touch.per_value, touch.ordinal)
    counted = touches.c.state.not_in([State.DROPPED, State.EXPIRED, State.FAILED])
    others = and_(*(column == value for column, value in zip(same, key, strict=True)), touches.c.id != touch.id, counted)
    return connection.scalar(select(func.count()).select_from(touches).where(others)) != 0


def release(connection: Connection, ids: Sequence[str], owner: str) -> None:
    """Give claims back untouched, when the work on them broke."""
    mine = _held_by(connection, ids, owner, State.CLAIMED)
    connection.execute(update(touches).where(touches.c.id.in_(mine)).values(state=State.PENDING, **RELEASED))


def take_back(connection: Connection, ids: Sequence[str], owner: str) -> None:
    """Touches marked as being handed over that certainly were not: the worker broke before it came to them. No window is open for them."""
    mine = _held_by(connection, ids, owner, State.SENDING)
    connection.execute(update(touches).where(touches.c.id.in_(mine)).values(state=State.PENDING, begun_at=None, window_last_day=None, **RELEASED))


def _held_by(connection: Connection, ids: Sequence[str], owner: str, *states: State, leased_after: int = 0) -> list[str]:
    """Those of these touches that the worker holds, locked in order of id: its threads would else wait for each other in a circle."""
    asked = {"ids": list(ids), "owner": owner, "states": [str(state) for state in states], "leased_after": leased_after}
    return list(connection.scalars(_HELD, asked))


def renew_leases(connection: Connection, owner: str, ids: Sequence[str], until: int) -> set[str]:
    """Only what the worker has in hand: what it let fall must go back. Returns the ids that are still its own."""
    held = _held_by(connection, ids, owner, State.CLAIMED, State.SENDING)
    connection.execute(update(touches).where(touches.c.id.in_(held)).values(leased_until=until))
    return set(held)


def places_taken(connection: Connection, today: int) -> dict[str, int]:
    """Scarce place → touches that hold it: live ones, and sent ones whose window is open."""
    holding = or_(touches.c.state.in_(list(LIVE)), and_(touches.c.state == State.SENT, touches.c.window_last_day >= today))
    rows = connection.execute(select(touches.c.place, func.count()).where(touches.c.place.is_not(None), holding).group_by(touches.c.place))
    return dict(rows.all())


def accounts_reached(connection: Connection, rules: Sequence[str]) -> int:
    """How many accounts have a touch of any of these rules that is live or was sent, ever."""
    counted = and_(touches.c.rule.in_(rules), touches.c.state.in_(list(LIVE | {State.SENT})))
    return int(connection.scalar(select(func.count(touches.c.account_id.distinct())).where(counted)) or 0)


def made_in_slot(connection: Connection, slot: str) -> dict[str, int]:
    """How many touches of each rule one run made, without those withheld."""
    made = and_(touches.c.slot == slot, touches.c.state != State.WITHHELD)
    return _counted(connection, select(touches.c.rule, func.count()).where(made).group_by(touches.c.rule))


def made_by_night(connection: Connection, rules: Sequence[str], job: str, since: str, before: str) -> dict[str, int]:
    """Date → touches of these rules that the night made, for each finished night from `since` until before `before`; nights without any too."""
    nights = select(slots.c.slot).where(slots.c.job == job, slots.c.slot >= since, slots.c.slot < before, slots.c.finished_at.is_not(None))
    made = and_(touches.c.rule.in_(rules), touches.c.slot >= f"{job}/{since}", touches.c.slot < f"{job}/{before}", touches.c.state != State.WITHHELD)
    counted = _counted(connection, select(touches.c.slot, func.count()).where(made).group_by(touches.c.slot))
    return {night: counted.get(f"{job}/{night}", 0) for night in connection.scalars(nights)}


def count_reasons(connection: Connection) -> dict[str, dict[str, int]]:
    """State → reason → touches, where there is a reason."""
    found: dict[str, dict[str, int]] = {}
    rows = connection.execute(
        select(touches.c.state, touches.c.reason, func.count()).where(touches.c.reason.is_not(None)).group_by(touches.c.state, touches.c.reason)
    )
    for state, reason, number in rows:
        found.setdefault(state, {})[reason] = number
    return found


def count_states(connection: Connection) -> dict[str, int]:
    rows = connection.execute(select(touches.c.state, func.count()).group_by(touches.c.state))
    return dict(rows.all())


def unknown_touches(connection: Connection) -> list[Touch]:
    """Touches of which nobody can tell whether they were taken, oldest first; at most so many as a sweep handles."""
    unclear = select(touches).where(touches.c.state == State.UNKNOWN).order_by(touches.c.begun_at, touches.c.id).limit(AT_ONCE)
    return [as_touch(row) for row in connection.execute(unclear).mappings()]


def messages_of(connection: Connection, ids: Sequence[str]) -> dict[str, bytes]:
    """The bytes already written for these touches."""
    if not ids:
        return {}
    rows = connection.execute(select(messages.c.touch_id, messages.c.body).where(messages.c.touch_id.in_(ids)))
    return {touch_id: bytes(body) for touch_id, body in rows}


def _counted(connection: Connection, wanted: Select[str, int]) -> dict[str, int]:
    return dict(connection.execute(wanted).all())
