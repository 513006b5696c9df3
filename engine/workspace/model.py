"""The checked, immutable workspace that everything after the loader works with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.calendar import BusinessDays, SendingHours, Zone
from engine.errors import Fault
from engine.facts.attribute import Attribute
from engine.facts.open_items import UNITS
from engine.facts.route import Route
from engine.facts.spec import FactSpec, Kind
from engine.rulebook.plan import Plan
from engine.rulebook.spec import Lane, RuleSpec
from engine.workspace.schema import Goal, Segment, WorkspaceFile


@dataclass(frozen=True)
class MailSource:
    """The texts of one mail as written: Jinja2 in a subject, an MJML body and a text body, with the frames they stand in."""

    name: str
    subject: str
    mjml: str
    text: str


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
    excluded_accounts: frozenset[str]
    plan: Plan
    mails: Mapping[str, MailSource]
    queries: Mapping[str, SourceQuery]
    item_keys: Mapping[str, str]  # event -> the property that tells its items apart
    texts: Mapping[str, str]  # every file of rules/ and templates/ as it was read
    warnings: tuple[Fault, ...]
    places: Mapping[str, str]  # rule id -> file:line, for explain

    @property
    def hours(self) -> SendingHours:
        quiet = self.settings.quiet_hours
        return SendingHours(self.zone, self.business, _minutes(quiet.from_) if quiet else None, _minutes(quiet.to) if quiet else None)

    @property
    def nightly_minutes(self) -> int:
        return _minutes(self.settings.nightly_at)

    def valid_days(self, rule: RuleSpec) -> int:
        """Days a touch of the rule is valid: its own, or its channel's."""
        return rule.do.valid_days or self.settings.channels[rule.do.channel].valid_days

    def send_within_days(self, rule: RuleSpec) -> int:
        """Days from the decision until the end of which the touch may be sent; the day of the decision is day 1."""
        channel = self.settings.channels[rule.do.channel]
        return rule.do.send_within_days or channel.send_within_days or self.valid_days(rule)

    def lane_order(self, lane: Lane) -> Sequence[str]:
        return self.order[lane]

    def field_kinds(self) -> dict[str, Kind]:
        """What each field's values are read as: the declared type of the fact on it."""
        return {spec.attribute: spec.type_ for spec in self.facts.values() if isinstance(spec, Attribute)}


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def microseconds_of(age: str) -> int | None:
    """`36h` as elapsed microseconds; None for `none` and for business hours, which need a calendar."""
    if age == "none" or age.endswith("business_hours"):
        return None
    return int(age[:-1]) * UNITS[age[-1]]
