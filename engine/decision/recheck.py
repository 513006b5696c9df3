"""The re-check: whether what was decided may still go out now, by the same gates as the decision."""

from dataclasses import dataclass, replace
from typing import Literal

from engine.decision.candidates import candidate_of, per_value
from engine.decision.gates import EXPIRED, NO_LONGER_TRUE, findings
from engine.decision.standing import Candidate, Standing
from engine.detail import detail


@dataclass(frozen=True)
class Planned:
    """What the re-check needs of a touch."""

    rule_id: str
    per_value: str
    decided_at: int
    deadline: int


@dataclass(frozen=True)
class Ruling:
    """`go`: send it; `wait` until `due_at`; `hold`: a pause is in force; `drop` and `expire` end it with a reason of the closed list."""

    kind: Literal["go", "wait", "hold", "drop", "expire"]
    deadline: int
    reason: str | None = None
    detail: str | None = None
    due_at: int | None = None


def recheck(planned: Planned, standing: Standing, now: int) -> Ruling:
    """Judge a touch again. `standing` is the account's at `now`, without the touch itself, with every rule's verdict."""
    if now > planned.deadline:
        return Ruling("expire", planned.deadline, EXPIRED)
    if (over := is_over(planned, standing)) is not None:
        return over
    fresh = candidate_of(standing.workspace, planned.rule_id, standing.account_id, standing.answer.columns, now)
    return _in_time(replace(fresh, per_value=planned.per_value, deadline=min(planned.deadline, fresh.deadline)), standing, now)


def is_over(planned: Planned, standing: Standing) -> Ruling | None:
    """Whether what was decided has no ground any more, even if it was done already: a popup on the screen goes away then. None while it has."""
    rule = standing.workspace.rules.get(planned.rule_id)
    if rule is None or standing.answer.rules.get(planned.rule_id) is not True:
        return Ruling("drop", planned.deadline, NO_LONGER_TRUE)
    # A period such as the month is the one it was decided in; a fact must still say what the touch was counted under.
    counted = per_value(standing.workspace, rule.again.per, standing.answer.columns, standing.workspace.zone.day(planned.decided_at))
    if counted != planned.per_value:
        return Ruling("drop", planned.deadline, NO_LONGER_TRUE, detail("was", rule.again.per, planned.per_value))
    return None


def _in_time(candidate: Candidate, standing: Standing, now: int) -> Ruling:
    """Still true: then the hours, the deadline and the gates decide."""
    deadline = candidate.deadline
    if now > deadline:
        return Ruling("expire", deadline, EXPIRED)
    if candidate.due_at > now:
        return Ruling("wait", deadline, due_at=candidate.due_at)
    stopped_by = findings(candidate, standing)
    if "paused" in stopped_by:
        return Ruling("hold", deadline, "paused", stopped_by["paused"])
    if stopped_by:
        reason, found = next(iter(stopped_by.items()))
        return Ruling("drop", deadline, reason, found)
    return Ruling("go", deadline)
