"""reconcile: touches of which nobody can tell are settled from evidence; what no evidence settles in time goes by the kind of mail.

Advertising waits for a person's word: twice is worse than never. Service mail goes out again in the same bytes: never is worse than twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.calendar import HOUR, MINUTE, SECOND
from engine.channels.mail.evidence import Evidence, open_evidence
from engine.channels.mail.transport import FINAL_REPLY_SECONDS
from engine.decision.gates import EXPIRED
from engine.ledger import records as ledger_records
from engine.ledger import touches as ledger_touches
from engine.pipeline.system import System
from engine.pipeline.wave import NOT_BEGUN, outcome_record
from engine.touches.delivery import DeliveryReason
from engine.touches.touch import State, Touch

SKEW = 5 * MINUTE  # by which the relay's clock may differ from ours
PATIENCE = 24 * HOUR  # after which a kind of mail decides what evidence did not


@dataclass(frozen=True)
class Reconciled:
    """How many were found to be sent, found not to be, sent again by their kind, and still wait for somebody's word."""

    sent: int = 0
    absent: int = 0
    resent: int = 0
    open: int = 0


def reconcile(system: System, evidence: Sequence[Evidence] | None = None) -> Reconciled:
    """Settle what can be settled now. Raises BansoError E638 if evidence that is configured cannot be read."""
    with system.ledger.read() as connection:
        unknown = ledger_touches.unknown_touches(connection)
    if not unknown:
        return Reconciled()
    sources = open_evidence(system.config.relay_log, system.config.journal) if evidence is None else evidence
    now, wanted = system.clock.now(), [touch.message_id for touch in unknown]
    complete = [(each.complete_until(), each.taken(wanted)) for each in sources]  # asked in this order: what comes in between is no absence
    changes = [(touch, _verdict(system, touch, complete, now)) for touch in unknown]
    return Reconciled(*_settled(system, [(touch, change) for touch, change in changes if change], now), open=sum(not change for _, change in changes))


def _verdict(system: System, touch: Touch, complete: Sequence[tuple[int, set[str]]], now: int) -> Mapping[str, Any]:
    """The change of state that the evidence or the kind of mail makes; empty if neither does."""
    begun = touch.begun_at or touch.decided_at
    if any(touch.message_id in taken for _, taken in complete):
        return {"state": State.SENT, "sent_at": begun, "reason": DeliveryReason.EVIDENCE_TAKEN, "detail": None}
    over = begun + max(system.config.lease_seconds, FINAL_REPLY_SECONDS) * SECOND + SKEW  # until then a frozen worker might still hand it over
    if complete and all(until > over for until, _ in complete) and now > over:
        return _again(touch, DeliveryReason.EVIDENCE_ABSENT, now)
    rule = system.workspace.rules.get(touch.rule)
    if now > begun + PATIENCE and rule is not None and rule.do.is_service:
        return _again(touch, DeliveryReason.RESENT, now)
    return {}


def _again(touch: Touch, reason: DeliveryReason, now: int) -> Mapping[str, Any]:
    if now > touch.deadline:
        return {"state": State.EXPIRED, "reason": EXPIRED, "detail": reason, **NOT_BEGUN}
    return {"state": State.PENDING, "reason": reason, "detail": None, "due_at": now, **NOT_BEGUN}


def _settled(system: System, changes: Sequence[tuple[Touch, Mapping[str, Any]]], now: int) -> tuple[int, int, int]:
    counts = {DeliveryReason.EVIDENCE_TAKEN: 0, DeliveryReason.EVIDENCE_ABSENT: 0, DeliveryReason.RESENT: 0}
    with system.ledger.write() as connection:
        for touch, change in changes:
            if ledger_touches.settle(connection, touch.id, touch.attempt, now, **change):
                counts[change["detail"] or change["reason"]] += 1
                if change["state"] is State.SENT:
                    ledger_records.append_tail(connection, [outcome_record(touch, State.SENT, change["sent_at"])], now)
    return counts[DeliveryReason.EVIDENCE_TAKEN], counts[DeliveryReason.EVIDENCE_ABSENT], counts[DeliveryReason.RESENT]
