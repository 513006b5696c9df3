"""A rule as written in YAML: when / unless / do / goal / again, and how far it has been tried."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from engine.facts.open_items import Duration
from engine.facts.spec import EventName, Name, Strict, form_of
from engine.rulebook.actions import LANES, Do, Lane, TemplateRef

__all__ = ["LANES", "Again", "Lane", "Reflect", "RuleId", "RuleSpec", "Stage", "TemplateRef", "Trigger", "Try", "Why"]

RuleId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
Date = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Stage = Literal["plan", "try", "reflect", "share", "stopped"]


class Why(Strict):
    """Whom the measure is for and what gets easier for them."""

    who: str
    benefit: str


class Again(Strict):
    """Re-entry: at most so often per value of `per` (account, month, year or a fact), so many days after the last one sent."""

    after_days: Annotated[int, Field(ge=1, le=366)] | None = None
    at_most: Annotated[int, Field(ge=1, le=366)] = 1
    per: Name = "account"


class Trigger(Strict):
    """A record that makes us look: its properties may be asked for here and nowhere else; `after` is elapsed time."""

    event: EventName
    where: dict[str, str | int | bool] = {}
    after: Duration | None = None


Triggers = Annotated[
    Annotated[Literal["nightly"], Tag("<text>")] | Annotated[Trigger, Tag("<map>")] | Annotated[list[Trigger], Tag("<list>")], Discriminator(form_of)
]


class Try(Strict):
    """Whom a rule on trial may reach: the accounts of one person, or a fixed random sample (of a segment); never more than `at_most`."""

    accounts_of: Name | None = None
    sample: Annotated[int, Field(ge=1, le=10_000)] | None = None
    of: Name | None = None
    at_most: Annotated[int, Field(ge=1, le=10_000)] | None = None
    until: Date | None = None


class Reflect(Strict):
    """What came of the trial, and what was learned."""

    result: str
    learned: str


class Holdout(Strict):
    """So many percent of the winners get nothing, so that sending can be compared with not sending."""

    percent: Annotated[int, Field(ge=1, le=50)]


class RuleSpec(Strict):
    """`was`: earlier ids, whose touches, salts and credit go on; `human_ok`: why a step for people is left to a mail all the same."""

    title: str
    why: Why | None = None
    stage: Stage
    try_: Try | None = Field(default=None, alias="try")
    reflect: Reflect | None = None
    learned: str | None = None
    owner: Name
    was: list[RuleId] = []
    trigger: Triggers = "nightly"
    when: Annotated[list[object], Field(min_length=1)]
    unless: list[object] = []
    do: Do
    goal: Name | None = None
    again: Again = Again()
    holdout: Holdout | None = None
    human_ok: str | None = None

    @property
    def triggers(self) -> list[Trigger]:
        """The records that make the rule be judged; none for a nightly rule."""
        if isinstance(self.trigger, str):
            return []
        return self.trigger if isinstance(self.trigger, list) else [self.trigger]

    def names(self, rule_id: str) -> tuple[str, ...]:
        """The id of the rule and its earlier ones."""
        return (rule_id, *self.was)

    def salt(self, rule_id: str, purpose: str) -> str:
        """The salt of the rule's random draws; a renamed rule keeps its first name's."""
        return f"{purpose}:{self.was[0] if self.was else rule_id}"
