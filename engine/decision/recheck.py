"""The re-check: whether what was decided may still go out now, by the same gates as the decision."""

from dataclasses import dataclass, replace
from typing import Literal

from engine.decision.candidates import IN_HOURS, candidate_of
from engine.decision.gates import EXPIRED, NO_LONGER_TRUE, findings
from engine.decision.standing import Standing


@dataclass(frozen=True)
class Planned:
    """What the re-check needs of a touch."""

    rule_id: str
    per_value: str
    deadline: int


@dataclass(frozen=True)
class Ruling:
    """`go`: send it; `wait` until `due_at`; `hold`: a pause is in force; `drop` and `expire` end it with a reason of the closed list."""

    kind: Literal["go", "wait", "hold", "drop", "expire"]
    reason: str | None = None
    detail: str | None = None
    due_at: int | None = None


def recheck(planned: Planned, standing: Standing, now: int) -> Ruling:  # noqa: PLR0911  # one return for each way it can end
    """Judge a touch again. `standing` is the account's at `now`, without the touch itself, with every rule's verdict."""
    workspace = standing.workspace
    rule = workspace.rules.get(planned.rule_id)
    if now > planned.deadline:
        return Ruling("expire", EXPIRED)
    if rule is None or standing.answer.rules.get(planned.rule_id) is not True:
        return Ruling("drop", NO_LONGER_TRUE)
    fresh = candidate_of(workspace, planned.rule_id, standing.answer.columns, now)
    if fresh.per_value != planned.per_value:
        return Ruling("drop", NO_LONGER_TRUE, f"{rule.again.per}: {fresh.per_value}")
    deadline = min(planned.deadline, fresh.deadline)
    if now > deadline:
        return Ruling("expire", EXPIRED)
    allowed = workspace.hours.next_allowed(now) if rule.do.lane in IN_HOURS else now
    if allowed > now:
        return Ruling("wait", due_at=allowed)
    stopped_by = findings(replace(fresh, due_at=now, deadline=deadline), standing)
    if "paused" in stopped_by:
        return Ruling("hold", "paused", stopped_by["paused"])
    if stopped_by:
        reason, detail = next(iter(stopped_by.items()))
        return Ruling("drop", reason, detail)
    return Ruling("go")
