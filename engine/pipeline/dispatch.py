"""dispatch: claimed touches → re-checked → written → offered → `sending` committed → handed over → reply and record committed.

A wave brings up to eight letters to the point of no return and commits `sending` for all of them at once; so a killed worker leaves at
most eight touches of which nobody can tell.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from engine.calendar import HOUR
from engine.channels import done_event
from engine.channels.letter import Letter, Reply, Transport
from engine.clock import monotonic_seconds
from engine.decision.gates import EXPIRED, pause_detail
from engine.decision.standing import Pause
from engine.ledger import holds
from engine.ledger import records as ledger_records
from engine.ledger import touches as ledger_touches
from engine.ledger.open import StoreError
from engine.pipeline.recheck import BACKOFF, Verdict, recheck
from engine.pipeline.worker import Worker, heartbeat
from engine.records.record import Record
from engine.touches.delivery import DeliveryReason
from engine.touches.touch import State, Touch, last_day

log = logging.getLogger("banso.dispatch")
WAVE = 8
TASK_SECONDS = 300.0  # after that a task returns and the rest is rung for again
BACKOFF_MAX = HOUR
STORE_AGAIN = (0.1, 0.5, 2.0, 5.0)  # seconds before each further try; together less than a lease
T = TypeVar("T")
NOT_BEGUN = {"begun_at": None, "window_last_day": None}  # certainly not sent: no window is open
TOLD = frozenset({State.SENT, State.FAILED, State.UNKNOWN})  # ends that become records


def dispatch(worker: Worker, ids: Sequence[str]) -> Mapping[str, int]:
    """Send what is due of these touches, wave by wave. Returns how many ended in which state."""
    counts: dict[str, int] = {}
    started = monotonic_seconds()
    with heartbeat(worker):
        while monotonic_seconds() - started < TASK_SECONDS and (wave := _claim(worker, ids)):
            try:
                for state in _send_wave(worker, wave):
                    counts[state] = counts.get(state, 0) + 1
            finally:
                _let_go(worker, wave)
    return counts


def _let_go(worker: Worker, wave: Sequence[Touch]) -> None:
    """Whatever of a wave is still only claimed goes back at once; after a wave that ended well that is nothing."""
    worker.in_hand.clear()
    with worker.system.ledger.write() as connection:
        ledger_touches.release(connection, [touch.id for touch in wave], worker.name)


def _claim(worker: Worker, ids: Sequence[str]) -> list[Touch]:
    now = worker.system.clock.now()
    with worker.system.ledger.write() as connection:
        wave = ledger_touches.claim(connection, ids, worker.name, now, now + worker.lease, WAVE)
    worker.in_hand.update(touch.id for touch in wave)
    return wave


def _send_wave(worker: Worker, wave: Sequence[Touch]) -> Iterator[str]:
    offered: list[tuple[Verdict, Transport]] = []
    for index, verdict in enumerate(recheck(worker, wave)):
        transport = worker.transport(verdict.touch.channel, index)
        reply = transport.offer(verdict.letter) if verdict.letter else None
        if verdict.letter is None:
            yield _end(worker, verdict.touch, State.CLAIMED, verdict.change)
        elif reply is not None:
            yield _end(worker, verdict.touch, State.CLAIMED, _change(worker, verdict.touch, reply), reply)
        else:
            offered.append((verdict, transport))
    sending = _begin_sending(worker, [verdict for verdict, _ in offered])
    waiting = [(verdict.touch, verdict.letter, transport) for verdict, transport in offered if verdict.letter and verdict.touch.id in sending]
    try:
        while waiting:
            touch, letter, transport = waiting.pop(0)
            reply = transport.hand_over(letter)
            yield _end(worker, touch, State.SENDING, _change(worker, touch, reply), reply)
    finally:
        _take_back(worker, [touch.id for touch, _, _ in waiting])


def _take_back(worker: Worker, ids: Sequence[str]) -> None:
    """Whatever the wave did not come to was certainly not sent; only what was being handed over when it broke is unclear."""

    def store() -> None:
        with worker.system.ledger.write() as connection:
            ledger_touches.take_back(connection, ids, worker.name)

    if ids:
        _stored(store)


def _stored(store: Callable[[], T]) -> T:
    """Do it, again if the store is away for a moment: what is known of a mail that went out is known to this process only."""
    for seconds in STORE_AGAIN:
        try:
            return store()
        except StoreError as problem:
            log.warning("ledger away, trying again: %s", problem)
            time.sleep(seconds)
    return store()


# --- commits ----------------------------------------------------------------------------------------------------------


def _begin_sending(worker: Worker, verdicts: Sequence[Verdict]) -> set[str]:
    """Commit `sending` for the wave, after asking once more, in the same transaction, for pauses and suppressed addresses."""
    now, begun = worker.system.clock.now(), set()
    today = worker.system.workspace.zone.day(now)
    with worker.system.ledger.write() as connection:
        holds.hold_still(connection, alone=False)
        suppressed = holds.suppressed_at(connection, [verdict.letter.address for verdict in verdicts if verdict.letter], now)
        pauses = holds.pauses_at(connection, now)
        for verdict in verdicts:
            letter, touch = verdict.letter, verdict.touch
            if letter is None:
                continue
            hindered = _hindered(touch, letter, pauses, suppressed, now)
            if hindered:
                ledger_touches.finish(connection, touch.id, worker.name, State.CLAIMED, **hindered)
                continue
            stamped = replace(touch, window_last_day=last_day(today, touch.valid_days))
            if ledger_touches.begin_sending(connection, stamped, worker.name, now, now + worker.lease, letter.body):
                begun.add(touch.id)
    return begun


def _hindered(touch: Touch, letter: Letter, pauses: Sequence[Pause], suppressed: Mapping[str, frozenset[str]], now: int) -> Mapping[str, Any]:
    """The change of state that a pause or a wish of the last moment makes; empty if there is none."""
    named = {("all", ""), ("channel", touch.channel), ("rule", touch.rule), ("account", touch.account_id)}
    held = next((pause for pause in pauses if (pause.scope, pause.name) in named), None)
    if held is not None:
        return {"state": State.PENDING, "reason": DeliveryReason.HELD, "detail": pause_detail(held), "due_at": now + BACKOFF}
    kinds = suppressed.get(letter.address.lower())
    return {"state": State.DROPPED, "reason": max(kinds), "detail": None} if kinds else {}


def _change(worker: Worker, touch: Touch, reply: Reply) -> Mapping[str, Any]:
    """The state a reply leads to."""
    system, now = worker.system, worker.system.clock.now()
    if reply.kind == "sent":
        window = last_day(system.workspace.zone.day(now), touch.valid_days)
        return {"state": State.SENT, "sent_at": now, "window_last_day": window, "reply": reply.text, "reason": None, "detail": None}
    if reply.kind == "refused":
        reason = "bounced" if reply.bad_address else DeliveryReason.REFUSED
        return {"state": State.FAILED, "reply": reply.text, "reason": reason, "detail": None}
    if reply.kind == "unclear":
        return {"state": State.UNKNOWN, "reply": reply.text, "reason": DeliveryReason.NO_REPLY, "detail": None}
    again = now + min(BACKOFF * 2 ** min(touch.attempt, 7), BACKOFF_MAX)
    if again > touch.deadline:
        return {"state": State.EXPIRED, "reply": reply.text, "reason": EXPIRED}
    return {"state": State.PENDING, "reply": reply.text, "reason": DeliveryReason.LATER, "detail": None, "due_at": again, **NOT_BEGUN}


def _end(worker: Worker, touch: Touch, came_from: State, change: Mapping[str, Any], reply: Reply | None = None) -> str:
    """Commit the end of an attempt together with the record of it. Returns the state that the touch is in now."""
    return _stored(lambda: _end_once(worker, touch, came_from, change, reply))


def _end_once(worker: Worker, touch: Touch, came_from: State, change: Mapping[str, Any], reply: Reply | None) -> str:
    now, ended = worker.system.clock.now(), str(change["state"])
    with worker.system.ledger.write() as connection:
        changed = ledger_touches.finish(connection, touch.id, worker.name, came_from, **change)
        if not changed and came_from is State.SENDING and ended != State.UNKNOWN:
            changed = ledger_touches.settle(connection, touch.id, touch.attempt, **change)  # the sweep was faster than the reply
        if not changed:
            return str(State.UNKNOWN)
        if ended in TOLD:
            ledger_records.append_tail(connection, [outcome_record(touch, ended, now)], now)
        if reply is not None and reply.bad_address and touch.address:
            holds.suppress(connection, touch.address, "bounced", reply.text, now)
    return ended


def outcome_record(touch: Touch, state: str, now: int) -> Record:
    """What banso did comes back into the log like everything else: mail.sent, mail.failed, mail.unknown, call.listed.

    Its number says how many days the touch is valid, since a rule may differ from its channel.
    """
    event = done_event(touch.channel) if state == State.SENT else f"{touch.channel}.{state}"
    said = json.dumps({"touch": touch.id, "rule": touch.rule, "goal": touch.goal, "per": touch.per_value}, ensure_ascii=False)
    mark = {"event": event, "number": touch.valid_days, "properties": said}
    return Record("banso", f"{touch.id}:{state}", touch.account_id, now, 0, touch.contact_id, **mark)  # type: ignore[arg-type]  # named above
