"""Scarce things: seats of sessions, calls of the team's day, accounts of a trial. Who gets them is decided in a written order."""

from collections import defaultdict
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from engine.calendar import date_of_day
from engine.decision.draws import bucket
from engine.decision.gates import NO_SEAT, TEAM_FULL
from engine.decision.standing import Candidate, Standing
from engine.detail import detail, parts_of
from engine.rulebook.actions import Lane
from engine.rulebook.python import Known
from engine.rulebook.spec import RuleSpec
from engine.workspace.model import Session, Workspace

FAR = 1 << 60
TRY_FULL, TRY_GIVEN_OUT = "try_full", "try_given_out"


@dataclass(frozen=True)
class Allotment:
    """What a candidate was given: the place it takes, or the reason why there was none. Neither: it needed nothing scarce."""

    place: str | None = None
    reason: str | None = None
    detail: str | None = None


class Allotter(Protocol):
    """Gives out what is scarce."""

    def allot(self, candidate: Candidate, standing: Standing) -> Allotment: ...


def is_scarce(rule: RuleSpec, workspace: Workspace) -> bool:
    """Whether winning is not enough: a seat, a call of the team's day, or a place in a trial is needed too."""
    lead_to, trial = rule.do.leads, rule.try_ if rule.stage == "try" else None
    seat = lead_to is not None and lead_to.place is not None
    calls = rule.do.channel == "call" and (workspace.shifts is not None or _team_cap(workspace) is not None)
    return seat or calls or (trial is not None and trial_size(rule) is not None)


def is_sample(rule: RuleSpec) -> bool:
    """Whether the rule is on trial with accounts that are drawn by lot."""
    return rule.stage == "try" and rule.try_ is not None and rule.try_.sample is not None


def _team_cap(workspace: Workspace) -> int | None:
    channel = workspace.settings.channels.get("call")
    return channel.caps.team_per_day if channel else None


def trial_size(rule: RuleSpec) -> int | None:
    """How many accounts the trial of a rule may reach; None where nothing bounds it."""
    sizes = [size for size in (rule.try_.sample, rule.try_.at_most) if size is not None] if rule.try_ else []
    return min(sizes, default=None)


@dataclass
class Stock:
    """What is left, first come first served. `used`: place → touches that hold it already, or accounts that a trial has reached.

    `drawn`: rule → the accounts that its sample draws next, where it was drawn; nobody else gets a place in it.
    """

    workspace: Workspace
    used: MutableMapping[str, int] = field(default_factory=dict)
    drawn: MutableMapping[str, frozenset[str]] = field(default_factory=dict)

    def allot(self, candidate: Candidate, standing: Standing) -> Allotment:
        """Take what the candidate needs: all of it, or nothing. An account that a trial has reached needs no second place in it."""
        rule = candidate.rule
        trial = trial_size(rule) if rule.stage == "try" and not has_reached(candidate, standing) else None
        drawn = self.drawn.get(candidate.rule_id)
        if trial is not None and (self.left_in(candidate.rule_id, rule) <= 0 or (drawn is not None and standing.account_id not in drawn)):
            return Allotment(reason="stage", detail=detail(TRY_FULL, trial))
        found = self._found(candidate, standing)
        if found.reason is None:
            taken = [found.place] if found.place else []
            for place in (*taken, *([trial_place(candidate.rule_id)] if trial is not None else [])):
                self.used[place] = self.used.get(place, 0) + 1
        return found

    def left_in(self, rule_id: str, rule: RuleSpec) -> int:
        """How many more accounts the trial of a rule may reach."""
        return (trial_size(rule) or 0) - self.used.get(trial_place(rule_id), 0)

    def _found(self, candidate: Candidate, standing: Standing) -> Allotment:
        lead_to = candidate.rule.do.leads
        if lead_to is not None and lead_to.place is not None and lead_to.seat_within_days is not None:
            session = self._free_session(lead_to.place, candidate.due_at, lead_to.seat_within_days)
            return Allotment(session_place(session)) if session else Allotment(reason=NO_SEAT, detail=lead_to.place)
        if candidate.rule.do.channel == "call":
            day = self.workspace.zone.day(candidate.due_at)
            calls, place = self.workspace.calls_on(day), call_place(day)
            if calls is not None and self.used.get(place, 0) >= calls:
                return Allotment(reason=TEAM_FULL, detail=detail("calls", calls, date_of_day(day).isoformat()))
            return Allotment(place)
        return Allotment()

    def _free_session(self, place: str, due_at: int, within_days: int) -> Session | None:
        """The first session that begins after the mail arrives and within the days, with an invitation left."""
        last = self.workspace.zone.day(due_at) + within_days
        ahead = ((each, day) for each, day in self._sessions.get(place, ()) if each.starts_at > due_at and day <= last)
        return next((each for each, _ in ahead if self.used.get(session_place(each), 0) < each.invitations), None)

    @cached_property
    def _sessions(self) -> Mapping[str, Sequence[tuple[Session, int]]]:
        """The sessions of each place with their local days, in order of time."""
        found: dict[str, list[tuple[Session, int]]] = defaultdict(list)
        for each in sorted(self.workspace.sessions, key=lambda each: (each.starts_at, each.id)):
            found[each.place].append((each, self.workspace.zone.day(each.starts_at)))
        return found


def is_given_out(reason: str | None, found: str | None) -> bool:
    """Whether a refusal means that there was not enough for all; `stage` alone would say so of a rule that may reach nobody too."""
    return reason in {NO_SEAT, TEAM_FULL} or (reason == "stage" and found is not None and parts_of(found)[0] in {TRY_FULL, TRY_GIVEN_OUT})


def has_reached(candidate: Candidate, standing: Standing) -> bool:
    """Whether the rule has reached the account before: then it needs no place in the trial."""
    return any(not each.is_withheld for each in candidate.earlier(standing))


def session_place(session: Session) -> str:
    return f"session:{session.id}"


def call_place(day: int) -> str:
    return f"call:{date_of_day(day).isoformat()}"


def trial_place(rule_id: str) -> str:
    return f"try:{rule_id}"


@dataclass
class Granted:
    """What was given out before, in the order that scarce things ask for; the same account and rule get the same answer.

    `closed`: everybody was asked; who did not want then, because a gate stopped him that has opened since, comes too late. Else scarce
    things are not judged.
    """

    given: Mapping[tuple[str, str], Allotment]
    closed: bool = False

    def allot(self, candidate: Candidate, standing: Standing) -> Allotment:
        found = self.given.get((standing.account_id, candidate.rule_id))
        if found is not None or not self.closed or not is_scarce(candidate.rule, standing.workspace):
            return found or Allotment()
        lead_to = candidate.rule.do.leads
        if lead_to is not None and lead_to.place is not None:
            return Allotment(reason=NO_SEAT, detail=lead_to.place)
        return Allotment(reason=TEAM_FULL) if candidate.rule.do.channel == "call" else Allotment(reason="stage", detail=detail(TRY_GIVEN_OUT))


def rank_of(workspace: Workspace, lane: Lane, account_id: str, columns: Mapping[str, Known]) -> tuple[int | str, ...]:
    """Who comes first where something is scarce: for calls as the channel's `rank` says, for seats the longest stall; then by lot."""
    channel = workspace.settings.channels.get("call")
    if lane == "human" and channel is not None and channel.rank:
        keys = [_rank_key(columns, name, order) for entry in channel.rank for name, order in entry.items()]
    else:
        keys = [_rank_key(columns, "stalled_days", "high")]
    return (*keys, bucket(account_id, "rank"), account_id)


def _rank_key(columns: Mapping[str, Known], name: str, order: str) -> int:
    """Whatever is unknown comes last. Enums and texts rank by whether they are known."""
    value = columns.get(name)
    if value is None:
        return FAR
    number = value if isinstance(value, int) else 0
    return number if order == "low" else -number


def facts_of_rank(workspace: Workspace) -> Sequence[str]:
    """The facts by which scarce things are ranked."""
    channel = workspace.settings.channels.get("call")
    return ["stalled_days", *(name for entry in (channel.rank if channel else []) for name in entry)]
