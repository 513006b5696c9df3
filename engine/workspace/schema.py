"""The border models of the workspace files. Rules, steps and facts have theirs in `rulebook` and `facts`."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from engine.facts.health import Health
from engine.facts.spec import EventName, Name, Strict

Clock = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Prefix = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
MaxAge = Annotated[str, StringConstraints(pattern=r"^(none|[1-9][0-9]*[mhd]|[1-9][0-9]* business_hours)$")]
Overlap = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]*[mhd]$")]
Url = Annotated[str, StringConstraints(pattern=r"^(https?|mailto):\S+$")]
Language = Literal["ja", "en"]


class Title(Strict):
    """`year_starts`: the month in which the fiscal year begins, for `again: {per: year}`."""

    id: Name
    label: str
    language: Language = "en"
    year_starts: Annotated[int, Field(ge=1, le=12)] = 1


class Business(Strict):
    """`holidays`: a country code or `none`; `closed`: a CSV of own closures with header from,to,label."""

    days: Annotated[list[Weekday], Field(min_length=1)] = ["mon", "tue", "wed", "thu", "fri"]
    holidays: str = "none"
    closed: str | None = None


class QuietHours(Strict):
    from_: Clock = Field(alias="from")
    to: Clock


class Source(Strict):
    """`events`: the prefixes of events and fields it delivers; older than `max_age`, its silence proves nothing."""

    label: str
    max_age: MaxAge
    events: Annotated[list[Prefix], Field(min_length=1)]
    dedupe: Literal["id", "content"] = "id"
    overlap: Overlap = "3d"


class Channel(Strict):
    """`valid_days`: calendar days a touch is valid, the sending day being day 1; also the deadline unless `send_within_days` says otherwise.

    `touch`: the event that is written for each touch; `response`: those that answer one while it is valid.
    """

    label: str
    valid_days: Annotated[int, Field(ge=1, le=90)]
    send_within_days: Annotated[int, Field(ge=1, le=90)] | None = None
    touch: EventName | None = None
    response: list[EventName] = []


class Sender(Strict):
    name: str
    address: Annotated[str, StringConstraints(pattern=r"^[^@\s<>\",;]+@[^@\s<>\",;]+$")]
    phone: str
    hours: str


class Imprint(Strict):
    """What Japanese mail law wants shown (Act on Regulation of Transmission of Specified Electronic Mail, Art. 4)."""

    legal_name: str
    postal_address: str
    complaints: str
    refuse: Url


class Support(Strict):
    label: str
    url: Url
    phone: str | None = None


class WorkspaceFile(Strict):
    banso: Literal[1]
    workspace: Title
    timezone: str
    nightly_at: Clock
    business: Business = Business()
    quiet_hours: QuietHours | None = None
    sources: Annotated[dict[Name, Source], Field(min_length=1)]
    channels: dict[Name, Channel]
    never: list[object] = []
    excluded: str | None = None
    senders: dict[Name, Sender]
    imprint: Imprint
    product_url: Url
    help_url: Url
    supports: dict[Name, Support] = {}


class Segment(Strict):
    label: str
    when: Annotated[list[object], Field(min_length=1)]


class Goal(Strict):
    label: str
    reached_by: Literal["next_step"] | Annotated[list[str], Field(min_length=1)]


class GoalsFile(Strict):
    health: Health | None = None
    segments: dict[Name, Segment] = {}
    goals: Annotated[dict[Name, Goal], Field(min_length=1)]


class Order(Strict):
    push: list[str] = []


class OrderFile(Strict):
    order: Order
