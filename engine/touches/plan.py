"""A won decision becomes a touch, with its window and deadline stamped on it."""

from dataclasses import dataclass

from engine.decision.arbitrate import Decision
from engine.decision.standing import Standing
from engine.touches.touch import State, Touch, touch_id
from engine.workspace.model import Workspace


@dataclass(frozen=True)
class Occasion:
    """Which run decided, what it could see, and the account's fold at its instant."""

    slot: str
    arrival: int
    fold: str


def plan_touch(decision: Decision, standing: Standing, workspace: Workspace, occasion: Occasion) -> Touch:
    """The touch of a decision; planning the same decision of the same slot again gives the same touch."""
    candidate = decision.candidate
    rule, ordinal = candidate.rule, candidate.ordinal(standing)
    identity = touch_id(standing.account_id, candidate.rule_id, candidate.per_value, ordinal, occasion.slot)
    recipient = standing.recipient
    domain = workspace.settings.senders[rule.do.from_].address.rpartition("@")[2]
    return Touch(
        id=identity,
        account_id=standing.account_id,
        contact_id=recipient.contact_id if recipient else None,
        rule=candidate.rule_id,
        per_value=candidate.per_value,
        ordinal=ordinal,
        lane=decision.lane,
        channel=rule.do.channel,
        goal=rule.goal,
        slot=occasion.slot,
        rule_set=workspace.hash,
        decided_at=standing.instant,
        due_at=candidate.due_at,
        deadline=candidate.deadline,
        valid_days=workspace.valid_days(rule),
        state=State.PENDING,
        message_id=f"<{identity}@{domain}>",
        address=recipient.address if recipient else None,
        arrival=occasion.arrival,
        fold=occasion.fold,
    )
