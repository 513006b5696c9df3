"""The gates: reasons, in a fixed order, why a rule that matched may still not act. Each returns what it found, or None to let pass."""

from collections.abc import Callable, Mapping

from engine.calendar import date_of_day
from engine.decision.standing import Candidate, Standing

Gate = Callable[[Candidate, Standing], str | None]


def paused(candidate: Candidate, standing: Standing) -> str | None:
    named = {"all": "", "channel": candidate.rule.do.channel, "rule": candidate.rule_id, "account": standing.account_id}
    for pause in standing.pauses:
        if pause.until > standing.instant and (pause.scope == "all" or named[pause.scope] == pause.name):
            return f"{pause.scope} {pause.name}: {pause.reason}".replace(" :", ":")
    return None


def excluded(candidate: Candidate, standing: Standing) -> str | None:
    if standing.excluded_by_list:
        return "list"
    return "never" if standing.answer.excluded is True else None


def opted_out(candidate: Candidate, standing: Standing) -> str | None:
    return _suppressed(standing, "opted_out")


def bounced(candidate: Candidate, standing: Standing) -> str | None:
    """A main contact without any address cannot be reached either."""
    if standing.recipient is None or standing.recipient.address is None:
        return "no address"
    return _suppressed(standing, "bounced")


def _suppressed(standing: Standing, kind: str) -> str | None:
    address = standing.recipient.address if standing.recipient else None
    return kind if address is not None and kind in standing.suppressed.get(address.lower(), frozenset()) else None


def stage(candidate: Candidate, standing: Standing) -> str | None:
    return candidate.rule.stage if candidate.rule.stage != "share" else None


def again(candidate: Candidate, standing: Standing) -> str | None:
    """At most so often for one value of `per`, and not before so many days after the last; a live touch counts like a sent one."""
    earlier = candidate.same_key(standing)
    if len(earlier) >= candidate.rule.again.at_most:
        return f"at_most {candidate.rule.again.at_most}"
    after = candidate.rule.again.after_days
    if earlier and after is not None:
        newest = max(each.begun_day if each.begun_day is not None else each.decided_day for each in earlier)
        if standing.today - newest < after:
            return f"after {date_of_day(newest + after).isoformat()}"
    return None


def window_open(candidate: Candidate, standing: Standing) -> str | None:
    """No other push for the same goal while one is under way or its window is open; reaching the goal closes the window."""
    for each in standing.touches:
        if each.lane != "push" or each.goal != candidate.rule.goal:
            continue
        if each.begun_at is None or each.window_last_day is None:
            return f"under way: {each.rule}"
        reached = standing.goal_reached_at(each.goal)
        if standing.today <= each.window_last_day and (reached is None or reached < each.begun_at):
            return f"until {date_of_day(each.window_last_day).isoformat()}"
    return None


def past_deadline(candidate: Candidate, standing: Standing) -> str | None:
    return "not sendable in time" if candidate.due_at > candidate.deadline else None


GATES: Mapping[str, Gate] = {
    "paused": paused,
    "excluded": excluded,
    "opted_out": opted_out,
    "bounced": bounced,
    "stage": stage,
    "again": again,
    "window_open": window_open,
    "past_deadline": past_deadline,
}
LOST = "lost_to"
NO_LONGER_TRUE = "no_longer_true"
EXPIRED = "expired"
REASONS = (*GATES, LOST, NO_LONGER_TRUE, EXPIRED)


def findings(candidate: Candidate, standing: Standing) -> dict[str, str]:
    """Every gate that stops the candidate, in order; the first is the reason."""
    found = {name: gate(candidate, standing) for name, gate in GATES.items()}
    return {name: detail for name, detail in found.items() if detail is not None}
