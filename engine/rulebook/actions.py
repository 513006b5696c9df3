"""The one action of a rule: a mail, a popup, a question, help articles, a task for people, or a post to the team.

The first key says which; the lane and the channel follow from it and are never written.
"""

from functools import cached_property
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_serializer

from engine.facts.spec import EventName, Name, Strict, form_of

Lane = Literal["human", "push", "pull", "internal"]
LANES: tuple[Lane, ...] = ("human", "push", "pull", "internal")  # in the order in which they are decided
TemplateRef = Annotated[str, Field(pattern=r"^[a-z]+/[a-z0-9][a-z0-9-]*$")]
ArticleRef = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_/-]*$")]
ByForm = Discriminator(form_of)
Choice = Annotated[
    Annotated[TemplateRef, Tag("<text>")] | Annotated[dict[str, str], Tag("<map>")], ByForm
]  # one, or by the value of an enum: {by: fact, value: template, else: template}
ArticleChoice = Annotated[Annotated[ArticleRef, Tag("<text>")] | Annotated[dict[str, ArticleRef], Tag("<map>")], ByForm]
Articles = Annotated[Annotated[list[ArticleRef], Tag("<list>")] | Annotated[dict[str, str | list[ArticleRef]], Tag("<map>")], ByForm]
Days = Annotated[int, Field(ge=1, le=90)]
LEADS = ("setting", "article", "support", "seminar", "course")


class LeadTo(Strict):
    """Where the one link of a touch leads: exactly one of the kinds. A scarce one may ask for a seat within so many days."""

    setting: Name | None = None  # next_step, or a step of the route
    article: ArticleChoice | None = None
    support: Name | None = None
    seminar: Name | None = None
    course: Name | None = None
    seat_within_days: Annotated[int, Field(ge=1, le=90)] | None = None

    def kinds(self) -> list[str]:
        """The kinds that are written; a good rule has one."""
        return [kind for kind in LEADS if getattr(self, kind) is not None]

    @property
    def place(self) -> str | None:
        """The scarce thing that must have a seat, such as `seminar:setup-live`."""
        if self.seat_within_days is None:
            return None
        return f"seminar:{self.seminar}" if self.seminar else f"course:{self.course}"


class Variant(Strict):
    """One of several wordings; `percent` of the accounts get it, always the same ones."""

    id: Name
    percent: Annotated[int, Field(ge=1, le=100)]
    template: TemplateRef


class Action(Strict):
    """What all actions share. Windows stand per channel and may be written here where the measure differs."""

    valid_days: Days | None = None
    send_within_days: Days | None = None
    handover: list[Name] = []  # facts that a person who takes over wants to see

    @cached_property
    def channel(self) -> str:
        raise NotImplementedError

    @cached_property
    def lane(self) -> Lane:
        raise NotImplementedError

    @cached_property
    def leads(self) -> LeadTo | None:
        return getattr(self, "lead_to", None)

    @cached_property
    def held(self) -> tuple[Lane, ...]:
        """The lanes in which nothing else happens while the touch is open."""
        return ()

    @cached_property
    def is_urgent(self) -> bool:
        """Skips cap, load and an open window."""
        return bool(getattr(self, "urgent", False))

    @cached_property
    def is_service(self) -> bool:
        """Never withheld for comparison: nobody is refused what he asked for or needs, nor the way to the support centre."""
        to_support = self.leads is not None and self.leads.support is not None
        return self.is_urgent or bool(getattr(self, "service", False)) or self.answers or to_support

    @cached_property
    def answers(self) -> bool:
        """An answer to what the customer just did; skips cap, load and holdout."""
        return bool(getattr(self, "in_response", False))

    def templates(self) -> list[str]:
        """Every template the action may use."""
        return []

    def choice(self) -> str | dict[str, str] | None:
        """The template, or the table that chooses one."""
        return None


class SendMail(Action):
    """`service`: not advertising, so never withheld; `reminder`: may go to accounts with an appointment ahead.

    `kind`: which kind of mail it is, for receivers who want some and not others. `save_to`: the field that is answered by a button in the
    mail; `follow_up`: answer → the field that is asked for next, on the page behind the button.
    """

    send: Name
    from_: Name = Field(alias="from")
    template: Choice | None = None
    variants: list[Variant] = []
    lead_to: LeadTo
    not_after: Name | None = None
    urgent: bool = False
    service: bool = False
    reminder: bool = False
    kind: Name | None = None
    save_to: EventName | None = None
    follow_up: dict[str, EventName] = {}

    @cached_property
    def channel(self) -> str:
        return self.send

    @cached_property
    def lane(self) -> Lane:
        return "push"

    @cached_property
    def asks(self) -> tuple[str, ...]:
        """The fields that the receiver may answer."""
        return () if self.save_to is None else (self.save_to, *self.follow_up.values())

    def templates(self) -> list[str]:
        return [*_listed(self.template), *(variant.template for variant in self.variants)]

    def choice(self) -> str | dict[str, str] | None:
        return self.template


class Whom(Strict):
    """What the person on the screen must be."""

    role: str | None = None


class Popup(Action):
    """What a popup shares with a question. `where`: who it is for, such as {role: admin}."""

    template: Choice
    in_response: bool = False
    where: Whom = Whom()

    @cached_property
    def lane(self) -> Lane:
        return "pull"

    def templates(self) -> list[str]:
        return _listed(self.template)

    def choice(self) -> str | dict[str, str] | None:
        return self.template


class ShowPopup(Popup):
    show: Name
    lead_to: LeadTo

    @cached_property
    def channel(self) -> str:
        return self.show


class AskPopup(Popup):
    """One question whose answer is kept in `save_to`."""

    ask: Name
    save_to: EventName

    @cached_property
    def channel(self) -> str:
        return self.ask


class SuggestHelp(Action):
    """Articles at the top of the help site, chosen by an enum where they differ."""

    suggest: Name
    articles: Articles

    @cached_property
    def channel(self) -> str:
        return self.suggest

    @cached_property
    def is_service(self) -> bool:
        return True

    @cached_property
    def lane(self) -> Lane:
        return "pull"


class AssignTo(Strict):
    """`{owner, else: NAME}`: the person who looks after the account, or that one where nobody does."""

    owner: None
    otherwise: Name = Field(alias="else")

    @model_serializer
    def _as_written(self) -> dict[str, str | None]:
        """`owner` stands there with nothing behind it, and must not be left out as what is absent."""
        return {"owner": None, "else": self.otherwise}


class Task(Action):
    """Something a person does. It counts as sent when it is listed; until its due day, or its outcome, it may hold other lanes."""

    task: Name
    script: Choice
    due_business_days: Annotated[int, Field(ge=0, le=30)]
    hold: list[Lane] = []
    because: Literal["flexibility", "skill", "persuasion"] | None = None
    assign_to: Annotated[Annotated[Name, Tag("<text>")] | Annotated[AssignTo, Tag("<map>")], ByForm] | None = None

    @cached_property
    def channel(self) -> str:
        return self.task

    @cached_property
    def lane(self) -> Lane:
        return "human" if self.hold or self.task == "call" else "internal"

    @cached_property
    def held(self) -> tuple[Lane, ...]:
        return tuple(self.hold)

    @cached_property
    def is_service(self) -> bool:
        return True

    def templates(self) -> list[str]:
        return _listed(self.script)

    def choice(self) -> str | dict[str, str] | None:
        return self.script


class Post(Action):
    """A story for the team, to a place named under `notify:`."""

    post: Name
    text: TemplateRef
    include: list[Literal["timeline_last_30_days", "last_touch"]] = []

    @cached_property
    def channel(self) -> str:
        return "slack"

    @cached_property
    def lane(self) -> Lane:
        return "internal"

    def templates(self) -> list[str]:
        return [self.text]

    def choice(self) -> str | dict[str, str] | None:
        return self.text


ACTIONS: dict[str, type[Action]] = {"send": SendMail, "show": ShowPopup, "ask": AskPopup, "suggest": SuggestHelp, "task": Task, "post": Post}


def _listed(choice: str | dict[str, str] | None) -> list[str]:
    if isinstance(choice, dict):
        return [template for case, template in choice.items() if case != "by"]
    return [] if choice is None else [choice]


def _kind(raw: object) -> str | None:
    """Which action is written: the one whose key is there."""
    if isinstance(raw, Action):
        return next(f"<{key}>" for key, model in ACTIONS.items() if isinstance(raw, model))
    return next((f"<{key}>" for key in ACTIONS if isinstance(raw, dict) and key in raw), None)


Do = Annotated[
    Annotated[SendMail, Tag("<send>")]
    | Annotated[ShowPopup, Tag("<show>")]
    | Annotated[AskPopup, Tag("<ask>")]
    | Annotated[SuggestHelp, Tag("<suggest>")]
    | Annotated[Task, Tag("<task>")]
    | Annotated[Post, Tag("<post>")],
    Discriminator(_kind),
]
