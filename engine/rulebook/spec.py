"""A rule as written in YAML: when / unless / do / goal / again."""

from typing import Annotated, Literal

from pydantic import Field

from engine.facts.spec import Name, Strict

RuleId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
TemplateRef = Annotated[str, Field(pattern=r"^[a-z]+/[a-z0-9][a-z0-9-]*$")]
Stage = Literal["plan", "share"]
Lane = Literal["push"]
LANES: tuple[Lane, ...] = ("push",)


class Why(Strict):
    """Whom the measure is for and what gets easier for them."""

    who: str
    benefit: str


class LeadTo(Strict):
    """Where the one link of a touch leads: exactly one of the keys."""

    setting: Literal["next_step"] | None = None
    article: str | None = None
    support: Name | None = None


class Do(Strict):
    """The one action. Windows stand per channel and may be written here where the measure differs."""

    send: Name
    from_: Name = Field(alias="from")
    template: TemplateRef | dict[str, str]
    lead_to: LeadTo
    not_after: Name | None = None
    valid_days: Annotated[int, Field(ge=1, le=90)] | None = None
    send_within_days: Annotated[int, Field(ge=1, le=90)] | None = None

    @property
    def channel(self) -> str:
        return self.send

    @property
    def lane(self) -> Lane:
        return "push"

    def templates(self) -> list[str]:
        """Every template the rule may use."""
        if isinstance(self.template, str):
            return [self.template]
        return [template for case, template in self.template.items() if case != "by"]


class Again(Strict):
    """Re-entry: at most so often per value of `per` (account, month, year or a fact), so many days after the last one sent."""

    after_days: Annotated[int, Field(ge=1, le=366)] | None = None
    at_most: Annotated[int, Field(ge=1, le=366)] = 1
    per: Name = "account"


class RuleSpec(Strict):
    title: str
    why: Why
    stage: Stage
    owner: Name
    trigger: Literal["nightly"] = "nightly"
    when: Annotated[list[object], Field(min_length=1)]
    unless: list[object] = []
    do: Do
    goal: Name
    again: Again = Again()
