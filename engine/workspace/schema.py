"""The border models of the workspace files. Rules, steps and facts have theirs in `rulebook` and `facts`."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, StringConstraints, Tag

from engine.facts.health import Health
from engine.facts.open_items import Duration
from engine.facts.spec import EventName, Name, Strict, form_of
from engine.rulebook.spec import Date, Holdout

Clock = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Prefix = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
MaxAge = Annotated[str, StringConstraints(pattern=r"^(none|[1-9][0-9]*[mhd]|[1-9][0-9]* business_hours)$")]
Overlap = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]*[mhd]$")]
Url = Annotated[str, StringConstraints(pattern=r"^(https?|mailto):\S+$")]
Address = Annotated[str, StringConstraints(pattern=r"^[^@\s<>\",;]+@[^@\s<>\",;]+$")]
Https = Annotated[str, StringConstraints(pattern=r"^https://\S+$")]
Language = Literal["ja", "en"]
Count = Annotated[int, Field(ge=1, le=100_000)]


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


class Hours(Strict):
    """Times of day. Quiet hours may run over midnight."""

    from_: Clock = Field(alias="from")
    to: Clock


class Source(Strict):
    """`events`: the prefixes of events and fields it delivers; older than `max_age`, its silence proves nothing.

    `names`: what the product itself calls an event, where it comes in over HTTP, and what it is called here.
    """

    label: str
    max_age: MaxAge
    events: Annotated[list[Prefix], Field(min_length=1)]
    dedupe: Literal["id", "content"] = "id"
    overlap: Overlap = "3d"
    names: dict[str, EventName] = {}


class Caps(Strict):
    """At most so many touches of a channel for one account in local days; `team_per_day` for all accounts together."""

    per_day: Count | None = None
    per_7_days: Count | None = None
    team_per_day: Count | None = None


class Channel(Strict):
    """How a channel counts.

    `valid_days`: calendar days a touch is valid, the day of the touch being day 1; also the deadline unless `send_within_days` says otherwise.
    `touch`: the record that proves a touch; `response`: records that answer one; `outcome`: records that end a task.
    `send_between`: what a night decides goes out within these hours, each account at a time of its own, so that not all comes at once.
    `record_clicks`: the link of a mail goes by way of the deployment, which then knows that somebody followed it.
    `load`: points against `load_limit`. `rank`: which accounts come first where the team's day is short.
    """

    label: str
    valid_days: Annotated[int, Field(ge=1, le=90)]
    send_within_days: Annotated[int, Field(ge=1, le=90)] | None = None
    deliver_within: Duration | None = None
    send_between: Hours | None = None
    touch: EventName | None = None
    response: list[EventName] = []
    outcome: list[EventName] = []
    record_clicks: bool = False
    load: Annotated[int, Field(ge=0, le=100)] = 0
    caps: Caps = Caps()
    rank: list[dict[Name, Literal["low", "high"]]] = []
    cost_minutes: Annotated[int, Field(ge=0)] = 0
    cost_yen: Annotated[int, Field(ge=0)] = 0


class LoadLimit(Strict):
    """Above so many points within so many days push stops for the account."""

    points: Count
    within_days: Annotated[int, Field(ge=1, le=365)]


class Brake(Strict):
    """A rule that would touch more accounts than `times` its usual night, and at least so many, waits until a person looked."""

    times: Annotated[int, Field(ge=2, le=100)]
    at_least: Count


class Place(Strict):
    """A kind of seminar or course; its dates stand in the sessions file."""

    label: str
    url: Url


class Sender(Strict):
    """Who a mail is from. `reply_to`: a mailbox that somebody reads, where it is another one; `relay`: one of the deployment's, else the main one."""

    name: str
    address: Address
    reply_to: Address | None = None
    relay: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,29}$")] | None = None
    phone: str
    hours: str


class Imprint(Strict):
    """What Japanese mail law wants shown (Act on Regulation of Transmission of Specified Electronic Mail, Art. 4)."""

    legal_name: str
    postal_address: str
    complaints: str
    refuse: Url


class MailKind(Strict):
    """A kind of mail that its receivers may refuse by itself; mail rules name theirs."""

    label: str


class Support(Strict):
    label: str
    url: Url
    phone: str | None = None


class WorkspaceFile(Strict):
    """What holds for the whole workspace.

    `never`: no rule reaches these accounts; `appointment`: these get reminders only. `accounts_of`: the fact that names who looks after
    an account. `sessions`, `shifts`, `excluded`: CSV files below rules/. `help_url`: where readers find the articles; where they stand in
    templates/help/ it may be left out, and is then /help of the deployment. `use_cases`: what articles may be for, with labels.
    """

    banso: Literal[1]
    workspace: Title
    timezone: str
    nightly_at: Clock
    business: Business = Business()
    quiet_hours: Hours | None = None
    sources: Annotated[dict[Name, Source], Field(min_length=1)]
    channels: dict[Name, Channel]
    never: list[object] = []
    excluded: str | None = None
    appointment: list[object] = []
    accounts_of: Name | None = None
    load_limit: LoadLimit | None = None
    brake: Brake | None = None
    holdout: Holdout | None = None
    notify: dict[Name, str] = {}
    approvers: list[Name] = []
    sessions: str | None = None
    shifts: str | None = None
    seminars: dict[Name, Place] = {}
    courses: dict[Name, Place] = {}
    senders: dict[Name, Sender]
    imprint: Imprint
    mail_kinds: dict[Name, MailKind] = {}
    product_url: Url
    help_url: Url | None = None
    use_cases: dict[Name, str] = {}
    supports: dict[Name, Support] = {}


class Segment(Strict):
    label: str
    when: Annotated[list[object], Field(min_length=1)]


class Goal(Strict):
    label: str
    reached_by: Annotated[
        Annotated[Literal["next_step"], Tag("<text>")] | Annotated[list[EventName], Field(min_length=1), Tag("<list>")], Discriminator(form_of)
    ]


class GoalsFile(Strict):
    health: Health | None = None
    segments: dict[Name, Segment] = {}
    goals: Annotated[dict[Name, Goal], Field(min_length=1)]


class Order(Strict):
    human: list[str] = []
    push: list[str] = []
    pull: list[str] = []
    internal: list[str] = []


class Ownership(Strict):
    """Whom somebody stands in for, or how long he looks after accounts: both ends included."""

    from_: Date | None = Field(default=None, alias="from")
    to: Date | None = None


class Person(Strict):
    """Somebody of the team. `substitute` takes over before the person joined and outside of `active`."""

    name: str
    role: Literal["cs", "agent", "home_staff", "manager"]
    joined: Date | None = None
    substitute: Name | None = None
    active: Ownership = Ownership()

    def is_there(self, date: str) -> bool:
        """Whether the person looks after accounts on a date such as 2026-04-07."""
        begins = max(self.joined or "", self.active.from_ or "")
        return begins <= date and (self.active.to is None or date <= self.active.to)


class PeopleFile(Strict):
    people: dict[Name, Person] = {}


class OrderFile(Strict):
    order: Order
