"""What the decision knows of one account beside its facts: pauses, suppressions and the touches it already had."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from engine.decision.recipient import Recipient
from engine.rulebook.actions import Lane, Popup
from engine.rulebook.python import Answer
from engine.rulebook.spec import RuleSpec
from engine.workspace.model import Workspace

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
    """A touch that counts: live (pending to unknown) or sent. One that never reached the customer counts for `again` alone.

    `is_withheld`: it was kept back for comparison, or the receiver refused it.
    `day`: the local day it was begun, or is meant to. A task holds the lanes in `hold` until `hold_until`, a local day, or its outcome.
    """

    id: str
    rule: str
    per_value: str
    goal: str | None
    lane: Lane
    channel: str
    day: int
    begun_at: int | None  # when it was sent, or when handing it over began; None while it waits
    window_last_day: int | None
    is_sent: bool = False
    is_withheld: bool = False
    hold: tuple[Lane, ...] = ()
    hold_until: int | None = None
    ordinal: int = 1


@dataclass(frozen=True)
class Standing:
    """One account at the instant of a decision.

    `holding`: lanes that a task won in this very decision holds; `taken_on`: points of load won in it. `present`: the person who is on
    the screen right now.
    """

    account_id: str
    instant: int
    workspace: Workspace
    answer: Answer
    recipient: Recipient | None
    pauses: Sequence[Pause] = ()
    suppressed: Mapping[str, frozenset[str]] = field(default_factory=dict)  # address -> kinds
    unapproved: frozenset[str] = frozenset()  # rules whose content nobody approved for everyone
    touches: Sequence[PastTouch] = ()
    holding: Mapping[Lane, str] = field(default_factory=dict)
    taken_on: int = 0
    present: Recipient | None = None

    @cached_property
    def today(self) -> int:
        return self.workspace.zone.day(self.instant)

    @cached_property
    def active(self) -> list[PastTouch]:
        """The touches that reached the customer or still may."""
        return [each for each in self.touches if not each.is_withheld]

    def when(self, column: str) -> int | None:
        """The instant that a column tells, such as `goal.talked` or `outcome.call`."""
        found = self.answer.columns.get(column)
        return found if isinstance(found, int) else None

    def is_open(self, touch: PastTouch) -> bool:
        """Whether a task still waits: its due day has not passed and neither its outcome nor its goal came since."""
        if touch.hold_until is None or self.today > touch.hold_until:
            return False
        since = touch.begun_at if touch.begun_at is not None else self.instant
        ends = [self.when(f"outcome.{touch.channel}"), self.when(f"goal.{touch.goal}") if touch.goal else None]
        return not any(end is not None and end >= since for end in ends)


def is_for(rule: RuleSpec, standing: Standing) -> bool:
    """`where: {role: admin}` on a popup: only people who are so see it."""
    wanted = rule.do.where.role if isinstance(rule.do, Popup) else None
    return wanted is None or (standing.present is not None and standing.present.role == wanted)


@dataclass(frozen=True)
class Candidate:
    """A rule that matched, with what its touch would be."""

    rule_id: str
    rule: RuleSpec
    per_value: str
    due_at: int
    deadline: int

    def earlier(self, standing: Standing) -> list[PastTouch]:
        """The touches of this rule, also under its earlier ids."""
        ids = self.rule.names(self.rule_id)
        return [each for each in standing.touches if each.rule in ids]

    def same_key(self, standing: Standing) -> list[PastTouch]:
        """Those of them for the same value of `per`."""
        return [each for each in self.earlier(standing) if each.per_value == self.per_value]

    def ordinal(self, standing: Standing) -> int:
        """One more than the highest there is: a touch that was dropped in between leaves a gap, and no two share a number."""
        return max((each.ordinal for each in self.same_key(standing)), default=0) + 1
