"""dispatch: claimed touches → re-checked → written → offered → `sending` committed → handed over → reply and record committed.

A wave brings up to eight letters to the point of no return and commits `sending` for all of them at once; so a killed worker leaves at
most eight touches of which nobody can tell.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Event, Thread
from typing import Any

from engine.calendar import HOUR, MINUTE, SECOND
from engine.channels import CHANNELS
from engine.channels.letter import Channel, Letter, Occasion, Reply, Transport, Unwritable
from engine.channels.mail.transport import open_transport
from engine.channels.note import ListTransport
from engine.clock import monotonic_seconds
from engine.decision.candidates import IN_HOURS
from engine.decision.gates import ADDRESSED, EXPIRED, NO_LONGER_TRUE, findings
from engine.decision.recipient import NOBODY, main_contact
from engine.decision.standing import Candidate, Standing
from engine.facts.fold import Fold, fold_records, parse
from engine.ledger import holds
from engine.ledger import records as ledger_records
from engine.ledger import touches as ledger_touches
from engine.ledger.open import StoreError
from engine.pipeline.evaluate import Judged, needs_of, stale_at
from engine.pipeline.standings import read_standings
from engine.pipeline.system import System
from engine.records.lake import read_accounts
from engine.records.record import Record, bucket_of
from engine.touches.touch import State, Touch, last_day
from engine.workspace.model import Workspace

log = logging.getLogger("banso.dispatch")
WAVE = 8
TASK_SECONDS = 300.0  # after that a task returns and the rest is rung for again
BACKOFF, BACKOFF_MAX = 30 * SECOND, HOUR
HELD = "held by a pause"
NOT_BEGUN = {"begun_at": None, "window_last_day": None}  # certainly not sent: no window is open
TOLD = frozenset({State.SENT, State.FAILED, State.UNKNOWN})  # ends that become records


@dataclass
class Worker:
    """One worker's identity, channels and connections, kept over many tasks."""

    system: System
    name: str
    in_hand: set[str] = field(default_factory=set)
    _transports: dict[tuple[str, int], Transport] = field(default_factory=dict)
    _channels: dict[tuple[str, str], Channel] = field(default_factory=dict)
    _stale: tuple[int, frozenset[str]] | None = None

    def stale(self, workspace: Workspace, now: int) -> frozenset[str]:
        """The stale sources, asked anew once a minute: freshness is counted in hours."""
        if self._stale is None or not 0 <= now - self._stale[0] < MINUTE:
            self._stale = (now, stale_at(self.system, workspace, now))
        return self._stale[1]

    def transport(self, channel: str, index: int) -> Transport:
        """The index-th connection of a channel: to its server, or none where listing is all there is to do."""
        if (channel, index) not in self._transports:
            config = self.system.config
            relayed = CHANNELS[channel].delivery == "relayed"
            self._transports[channel, index] = open_transport(config.smtp_url, config.state_folder / "outbox") if relayed else ListTransport()
        return self._transports[channel, index]

    def channel(self, workspace: Workspace, name: str) -> Channel:
        key = (workspace.hash, name)
        if key not in self._channels:
            self._channels = {key: CHANNELS[name](workspace)}
        return self._channels[key]

    @property
    def lease(self) -> int:
        return self.system.config.lease_seconds * SECOND

    def close(self) -> None:
        for transport in self._transports.values():
            transport.close()
        self._transports.clear()


@dataclass(frozen=True)
class Verdict:
    """What the re-check made of a touch: a letter to send, or the change of state that ends or delays the attempt."""

    touch: Touch
    letter: Letter | None = None
    change: Mapping[str, Any] = field(default_factory=dict)


def dispatch(worker: Worker, ids: Sequence[str]) -> Mapping[str, int]:
    """Send what is due of these touches, wave by wave. Returns how many ended in which state."""
    counts: dict[str, int] = {}
    started = monotonic_seconds()
    with _heartbeat(worker):
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


@contextmanager
def _heartbeat(worker: Worker) -> Iterator[None]:
    """Renews the leases of what this worker holds while it waits for slow relays; a thread with a connection of its own."""
    stop = Event()

    def beat() -> None:
        while not stop.wait(worker.system.config.lease_seconds / 3):
            try:
                _renew(worker)
            except StoreError as problem:  # the store may be back for the next beat; a lease that runs out is settled by the sweep
                log.warning("leases not renewed: %s", problem)

    thread = Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _renew(worker: Worker) -> None:
    now = worker.system.clock.now()
    with worker.system.ledger.write() as connection:
        ledger_touches.renew_leases(connection, worker.name, sorted(worker.in_hand), now + worker.lease)
        holds.worker_seen(connection, worker.name, "worker", now)


def _send_wave(worker: Worker, wave: Sequence[Touch]) -> Iterator[str]:
    offered: list[tuple[Verdict, Transport]] = []
    for index, verdict in enumerate(_recheck(worker, wave)):
        transport = worker.transport(verdict.touch.channel, index)
        reply = transport.offer(verdict.letter) if verdict.letter else None
        if verdict.letter is None:
            yield _end(worker, verdict.touch, State.CLAIMED, verdict.change)
        elif reply is not None:
            yield _end(worker, verdict.touch, State.CLAIMED, _change(worker, verdict.touch, reply), reply)
        else:
            offered.append((verdict, transport))
    sending = _begin_sending(worker, [verdict for verdict, _ in offered])
    for verdict, transport in offered:
        if verdict.touch.id in sending and verdict.letter is not None:
            reply = transport.hand_over(verdict.letter)
            yield _end(worker, verdict.touch, State.SENDING, _change(worker, verdict.touch, reply), reply)


# --- the re-check -----------------------------------------------------------------------------------------------------


def _recheck(worker: Worker, wave: Sequence[Touch]) -> list[Verdict]:
    """Judge each touch again by today's rules on its stored fold plus what arrived since."""
    system, workspace = worker.system, worker.system.workspace
    now = system.clock.now()
    stale, evaluator = worker.stale(workspace, now), system.evaluator(workspace)
    folds = _folds(system, workspace, wave, now)
    judged = [Judged(touch.account_id, folds[touch.id], evaluator.answer(folds[touch.id], now, stale)) for touch in wave]
    with system.ledger.read() as connection:
        standings = read_standings(connection, workspace, judged, now)
        kept = ledger_touches.messages_of(connection, [touch.id for touch in wave])
    verdicts = []
    for touch, each in zip(wave, judged, strict=True):
        account = standings[touch.account_id]
        others = [past for past in account.touches if past.id != touch.id]
        change = _stopped(workspace, touch, replace(account, answer=each.answer, touches=others), now)
        verdicts.append(Verdict(touch, change=change) if change else _written(worker, workspace, touch, each, now, kept.get(touch.id)))
    return verdicts


def _folds(system: System, workspace: Workspace, wave: Sequence[Touch], now: int) -> dict[str, Fold]:
    """The stored folds brought up to now; read anew from the lake where rules changed or a bulk load went past the tail."""
    needs, folds = needs_of(workspace.plan), {}
    with system.ledger.read() as connection:
        anew = [touch for touch in wave if touch.rule_set != workspace.hash or ledger_records.bulk_since(connection, touch.arrival)]
        for touch in wave:
            if touch not in anew:
                fold = parse(touch.fold)
                arrived = ledger_records.tail_since(connection, touch.arrival, [touch.account_id]).get(touch.account_id, [])
                waiting = {(record.source, record.source_id) for record in fold.later}  # a night resumed after a crash saw some of them
                fold.later += [record for record in arrived if (record.source, record.source_id) not in waiting]
                fold.advance(now, needs, workspace.zone)
                folds[touch.id] = fold
    if anew:
        accounts = sorted({touch.account_id for touch in anew})
        with system.records(sorted({bucket_of(account) for account in accounts}), accounts) as records:
            found = read_accounts(records.duck, accounts)
        folds.update({touch.id: fold_records(found[touch.account_id], now, needs, workspace.zone) for touch in anew})
    return folds


def _stopped(workspace: Workspace, touch: Touch, standing: Standing, now: int) -> Mapping[str, Any]:
    """The change of state if the touch may not go out now; empty if it may."""
    if now > touch.deadline:
        return {"state": State.EXPIRED, "reason": EXPIRED}
    rule = workspace.rules.get(touch.rule)
    if rule is None or standing.answer.rules.get(touch.rule) is not True:
        return {"state": State.DROPPED, "reason": NO_LONGER_TRUE}
    allowed = workspace.hours.next_allowed(now) if rule.do.lane in IN_HOURS else now
    if allowed > now:
        return {"state": State.PENDING, "due_at": allowed}
    candidate = Candidate(touch.rule, rule, touch.per_value, now, touch.deadline)
    stopped_by = findings(candidate, standing)
    if "paused" in stopped_by:
        return {"state": State.PENDING, "reason": HELD, "due_at": now + BACKOFF}
    if stopped_by:
        reason, detail = next(iter(stopped_by.items()))
        return {"state": State.DROPPED, "reason": f"{reason}: {detail}"}
    return {}


def _written(worker: Worker, workspace: Workspace, touch: Touch, judged: Judged, now: int, kept: bytes | None) -> Verdict:
    """Render the letter; an attempt that was already written once to the same address goes out in the very same bytes."""
    recipient = main_contact(judged.fold) or NOBODY
    if recipient.address is None and touch.channel in ADDRESSED:
        return Verdict(touch, change={"state": State.DROPPED, "reason": "bounced: no address"})
    occasion = Occasion(touch, judged.answer, judged.fold, recipient, now)
    try:
        letter = worker.channel(workspace, touch.channel).write(occasion)
    except Unwritable as problem:
        return Verdict(touch, change={"state": State.FAILED, "reason": f"render: {problem}"})
    if kept is not None and touch.address == (letter.address or None):
        letter = replace(letter, body=kept)
    return Verdict(replace(touch, contact_id=recipient.contact_id or None, address=letter.address or None), letter)


# --- commits ----------------------------------------------------------------------------------------------------------


def _begin_sending(worker: Worker, verdicts: Sequence[Verdict]) -> set[str]:
    """Commit `sending` for the wave, after asking once more, in the same transaction, for pauses and suppressed addresses."""
    now = worker.system.clock.now()
    begun = set()
    today = worker.system.workspace.zone.day(now)
    with worker.system.ledger.write() as connection:
        holds.hold_still(connection, alone=False)
        addresses = [verdict.letter.address for verdict in verdicts if verdict.letter]
        suppressed = holds.suppressed_at(connection, addresses, now)
        pauses = holds.pauses_at(connection, now)
        for verdict in verdicts:
            letter, touch = verdict.letter, verdict.touch
            if letter is None:
                continue
            named = {("all", ""), ("channel", touch.channel), ("rule", touch.rule), ("account", touch.account_id)}
            if any((pause.scope, pause.name) in named for pause in pauses):
                ledger_touches.finish(connection, touch.id, worker.name, State.CLAIMED, state=State.PENDING, reason=HELD, due_at=now + BACKOFF)
            elif kinds := suppressed.get(letter.address.lower()):
                ledger_touches.finish(connection, touch.id, worker.name, State.CLAIMED, state=State.DROPPED, reason=max(kinds))
                continue
            stamped = replace(touch, window_last_day=last_day(today, touch.valid_days))
            if ledger_touches.begin_sending(connection, stamped, worker.name, now, now + worker.lease, letter.body):
                begun.add(touch.id)
    return begun


def _change(worker: Worker, touch: Touch, reply: Reply) -> Mapping[str, Any]:
    """The state a reply leads to."""
    system, now = worker.system, worker.system.clock.now()
    if reply.kind == "sent":
        window = last_day(system.workspace.zone.day(now), touch.valid_days)
        return {"state": State.SENT, "sent_at": now, "window_last_day": window, "reply": reply.text, "reason": None}
    if reply.kind == "refused":
        return {"state": State.FAILED, "reply": reply.text, "reason": "refused"}
    if reply.kind == "unclear":
        return {"state": State.UNKNOWN, "reply": reply.text, "reason": "no reply after the final dot"}
    again = now + min(BACKOFF * 2 ** min(touch.attempt, 7), BACKOFF_MAX)
    if again > touch.deadline:
        return {"state": State.EXPIRED, "reply": reply.text, "reason": EXPIRED}
    return {"state": State.PENDING, "reply": reply.text, "reason": "later", "due_at": again, **NOT_BEGUN}


def _end(worker: Worker, touch: Touch, came_from: State, change: Mapping[str, Any], reply: Reply | None = None) -> str:
    """Commit the end of an attempt together with the record of it. Returns the state that the touch is in now."""
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
    word = "listed" if state == State.SENT and CHANNELS[touch.channel].delivery == "listed" else state
    said = json.dumps({"touch": touch.id, "rule": touch.rule, "goal": touch.goal, "per": touch.per_value}, ensure_ascii=False)
    mark = {"event": f"{touch.channel}.{word}", "number": touch.valid_days, "properties": said}
    return Record("banso", f"{touch.id}:{state}", touch.account_id, now, 0, touch.contact_id, **mark)  # type: ignore[arg-type]  # named above
