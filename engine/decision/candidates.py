"""A rule that matched becomes a candidate: under which key it counts, when it may go out, and until when."""

from collections.abc import Iterable, Iterator, Mapping

from engine.calendar import date_of_day
from engine.decision.scarce import facts_of_rank
from engine.decision.standing import Candidate
from engine.facts.open_items import microseconds
from engine.rulebook.actions import SendMail, SuggestHelp, Task
from engine.rulebook.compile import APPOINTMENT, PER_PERIOD
from engine.rulebook.python import Known
from engine.rulebook.spec import RuleSpec
from engine.workspace.model import Workspace

UNKNOWN_VALUE = "?"
IN_HOURS = frozenset({"push", "human"})  # lanes that wait for business days and the end of the quiet hours


def candidate_of(workspace: Workspace, rule_id: str, columns: Mapping[str, Known], instant: int) -> Candidate:
    """The candidate for a rule at an instant, from the account's columns."""
    rule = workspace.rules[rule_id]
    due_at = workspace.hours.next_allowed(instant) if rule.do.lane in IN_HOURS else instant
    deadline = _deadline(workspace, rule, columns, instant, due_at)
    return Candidate(rule_id, rule, per_value(workspace, rule.again.per, columns, workspace.zone.day(instant)), due_at, deadline)


def _deadline(workspace: Workspace, rule: RuleSpec, columns: Mapping[str, Known], instant: int, due_at: int) -> int:
    """The last microsecond in which it may still be delivered."""
    zone, channel = workspace.zone, workspace.settings.channels[rule.do.channel]
    if rule.do.lane == "pull" and channel.deliver_within is not None:
        return instant + microseconds(channel.deliver_within)
    if isinstance(rule.do, Task):
        return zone.at_wall(due_day(workspace, rule.do, due_at) + 1, 0) - 1
    last_day = zone.day(instant) + workspace.send_within_days(rule) - 1
    not_after = columns.get(rule.do.not_after) if isinstance(rule.do, SendMail) and rule.do.not_after else None
    if isinstance(not_after, int):
        last_day = min(last_day, not_after)
    return zone.at_wall(last_day + 1, 0) - 1


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


def _read_by(workspace: Workspace, rule: RuleSpec) -> Iterator[str]:
    if rule.again.per not in PER_PERIOD:
        yield rule.again.per
    if rule.goal is not None:
        yield f"goal.{rule.goal}"
    if isinstance(rule.do, SendMail) and rule.do.not_after:
        yield rule.do.not_after
    choices = [rule.do.choice(), rule.do.articles if isinstance(rule.do, SuggestHelp) else None]
    yield from (str(choice["by"]) for choice in choices if isinstance(choice, dict))
    if rule.try_ is not None and rule.try_.of is not None:
        yield f"segment.{rule.try_.of}"
    if rule.try_ is not None and rule.try_.accounts_of is not None and workspace.settings.accounts_of is not None:
        yield workspace.settings.accounts_of
