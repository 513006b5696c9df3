"""A rule that matched becomes a candidate: under which key it counts, when it may go out, and until when."""

from engine.calendar import date_of_day
from engine.decision.standing import Candidate
from engine.rulebook.python import Known
from engine.workspace.model import Workspace

UNKNOWN_VALUE = "?"


def candidate_of(workspace: Workspace, rule_id: str, columns: dict[str, Known], instant: int) -> Candidate:
    """The candidate for a rule at an instant, from the account's columns."""
    rule = workspace.rules[rule_id]
    today = workspace.zone.day(instant)
    due_at = workspace.hours.next_allowed(instant)
    last_day = today + workspace.send_within_days(rule) - 1
    not_after = columns.get(rule.do.not_after) if rule.do.not_after else None
    if isinstance(not_after, int):
        last_day = min(last_day, not_after)
    deadline = workspace.zone.at_wall(last_day + 1, 0) - 1
    return Candidate(rule_id, rule, per_value(workspace, rule.again.per, columns, today), due_at, deadline)


def per_value(workspace: Workspace, per: str, columns: dict[str, Known], today: int) -> str:
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
