"""One wave: up to eight letters brought to the point of no return, `sending` committed for all at once, then all handed over together.

A killed worker so leaves at most eight touches of which nobody can tell.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from engine.calendar import HOUR
from engine.channels import done_event
from engine.channels.letter import Letter, Reply, Transport
from engine.decision.draws import BUCKETS, bucket
from engine.decision.gates import EXPIRED, pause_detail, pause_over
from engine.decision.standing import Pause
from engine.decision.wishes import kind_of_mail, reason_against
from engine.detail import detail
from engine.ledger import holds, restores
from engine.ledger import records as ledger_records
from engine.ledger import touches as ledger_touches
from engine.ledger.open import Connection, StoreError, is_full
from engine.pipeline.rationing import note, ration
from engine.pipeline.recheck import BACKOFF, Verdict, recheck
from engine.pipeline.told import tell
from engine.pipeline.worker import Worker
from engine.records.record import Record
from engine.touches.delivery import DeliveryReason
from engine.touches.queue import relay_of
from engine.touches.touch import State, Touch, last_day

log = logging.getLogger("banso.dispatch")
BACKOFF_MAX = HOUR
LONGEST_WAIT = 20.0
STORE_AGAIN = (0.1, 0.5, 2.0, 5.0, 10.0, LONGEST_WAIT)  # seconds before each further try
GATHER_SECONDS = 0.05  # replies that come in so shortly after each other are committed together
T = TypeVar("T")
NOT_BEGUN = {"begun_at": None, "window_last_day": None}  # certainly not sent: no window is open
TOLD = frozenset({State.SENT, State.FAILED, State.UNKNOWN})  # ends that become records


@dataclass(frozen=True)
class Offered:
    """A letter, the connection it goes through, and the reply that already ended it, if one did."""

    touch: Touch
    letter: Letter
    transport: Transport
    reply: Reply | None = None


@dataclass(frozen=True)
class End:
    """The end of an attempt: the state it is in, what becomes of it, and what the receiver said."""

    touch: Touch
    came_from: State
    change: Mapping[str, Any]
    reply: Reply | None = None


def send_wave(worker: Worker, wave: Sequence[Touch]) -> Iterator[tuple[str, str]]:
    """Send a claimed wave. Yields (id, state) of each touch as it ends."""
    verdicts = ration(worker, recheck(worker, wave))
    offered = _offer(worker, [verdict for verdict in verdicts if verdict.letter is not None])
    stopped = [End(verdict.touch, State.CLAIMED, verdict.change) for verdict in verdicts if verdict.letter is None]
    refused = [End(each.touch, State.CLAIMED, _change(worker, each.touch, each.reply), each.reply) for each in offered if each.reply is not None]
    yield from _end(worker, [*stopped, *refused])
    begun, hindered = _begin_sending(worker, [each for each in offered if each.reply is None])
    yield from hindered
    yield from _hand_over(worker, begun)


def _offer(worker: Worker, verdicts: Sequence[Verdict]) -> list[Offered]:
    """Each letter as far as its receiver allows without sending, all at the same time."""
    workspace = worker.system.workspace
    lines = [worker.transport(each.touch.channel, index, relay_of(workspace, each.touch.rule)) for index, each in enumerate(verdicts)]
    letters = [verdict.letter for verdict in verdicts if verdict.letter is not None]
    replies = worker.hands.map(lambda line, letter: line.offer(letter), lines, letters)
    return [Offered(verdict.touch, *each) for verdict, *each in zip(verdicts, letters, lines, replies, strict=True)]


def _hand_over(worker: Worker, begun: Sequence[Offered]) -> Iterator[tuple[str, str]]:
    """Hand all of them over at the same time; what is answered together is committed together.

    Whatever it did not come to was certainly not sent; only what was being handed over when it broke is unclear.
    """
    futures: dict[Future[Reply], Offered] = {
        worker.hands.submit(each.transport.hand_over, each.letter, partial(worker.in_time, each.touch.id)): each for each in begun
    }
    waiting = set(futures)
    try:
        while waiting:
            done, waiting = wait(waiting, timeout=GATHER_SECONDS)
            ended = [(futures[each].touch, each.result()) for each in futures if each in done]
            yield from _end(worker, [End(touch, State.SENDING, _change(worker, touch, reply), reply) for touch, reply in ended])
    finally:
        _take_back(worker, [futures[each].touch.id for each in waiting if each.cancel()])


def _take_back(worker: Worker, ids: Sequence[str]) -> None:
    def store() -> None:
        with worker.system.ledger.write() as connection:
            ledger_touches.take_back(connection, ids, worker.name)

    if ids:
        _stored(worker, store)


def _stored(worker: Worker, store: Callable[[], T]) -> T:
    """Do it, again if the store is away for a moment: what is known of a mail that went out is known to this process only.

    A store that is there and full is asked until somebody has made room, however long that takes.
    """
    waits = iter(STORE_AGAIN)
    while True:
        try:
            return store()
        except StoreError as problem:
            wait_seconds = next(waits, None)
            if wait_seconds is None and not is_full(problem):
                raise
            log.warning("ledger %s, trying again: %s", "full" if is_full(problem) else "away", problem)
            worker.system.clock.sleep(LONGEST_WAIT if wait_seconds is None else wait_seconds)


# --- commits ----------------------------------------------------------------------------------------------------------


def _begin_sending(worker: Worker, offered: Sequence[Offered]) -> tuple[list[Offered], list[tuple[str, str]]]:
    """Commit `sending` for the wave, after asking once more, in the same transaction, for pauses and suppressed addresses.

    Returns those that are being sent from now on, and (id, state) of those that a pause or a wish of the last moment stopped.
    """
    if not offered:
        return [], []
    now, stopped, number = worker.system.clock.now(), dict[str, Mapping[str, Any]](), 0
    newest = worker.system.counterfoils.newest()
    today = worker.system.workspace.zone.day(now)
    worker.leased_from(worker.system.clock.monotonic())
    with worker.system.ledger.write() as connection:
        holds.hold_still(connection, alone=False)
        suppressed = holds.suppressed_now(connection, [each.letter.address for each in offered])
        pauses = holds.pauses_now(connection, now)
        restored = restores.must_hold(connection, newest)
        for each in offered:
            workspace, names = worker.system.workspace, worker.system.workspace.rule_names(each.touch.rule)
            held = pause_over(pauses, names, each.touch.channel, each.touch.account_id)
            unwanted = reason_against(suppressed.get(each.letter.address.lower(), ()), kind_of_mail(workspace.action_of(each.touch.rule)))
            if change := _restored(now) if restored else _hindrance(held, unwanted, now):
                stopped[each.touch.id] = change
        going = [each for each in offered if each.touch.id not in stopped]
        stamped = [(replace(each.touch, window_last_day=last_day(today, each.touch.valid_days)), each.letter.body) for each in going]
        begun = ledger_touches.begin_sending(connection, stamped, worker.name, now, now + worker.lease)
        if stopped:
            ledger_touches.finish(connection, worker.name, State.CLAIMED, now, stopped)
        if begun:
            number = restores.count_on(connection)
    told = [(touch, str(change["state"])) for touch, change in stopped.items()]
    kept = [touch for touch, _ in stamped if touch.id in begun]
    if not _counterfoils_kept(worker, number, now, kept):
        return [], [*told, *((touch.id, str(State.PENDING)) for touch in kept)]
    return [each for each in going if each.touch.id in begun], told


def _counterfoils_kept(worker: Worker, number: int, now: int, begun: Sequence[Touch]) -> bool:
    """Write down outside the ledger what is about to go out. Where that cannot be, nothing goes: the touches are taken back."""
    if not begun:
        return True
    try:
        worker.system.counterfoils.keep(number, now, [replace(touch, begun_at=now) for touch in begun])
    except OSError as problem:
        log.error("not sent, no counterfoil can be kept: %s", problem)  # noqa: TRY400 - where it came through says nothing
        _take_back(worker, [touch.id for touch in begun])
        return False
    return True


def _restored(now: int) -> Mapping[str, Any]:
    """The change of state where the ledger turns out to be restored from a backup."""
    return {"state": State.PENDING, "reason": DeliveryReason.HELD, "detail": detail("restored"), "due_at": now + BACKOFF}


def _hindrance(held: Pause | None, unwanted: str | None, now: int) -> Mapping[str, Any]:
    """The change of state that a pause or a wish of the last moment makes; empty if there is none."""
    if held is not None:
        return {"state": State.PENDING, "reason": DeliveryReason.HELD, "detail": pause_detail(held), "due_at": now + BACKOFF}
    return {"state": State.DROPPED, "reason": unwanted, "detail": None} if unwanted is not None else {}


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
    again = now + backoff(touch)
    if again > touch.deadline:
        return {"state": State.EXPIRED, "reply": reply.text, "reason": EXPIRED}
    return {"state": State.PENDING, "reply": reply.text, "reason": DeliveryReason.LATER, "detail": None, "due_at": again, **NOT_BEGUN}


def backoff(touch: Touch) -> int:
    """How long to wait after an attempt, in microseconds: up to twice as long each time, at most an hour, spread by the touch's own lot.

    Letters that were put off together so do not come back together; nothing random is in it.
    """
    longest: int = min(BACKOFF * 2 ** min(touch.attempt, 7), BACKOFF_MAX)
    return BACKOFF + (longest - BACKOFF) * bucket(touch.id, f"attempt {touch.attempt}") // BUCKETS


def _end(worker: Worker, ends: Sequence[End]) -> list[tuple[str, str]]:
    """Commit the ends of attempts together with the records of them. Returns (id, the state that the touch is in now)."""
    states = _stored(worker, lambda: _end_once(worker, ends)) if ends else []
    tell((each.touch, state, each.change.get("reason")) for each, (_, state) in zip(ends, states, strict=True))
    return states


def _end_once(worker: Worker, ends: Sequence[End]) -> list[tuple[str, str]]:
    now, records, states = worker.system.clock.now(), list[Record](), list[tuple[str, str]]()
    with worker.system.ledger.write() as connection:
        changed = _ended(connection, worker, ends, now)
        for each in ends:
            touch, ended = each.touch, State(each.change["state"])
            states.append((touch.id, str(ended if touch.id in changed else State.UNKNOWN)))
            if touch.id in changed and ended in TOLD:
                records.append(outcome_record(touch, ended, now))
        ledger_records.append_tail(connection, records, now)
        note(connection, worker.system.workspace, [(each.touch, each.reply) for each in ends if each.reply is not None], now)
        for address, text in _bounced(ends):
            holds.suppress(connection, address, "bounced", text, now)
    return states


def _ended(connection: Connection, worker: Worker, ends: Sequence[End], now: int) -> frozenset[str]:
    """The ids whose end counts: those still this worker's, and those whose lease ran out but whose reply has come after all."""
    changed = frozenset[str]()
    for came_from in (State.CLAIMED, State.SENDING):
        changes = {each.touch.id: each.change for each in ends if each.came_from is came_from}
        changed |= ledger_touches.finish(connection, worker.name, came_from, now, changes) if changes else frozenset()
    for each in ends:
        late = each.touch.id not in changed and each.came_from is State.SENDING and each.change["state"] is not State.UNKNOWN
        if late and ledger_touches.settle(connection, each.touch.id, each.touch.attempt, now, **each.change):
            changed |= {each.touch.id}
    return changed


def _bounced(ends: Sequence[End]) -> list[tuple[str, str]]:
    """(address, what the receiver said) of mailboxes that are none."""
    found = [(each.touch.address, each.reply) for each in ends]
    return [(address, reply.text) for address, reply in found if address and reply is not None and reply.bad_address]


def outcome_record(touch: Touch, state: str, now: int) -> Record:
    """What banso did comes back into the log like everything else: mail.sent, mail.failed, mail.unknown, call.listed.

    Its number says how many days the touch is valid, since a rule may differ from its channel.
    """
    event = done_event(touch.channel) if state == State.SENT else f"{touch.channel}.{state}"
    said = json.dumps({"touch": touch.id, "rule": touch.rule, "goal": touch.goal, "per": touch.per_value}, ensure_ascii=False)
    mark = {"event": event, "number": touch.valid_days, "properties": said}
    return Record("banso", f"{touch.id}:{state}", touch.account_id, now, 0, touch.contact_id, **mark)  # type: ignore[arg-type]  # named above
