"""A person's word on single touches: what became of one that nobody could tell about, and that one that failed is to be tried again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.decision.gates import EXPIRED
from engine.detail import detail
from engine.ledger import decisions as ledger_decisions
from engine.ledger import overview
from engine.ledger import records as ledger_records
from engine.ledger import touches as ledger_touches
from engine.ledger.open import Connection
from engine.ledger.overview import Wanted
from engine.pipeline.system import System
from engine.pipeline.wave import NOT_BEGUN, outcome_record
from engine.records.record import Record, bucket_of
from engine.touches.delivery import DeliveryReason
from engine.touches.touch import State, Touch

RETRIABLE = frozenset({DeliveryReason.UNWRITABLE, DeliveryReason.REFUSED})  # certainly not taken, and mended by people: a template, a relay
AT_ONCE = 10_000  # touches that one order puts back


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


@dataclass(frozen=True)
class Retried:
    """The touches that wait again, and those left as they are with the word for why: (id, word)."""

    again: Sequence[str]
    left: Sequence[tuple[str, str]]


def retry(system: System, wanted: Wanted, by: str) -> Retried:
    """Put failed touches back, to be judged and written anew under the same Message-ID; `by` stays with the touch and in the log of records.

    Never one that was sent or may have been, nor one whose deadline has passed, nor one in whose place another was decided since.
    """
    now = system.clock.now()
    with system.ledger.read() as connection:
        found = overview.find_touches(connection, wanted)
    unclear_once = _unclear_once(system, found)
    again, left = list[str](), list[tuple[str, str]]()
    with system.ledger.write() as connection:
        ledger_decisions.one_decider(connection)  # so that nobody decides another in its place meanwhile
        for touch in found:
            why_not = _why_not(connection, touch, unclear_once, now)
            if why_not is None and ledger_touches.put_back(connection, touch, now, DeliveryReason.RETRIED, detail("by", by)):
                again.append(touch.id)
                ledger_records.append_tail(connection, [_retried(touch, by, now)], now)
            else:
                left.append((touch.id, why_not or "not_failed"))
    return Retried(again, left)


def _why_not(connection: Connection, touch: Touch, unclear_once: frozenset[str], now: int) -> str | None:
    """The first reason, in words of the catalogue under `retry.`, why a touch stays as it is."""
    if touch.id in unclear_once or touch.state in {State.SENT, State.SENDING, State.UNKNOWN}:
        return "may_be_sent"
    if touch.state is not State.FAILED:
        return "not_failed"
    if touch.reason not in RETRIABLE:
        return "no_mailbox"
    if now > touch.deadline:
        return "too_late"
    return "replaced" if ledger_touches.is_replaced(connection, touch) else None


def _unclear_once(system: System, found: Sequence[Touch]) -> frozenset[str]:
    """Touches of which nobody could tell after an earlier attempt: that attempt may have reached somebody, whatever the last one did."""
    accounts = sorted({touch.account_id for touch in found if touch.state is State.FAILED})
    if not accounts:
        return frozenset()
    marks = {f"{touch.id}:{State.UNKNOWN}": touch.id for touch in found}
    with system.records(sorted({bucket_of(account) for account in accounts}), accounts) as records:
        told = "SELECT source_id FROM records WHERE source = 'banso' AND list_contains($1, source_id)"
        return frozenset(marks[mark] for (mark,) in records.duck.execute(told, [sorted(marks)]).fetchall())


def _retried(touch: Touch, by: str, now: int) -> Record:
    said = json.dumps({"touch": touch.id, "rule": touch.rule, "by": by, "after": touch.reason}, ensure_ascii=False)
    mark = {"event": f"{touch.channel}.retried", "properties": said}
    return Record("banso", f"{touch.id}:retried:{touch.attempt}", touch.account_id, now, 0, touch.contact_id, **mark)  # type: ignore[arg-type]  # named above


def to_retry(touch_id: str | None, rules: Sequence[str], reason: str | None) -> Wanted:
    """The touches an order names: one by its id, whatever its state, or every failed one of a rule or a reason."""
    if touch_id is not None:
        return Wanted(states=tuple(State), ids=(touch_id,))
    return Wanted(states=(State.FAILED,), rules=tuple(rules), reasons=(reason,) if reason else tuple(sorted(RETRIABLE)), limit=AT_ONCE)
