"""reconcile: touches of which nobody can tell are settled from evidence; what no evidence settles in time goes by the kind of mail.

Advertising waits for a person's word: twice is worse than never. Service mail goes out again in the same bytes: never is worse than twice.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.calendar import HOUR, MINUTE, SECOND
from engine.channels import CHANNELS
from engine.channels.mail.evidence import Evidence, Seen, open_evidence
from engine.channels.mail.transport import FINAL_REPLY_SECONDS
from engine.decision.gates import EXPIRED
from engine.ledger import leases, restores
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


@dataclass(frozen=True)
class Settlement:
    """What becomes of a touch, and the word for why."""

    touch: Touch
    why: DeliveryReason
    change: Mapping[str, Any]


def reconcile(system: System, evidence: Sequence[Evidence] | None = None) -> Reconciled:
    """Settle what can be settled now. Raises BansoError E638 if evidence that is configured cannot be read."""
    with system.ledger.read() as connection:
        unknown, restored = ledger_touches.unknown_touches(connection), restores.last(connection)
    if not unknown:
        return Reconciled()
    sources = (
        open_evidence(system.config.relay_log, system.config.journal, relays=1 + len(system.config.other_relays)) if evidence is None else evidence
    )
    relayed = [touch.message_id for touch in unknown if _is_relayed(touch)]
    now, seen = system.clock.now(), [each.look(relayed) for each in sources] if relayed else []
    until = restored.noticed_at if restored is not None else 0
    settled = [each for touch in unknown if (each := _verdict(system, touch, seen, now, until)) is not None]
    counts = Counter(_stored(system, settled, now))
    absent = counts[DeliveryReason.EVIDENCE_ABSENT] + counts[DeliveryReason.NOT_LISTED]
    return Reconciled(counts[DeliveryReason.EVIDENCE_TAKEN], absent, counts[DeliveryReason.RESENT], len(unknown) - len(settled))


def reconcile_in_turn(system: System) -> Reconciled | None:
    """At most once a minute over all processes, for evidence is long to read; None if another has done it lately."""
    now = system.clock.now()
    with system.ledger.write() as connection:
        if not leases.take_turn(connection, "reconcile", now, now + MINUTE):
            return None
    return reconcile(system)


def _is_relayed(touch: Touch) -> bool:
    return CHANNELS[touch.channel].delivery == "relayed"


def _verdict(system: System, touch: Touch, seen: Sequence[Seen], now: int, restored_until: int) -> Settlement | None:
    """What the evidence or the kind of mail makes of it; None if neither does.

    After a restore it may have gone out at any time until that was noticed, and it is never sent again for its kind alone.
    """
    if not _is_relayed(touch):
        return _again(touch, DeliveryReason.NOT_LISTED, now)
    begun = touch.begun_at or touch.decided_at
    if any(touch.message_id in each.taken for each in seen):
        why = DeliveryReason.EVIDENCE_TAKEN
        return Settlement(touch, why, {"state": State.SENT, "sent_at": begun, "reason": why, "detail": None})
    restored = touch.reason == DeliveryReason.RESTORED
    over = (
        max(begun, restored_until if restored else 0) + max(system.config.lease_seconds, FINAL_REPLY_SECONDS) * SECOND + SKEW
    )  # until then a frozen worker might still hand it over
    if seen and now > over and all(each.since <= begun - SKEW and each.until > over for each in seen):
        return _again(touch, DeliveryReason.EVIDENCE_ABSENT, now)
    rule = system.workspace.rules.get(touch.rule)
    if now > begun + PATIENCE and not restored and rule is not None and rule.do.is_service:
        return _again(touch, DeliveryReason.RESENT, now)
    return None


def _again(touch: Touch, why: DeliveryReason, now: int) -> Settlement:
    if now > touch.deadline:
        return Settlement(touch, why, {"state": State.EXPIRED, "reason": EXPIRED, "detail": None, **NOT_BEGUN})
    return Settlement(touch, why, {"state": State.PENDING, "reason": why, "detail": None, "due_at": now, **NOT_BEGUN})


def _stored(system: System, settled: Sequence[Settlement], now: int) -> list[DeliveryReason]:
    """Why, of each that nobody else settled meanwhile."""
    done = []
    with system.ledger.write() as connection:
        for each in settled:
            if ledger_touches.settle(connection, each.touch.id, each.touch.attempt, now, **each.change):
                done.append(each.why)
                if each.change["state"] is State.SENT:
                    ledger_records.append_tail(connection, [outcome_record(each.touch, State.SENT, each.change["sent_at"])], now)
    return done
