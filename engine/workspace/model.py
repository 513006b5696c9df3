"""The checked, immutable workspace that everything after the loader works with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from engine.calendar import BusinessDays, SendingHours, Zone, date_of_day
from engine.errors import Fault
from engine.facts.algebra import CountWithin, FirstInSpan, Last, Value, span_at
from engine.facts.attribute import Attribute
from engine.facts.open_items import UNITS
from engine.facts.reads import walk
from engine.facts.route import Route
from engine.facts.spec import FactSpec, Kind
from engine.rulebook.actions import LANES, Action
from engine.rulebook.compile import Written
from engine.rulebook.plan import Plan
from engine.rulebook.spec import Lane, RuleSpec
from engine.rulebook.triggers import waiting_for
from engine.workspace.schema import Goal, Person, Segment, WorkspaceFile


@dataclass(frozen=True)
class MailSource:
    """The texts of one mail as written: Jinja2 in a subject, an MJML body and a text body, with the frames they stand in."""

    name: str
    subject: str
    mjml: str
    text: str


@dataclass(frozen=True)
class NoteSource:
    """The text of one popup, script or post as written: a title line, and Jinja2 in the text below it."""

    name: str
    title: str
    text: str


@dataclass(frozen=True)
class ReadyText:
    """A text of an article that its readers copy and use as their own."""

    title: str
    text: str


@dataclass(frozen=True)
class Attachment:
    """A text file that goes with an article: `file` is its name, without a folder."""

    file: str
    title: str
    text: str


@dataclass(frozen=True)
class Article:
    """One article of the help site as written: Markdown in `text`. `why`: what its steps are good for; `minutes`: how long it keeps a reader.

    `text` stands in the lines where it stands in the file, so it begins with empty ones.
    """

    name: str
    title: str
    text: str
    summary: str = ""
    why: str = ""
    steps: Sequence[str] = ()
    use_cases: Sequence[str] = ()
    video: str | None = None
    minutes: int | None = None
    order: int = 100
    keywords: Sequence[str] = ()
    attachments: Sequence[Attachment] = ()
    ready_texts: Sequence[ReadyText] = ()
    links: Sequence[tuple[str, int, str]] = ()  # other articles, each with the line (from 0) of its block and the words as written


@dataclass(frozen=True)
class Session:
    """One date of a seminar or course. `place`: which one, such as `seminar:setup-live`; `invitations`: how many may be open at once."""

    id: str
    place: str
    starts_at: int
    seats: int
    invitations: int
    title: str
    url: str


@dataclass(frozen=True)
class SourceQuery:
    """The SELECT of one source and the file it stands in."""

    name: str
    file: Path
    sql: str


@dataclass(frozen=True)
class Workspace:
    """One rule set. `hash` names its content: same files, same hash, same decisions."""

    root: Path
    hash: str
    settings: WorkspaceFile
    zone: Zone
    business: BusinessDays
    route: Route
    facts: Mapping[str, FactSpec]
    segments: Mapping[str, Segment]
    goals: Mapping[str, Goal]
    order: Mapping[Lane, Sequence[str]]
    rules: Mapping[str, RuleSpec]
    people: Mapping[str, Person]
    excluded_accounts: frozenset[str]
    sessions: Sequence[Session]
    shifts: Mapping[int, int] | None  # local day -> calls the team can make; None where nobody wrote them down
    written: Written
    plan: Plan
    templates: Mapping[str, MailSource | NoteSource]
    articles: Mapping[str, Article] | None  # in the order of the help site; None where another site has them
    queries: Mapping[str, SourceQuery]
    item_keys: Mapping[str, str]  # event -> the property that tells its items apart
    texts: Mapping[str, str]  # every file of rules/ and templates/ as it was read
    warnings: tuple[Fault, ...]
    places: Mapping[str, str]  # rule id -> file:line, for explain
    contents: Mapping[str, str]  # rule id -> hash of what it does to whom, for approvals
    imagined_approved: frozenset[str] = frozenset()  # rules that a rehearsal looks at as if they had been

    @cached_property
    def ranks(self) -> Mapping[str, tuple[int, int]]:
        """Rule → the place of its lane, and its own in the written order of the lane."""
        return {rule: (LANES.index(lane), place) for lane, rules in self.order.items() for place, rule in enumerate(rules)}

    @cached_property
    def waiting(self) -> Mapping[str, Sequence[str]]:
        """Event → the rules that wait for it."""
        return waiting_for(self.rules)

    @property
    def hours(self) -> SendingHours:
        quiet = self.settings.quiet_hours
        return SendingHours(self.zone, self.business, minutes_of(quiet.from_) if quiet else None, minutes_of(quiet.to) if quiet else None)

    @property
    def nightly_minutes(self) -> int:
        return minutes_of(self.settings.nightly_at)

    def valid_days(self, rule: RuleSpec) -> int:
        """Days a touch of the rule is valid: its own, or its channel's."""
        return rule.do.valid_days or self.settings.channels[rule.do.channel].valid_days

    def send_within_days(self, rule: RuleSpec) -> int:
        """Days from the decision until the end of which the touch may be sent; the day of the decision is day 1."""
        channel = self.settings.channels[rule.do.channel]
        return rule.do.send_within_days or channel.send_within_days or self.valid_days(rule)

    @property
    def mails(self) -> dict[str, MailSource]:
        return {name: source for name, source in self.templates.items() if isinstance(source, MailSource)}

    def calls_on(self, day: int) -> int | None:
        """How many calls the team can make on a day; None where nothing bounds it."""
        if self.shifts is not None:
            return self.shifts.get(day, 0)
        channel = self.settings.channels.get("call")
        return channel.caps.team_per_day if channel else None

    def seasons_at(self, day: int) -> tuple[object, ...]:
        """The spans of days that steps which start afresh look at on a day: as long as they are the same, so is the statement."""
        firsts = [node for column in self.plan.columns for node in walk(column.node) if isinstance(node, FirstInSpan)]
        return tuple(dict.fromkeys(span_at(node.spans, day) for node in firsts))

    def in_charge(self, name: str, day: int) -> str:
        """Who does on a day what is a person's: the substitute of who is away, and so on; the person where nobody is there instead."""
        date, asked, found = date_of_day(day).isoformat(), list[str](), name
        while (person := self.people.get(found)) is not None and not person.is_there(date):
            asked.append(found)
            if person.substitute is None or person.substitute in asked:
                return name
            found = person.substitute
        return found

    def rule_now(self, name: str) -> str | None:
        """The rule that goes by this name, now or before it was renamed; None where there is none any more."""
        if name in self.rules:
            return name
        return next((rule_id for rule_id, rule in self.rules.items() if name in rule.was), None)

    def action_of(self, name: str) -> Action | None:
        """What the rule of this name does, now or under a later name; None where there is none any more."""
        rule = self.rule_now(name)
        return None if rule is None else self.rules[rule].do

    def rule_names(self, name: str) -> tuple[str, ...]:
        """The names that touches, pauses and approvals of a rule may stand under; one that is no rule of today may still have some."""
        return self.rules[name].names(name) if name in self.rules else (name,)

    def source_of(self, name: str) -> str:
        """The source that an event or field belongs to; what nobody declared is banso's own."""
        prefix = name.partition(".")[0]
        return next((source for source, each in self.settings.sources.items() if prefix in each.events), "banso")

    def field_kinds(self) -> dict[str, Kind]:
        """What each field's values are read as: the declared type of the fact on it."""
        return {spec.attribute: spec.type_ for spec in self.facts.values() if isinstance(spec, Attribute)}


def counted(settings: WorkspaceFile) -> dict[str, Value]:
    """What the gates count of an account's records: `touched.<channel>` for the load limit, `outcome.<channel>` for what ends a task."""
    limit = settings.load_limit
    found: dict[str, Value] = {}
    for name, channel in settings.channels.items():
        if limit is not None and channel.load and channel.touch is not None:
            found[f"touched.{name}"] = CountWithin(channel.touch, limit.within_days - 1, 0)
        if channel.outcome:
            found[f"outcome.{name}"] = Last(tuple(channel.outcome))
    return found


def minutes_of(clock: str) -> int:
    """`09:30` as minutes after midnight."""
    return int(clock[:2]) * 60 + int(clock[3:])


def microseconds_of(age: str) -> int | None:
    """`36h` as elapsed microseconds; None for `none` and for business hours, which need a calendar."""
    if age == "none" or age.endswith("business_hours"):
        return None
    return int(age[:-1]) * UNITS[age[-1]]
