"""What the decision knows of one account beside its facts: pauses, suppressions and the touches it already had."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from engine.calendar import Zone
from engine.decision.recipient import Recipient
from engine.rulebook.python import Answer
from engine.rulebook.spec import Lane, RuleSpec

Scope = Literal["all", "channel", "rule", "account"]


@dataclass(frozen=True)
class Pause:
    """Nothing of this scope is decided or sent until it ends."""

    scope: Scope
    name: str
    reason: str
    until: int


@dataclass(frozen=True)
class PastTouch:
    """A touch that counts: live (pending to unknown) or sent."""

    id: str
    rule: str
    per_value: str
    goal: str
    lane: Lane
    decided_day: int
    begun_at: int | None  # when it was sent, or when handing it over began; None while it waits
    begun_day: int | None
    window_last_day: int | None


@dataclass(frozen=True)
class Standing:
    """One account at the instant of a decision."""

    account_id: str
    instant: int
    zone: Zone
    answer: Answer
    recipient: Recipient | None
    pauses: Sequence[Pause]
    suppressed: Mapping[str, frozenset[str]]  # address -> kinds
    excluded_by_list: bool
    touches: Sequence[PastTouch]

    @property
    def today(self) -> int:
        return self.zone.day(self.instant)

    def goal_reached_at(self, goal: str) -> int | None:
        reached = self.answer.columns.get(f"goal.{goal}")
        return reached if isinstance(reached, int) else None


@dataclass(frozen=True)
class Candidate:
    """A rule that matched, with what its touch would be."""

    rule_id: str
    rule: RuleSpec
    per_value: str
    due_at: int
    deadline: int

    def same_key(self, standing: Standing) -> list[PastTouch]:
        """The touches of this rule under the same value of `per`."""
        return [each for each in standing.touches if each.rule == self.rule_id and each.per_value == self.per_value]

    def ordinal(self, standing: Standing) -> int:
        return len(self.same_key(standing)) + 1
