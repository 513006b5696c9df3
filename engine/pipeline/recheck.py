"""The re-check before a send: today's rules on the stored fold plus what arrived since, then the letter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from engine.calendar import SECOND
from engine.channels.letter import Letter, Occasion, Unwritable
from engine.decision.gates import ADDRESSED
from engine.decision.recheck import Planned
from engine.decision.recheck import recheck as judge_again
from engine.decision.recipient import NOBODY, main_contact
from engine.decision.standing import Standing
from engine.detail import detail
from engine.ledger import relays
from engine.ledger import touches as ledger_touches
from engine.pipeline.evaluate import Judged
from engine.pipeline.folds import folds_of
from engine.pipeline.standings import read_standings
from engine.pipeline.worker import Worker
from engine.touches.breaker import Breaker
from engine.touches.delivery import DeliveryReason
from engine.touches.touch import State, Touch
from engine.workspace.model import Workspace

BACKOFF = 30 * SECOND


@dataclass(frozen=True)
class Verdict:
    """What the re-check made of a touch: a letter to send, or the change of state that ends or delays the attempt."""

    touch: Touch
    letter: Letter | None = None
    change: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Rechecked:
    """A wave's verdicts, and the relays and domains that were left alone when they were found."""

    verdicts: Sequence[Verdict]
    left_alone: Mapping[str, Breaker]


def recheck(worker: Worker, wave: Sequence[Touch]) -> Rechecked:
    """Judge each touch again by today's rules on its stored fold plus what arrived since; under its rule's new name, if it has one."""
    system, workspace = worker.system, worker.system.workspace
    wave = [replace(touch, rule=workspace.rule_now(touch.rule) or touch.rule) for touch in wave]
    now = system.clock.now()
    stale, evaluator = worker.stale(workspace, now), system.evaluator(workspace)
    with system.ledger.read() as connection:
        folds = folds_of(connection, system, workspace, wave, now)
        judged = [Judged(touch.account_id, folds[touch.id], evaluator.answer(folds[touch.id], now, stale)) for touch in wave]
        standings = read_standings(connection, workspace, judged, now)
        kept = ledger_touches.messages_of(connection, [touch.id for touch in wave if touch.attempt > 1])
        left_alone = relays.open_breakers(connection, now)
    verdicts = []
    for touch, each in zip(wave, judged, strict=True):
        account = standings[touch.account_id]
        others = [past for past in account.touches if past.id != touch.id]
        change = _stopped(touch, replace(account, answer=each.answer, touches=others), now)
        verdicts.append(Verdict(touch, change=change) if change else _written(worker, workspace, touch, each, now, kept.get(touch.id)))
    return Rechecked(verdicts, left_alone)


def _stopped(touch: Touch, standing: Standing, now: int) -> Mapping[str, Any]:
    """The change of state if the touch may not go out now; empty if it may."""
    ruling = judge_again(Planned(touch.rule, touch.per_value, touch.decided_at, touch.deadline), standing, now)
    match ruling.kind:
        case "go":
            return {}
        case "wait":
            return {"state": State.PENDING, "due_at": ruling.due_at, "deadline": ruling.deadline}
        case "hold":
            return {"state": State.PENDING, "reason": DeliveryReason.HELD, "detail": ruling.detail, "due_at": now + BACKOFF}
        case "expire":
            return {"state": State.EXPIRED, "reason": ruling.reason, "detail": None, "deadline": ruling.deadline}
        case "drop":
            return {"state": State.DROPPED, "reason": ruling.reason, "detail": ruling.detail}


def _written(worker: Worker, workspace: Workspace, touch: Touch, judged: Judged, now: int, kept: bytes | None) -> Verdict:
    """Render the letter; an attempt that was already written once to the same address goes out in the very same bytes."""
    recipient = main_contact(judged.fold) or NOBODY
    if recipient.address is None and touch.channel in ADDRESSED:
        return Verdict(touch, change={"state": State.DROPPED, "reason": "bounced", "detail": detail("no_address")})
    occasion = Occasion(touch, judged.answer, judged.fold, recipient, now)
    try:
        letter = worker.channel(workspace, touch.channel).write(occasion)
    except Unwritable as problem:
        return Verdict(touch, change={"state": State.FAILED, "reason": DeliveryReason.UNWRITABLE, "detail": str(problem)})
    if kept is not None and touch.address == (letter.address or None):
        letter = replace(letter, body=kept)
    return Verdict(replace(touch, contact_id=recipient.contact_id or None, address=letter.address or None), letter)
