"""A rule that matched becomes a candidate: under which key it counts, when it may go out, and until when."""

from collections.abc import Iterable, Iterator, Mapping

from engine.calendar import MINUTE, date_of_day
from engine.decision.draws import BUCKETS, bucket
from engine.decision.scarce import facts_of_rank
from engine.decision.standing import Candidate
from engine.facts.open_items import microseconds
from engine.rulebook.actions import SendMail, SuggestHelp, Task
from engine.rulebook.compile import APPOINTMENT, PER_PERIOD
from engine.rulebook.python import Known
from engine.rulebook.spec import RuleSpec
from engine.workspace.model import Workspace, minutes_of

UNKNOWN_VALUE = "?"
SPREAD = "send"  # the salt of an account's own time
IN_HOURS = frozenset({"push", "human"})  # lanes that wait for business days and the end of the quiet hours


def candidate_of(workspace: Workspace, rule_id: str, account_id: str, columns: Mapping[str, Known], instant: int) -> Candidate:
    """The candidate for a rule and an account at an instant, from the account's columns."""
    return Docket(workspace, instant).candidate(rule_id, account_id, columns)


class Docket:
    """Makes the candidates of one instant; what is the same for all accounts is worked out once."""

    def __init__(self, workspace: Workspace, instant: int) -> None:
        self.workspace, self.instant = workspace, instant
        self.today = workspace.zone.day(instant)
        self._in_hours = workspace.hours.next_allowed(instant)
        self._ends: dict[int, int] = {}
        self._due_days: dict[tuple[int, int], int] = {}

    def candidate(self, rule_id: str, account_id: str, columns: Mapping[str, Known]) -> Candidate:
        rule = self.workspace.rules[rule_id]
        due_at = self._due_at(rule, account_id) if rule.do.lane in IN_HOURS else self.instant
        return Candidate(rule_id, rule, per_value(self.workspace, rule.again.per, columns, self.today), due_at, self._deadline(rule, columns, due_at))

    def _due_at(self, rule: RuleSpec, account_id: str) -> int:
        """As soon as the hours allow; at the account's own time of the channel's hours, if that is still ahead, unless it cannot wait."""
        spread = self.workspace.settings.channels[rule.do.channel].send_between
        if spread is None or rule.do.is_urgent or rule.do.answers:
            return self._in_hours
        begin, end = minutes_of(spread.from_), minutes_of(spread.to)
        share = (end - begin) * MINUTE * bucket(account_id, SPREAD) // BUCKETS
        return max(self._in_hours, self.workspace.zone.at_wall(self.workspace.zone.day(self._in_hours), begin) + share)

    def _deadline(self, rule: RuleSpec, columns: Mapping[str, Known], due_at: int) -> int:
        """The last microsecond in which it may still be delivered."""
        channel = self.workspace.settings.channels[rule.do.channel]
        if rule.do.lane == "pull" and channel.deliver_within is not None:
            return self.instant + microseconds(channel.deliver_within)
        if isinstance(rule.do, Task):
            return self._end_of(self._due_day(rule.do, due_at))
        last_day = self.today + self.workspace.send_within_days(rule) - 1
        not_after = columns.get(rule.do.not_after) if isinstance(rule.do, SendMail) and rule.do.not_after else None
        return self._end_of(min(last_day, not_after) if isinstance(not_after, int) else last_day)

    def _due_day(self, task: Task, due_at: int) -> int:
        key = (due_at, task.due_business_days)
        if key not in self._due_days:
            self._due_days[key] = due_day(self.workspace, task, due_at)
        return self._due_days[key]

    def _end_of(self, day: int) -> int:
        if day not in self._ends:
            self._ends[day] = self.workspace.zone.at_wall(day + 1, 0) - 1
        return self._ends[day]


def due_day(workspace: Workspace, task: Task, due_at: int) -> int:
    """The local day by the end of which a task is to be done."""
    return workspace.business.add(workspace.zone.day(due_at), task.due_business_days)


def per_value(workspace: Workspace, per: str, columns: Mapping[str, Known], today: int) -> str:
    """The value under which a rule's touches are counted; an unknown one is kept as `?`."""
    date = date_of_day(today)
    if per == "account":
        return "-"
    if per == "month":
        return f"{date:%Y-%m}"
    if per == "year":
        return str(date.year - (date.month < workspace.settings.workspace.year_starts))
    value = columns.get(per)
    if value is None:
        return UNKNOWN_VALUE
    return date_of_day(value).isoformat() if isinstance(value, int) else str(value)


def columns_read(workspace: Workspace, rules: Iterable[str]) -> list[str]:
    """Every column that deciding on these rules may read, beside their own conditions."""
    names = [each for rule_id in rules for each in _read_by(workspace, workspace.rules[rule_id])]
    counted = [column.name for column in workspace.plan.columns if column.name.startswith(("touched.", "outcome."))]
    ranked = [name for name in facts_of_rank(workspace) if name != "done"]
    return list(dict.fromkeys([*names, *counted, *ranked, APPOINTMENT]))


def standing_columns(workspace: Workspace, rules: Iterable[str]) -> list[str]:
    """The columns that the gates from `excluded` to `again` read."""
    return list(dict.fromkeys(name for rule_id in rules for name in _counted_and_tried_by(workspace, workspace.rules[rule_id])))


def _counted_and_tried_by(workspace: Workspace, rule: RuleSpec) -> Iterator[str]:
    if rule.again.per not in PER_PERIOD:
        yield rule.again.per
    if rule.try_ is not None and rule.try_.of is not None:
        yield f"segment.{rule.try_.of}"
    if rule.try_ is not None and rule.try_.accounts_of is not None and workspace.settings.accounts_of is not None:
        yield workspace.settings.accounts_of


def _read_by(workspace: Workspace, rule: RuleSpec) -> Iterator[str]:
    yield from _counted_and_tried_by(workspace, rule)
    if rule.goal is not None:
        yield f"goal.{rule.goal}"
    if isinstance(rule.do, SendMail) and rule.do.not_after:
        yield rule.do.not_after
    choices = [rule.do.choice(), rule.do.articles if isinstance(rule.do, SuggestHelp) else None]
    yield from (str(choice["by"]) for choice in choices if isinstance(choice, dict))
