"""A won decision becomes a touch, with its window and deadline stamped on it."""

from dataclasses import dataclass, replace

from engine.decision.arbitrate import Decision
from engine.decision.candidates import due_day
from engine.decision.draws import variant_of
from engine.decision.gates import RULE_HOLDOUT
from engine.decision.standing import Standing
from engine.rulebook.actions import SendMail, Task
from engine.touches.touch import State, Touch, last_day, touch_id
from engine.workspace.model import Workspace


@dataclass(frozen=True)
class Occasion:
    """Which run decided, what it could see, and the account's fold at its instant; a night reads the folds later, for those only who get a touch."""

    slot: str
    arrival: int
    fold: str = ""


def plan_touch(decision: Decision, standing: Standing, occasion: Occasion) -> Touch:
    """The touch of a decision; planning the same decision of the same slot again gives the same touch."""
    candidate, workspace = decision.candidate, standing.workspace
    rule, ordinal = candidate.rule, candidate.ordinal(standing)
    identity = touch_id(standing.account_id, candidate.rule_id, candidate.per_value, ordinal, occasion.slot)
    recipient = standing.present or standing.recipient if decision.lane == "pull" else standing.recipient
    variant = variant_of(candidate.rule_id, rule, standing.account_id)
    domain = workspace.settings.senders[rule.do.from_].address.rpartition("@")[2] if isinstance(rule.do, SendMail) else "banso.invalid"
    touch = Touch(
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
        variant=variant.id if variant else None,
        place=decision.place,
        hold=" ".join(rule.do.held),
        hold_until=due_day(workspace, rule.do, candidate.due_at) if isinstance(rule.do, Task) else None,
    )
    return _withheld(touch, workspace) if decision.outcome == "withheld" else touch


def _withheld(touch: Touch, workspace: Workspace) -> Touch:
    """Kept back for comparison: it ends here, with the window that sending would have opened."""
    day = workspace.zone.day(touch.due_at)
    return replace(touch, state=State.WITHHELD, reason=RULE_HOLDOUT, begun_at=touch.due_at, window_last_day=last_day(day, touch.valid_days))
