"""The gates: reasons, in a fixed order, why a rule that matched may still not act. Each returns the detail it found, or None to let pass."""

from collections.abc import Callable, Mapping, Sequence

from engine.calendar import date_of_day, day_of_text
from engine.decision.draws import drawn
from engine.decision.standing import Candidate, Pause, Standing
from engine.decision.wishes import BOUNCED, OPTED_OUT, kind_of_mail, of_kind
from engine.detail import detail
from engine.rulebook.actions import SendMail
from engine.rulebook.compile import APPOINTMENT

Gate = Callable[[Candidate, Standing], str | None]
ADDRESSED = frozenset({"mail"})  # channels that need an address
COMPARED = frozenset({"push", "pull"})  # lanes in which somebody may be left out for comparison; nobody is refused a person's help
WEEK = 7


def paused(candidate: Candidate, standing: Standing) -> str | None:
    if not standing.pauses:  # as on most days, and this is asked of every match of every account
        return None
    do, names = candidate.rule.do, candidate.rule.names(candidate.rule_id)
    found = pause_over([each for each in standing.pauses if each.until > standing.instant], names, do.channel, standing.account_id)
    return None if found is None else pause_detail(found)


def pause_over(pauses: Sequence[Pause], rule_names: Sequence[str], channel: str, account_id: str) -> Pause | None:
    """The first of these pauses that holds a touch of this rule (under any of its names), channel and account."""
    named = {("all", ""), ("channel", channel), ("account", account_id), *(("rule", name) for name in rule_names)}
    return next((pause for pause in pauses if (pause.scope, "" if pause.scope == "all" else pause.name) in named), None)


def pause_detail(pause: Pause) -> str:
    return detail(pause.scope, *([pause.name] if pause.name else []), pause.reason)


def excluded(candidate: Candidate, standing: Standing) -> str | None:
    """For every lane and for people too, save tasks in the CRM."""
    if candidate.rule.do.channel == "crm":
        return None
    if standing.account_id in standing.workspace.excluded_accounts:
        return detail("list")
    return detail("never") if standing.answer.excluded is True else None


def opted_out(candidate: Candidate, standing: Standing) -> str | None:
    """All mail is refused, or this kind of it."""
    if _suppressed(candidate, standing, OPTED_OUT):
        return detail(OPTED_OUT)
    kind = kind_of_mail(candidate.rule.do)
    return detail("mail_kind", kind) if kind is not None and _suppressed(candidate, standing, of_kind(kind)) else None


def bounced(candidate: Candidate, standing: Standing) -> str | None:
    """A main contact without any address cannot be reached either."""
    if candidate.rule.do.channel in ADDRESSED and (standing.recipient is None or standing.recipient.address is None):
        return detail("no_address")
    return detail(BOUNCED) if _suppressed(candidate, standing, BOUNCED) else None


def _suppressed(candidate: Candidate, standing: Standing, suppression: str) -> bool:
    address = standing.recipient.address if standing.recipient else None
    if candidate.rule.do.channel not in ADDRESSED or address is None:
        return False
    return suppression in standing.suppressed.get(address.lower(), frozenset())


def holdout(candidate: Candidate, standing: Standing) -> str | None:
    """Accounts that get no push and no popup at all, to compare with; never refused are help, service and answers."""
    spec = standing.workspace.settings.holdout
    if spec is None or candidate.rule.do.lane not in COMPARED or candidate.rule.do.is_service:
        return None
    return detail("percent", spec.percent) if drawn(standing.account_id, "holdout", spec.percent) else None


def stage(candidate: Candidate, standing: Standing) -> str | None:
    """Only `share` reaches everyone, and only as approved; `try` reaches whom it says, until its last day."""
    rule = candidate.rule
    if rule.stage == "share":
        return detail("not_approved") if candidate.rule_id in standing.unapproved else None
    if rule.stage != "try" or rule.try_ is None:
        return detail(rule.stage)
    trial = rule.try_
    if trial.until is not None and standing.today > day_of_text(trial.until):
        return detail("try_until", trial.until)
    if trial.accounts_of is not None and standing.answer.columns.get(standing.workspace.settings.accounts_of or "") != trial.accounts_of:
        return detail("try_accounts_of", trial.accounts_of)
    if trial.of is not None and standing.answer.columns.get(f"segment.{trial.of}") is not True:
        return detail("try_segment", trial.of)
    return None


def again(candidate: Candidate, standing: Standing) -> str | None:
    """At most so often for one value of `per`, and not before so many days after the last; a live touch counts like a sent one."""
    earlier = candidate.same_key(standing)
    if len(earlier) >= candidate.rule.again.at_most:
        return detail("at_most", candidate.rule.again.at_most)
    after = candidate.rule.again.after_days
    if earlier and after is not None:
        newest = max(each.day for each in earlier)
        if standing.today - newest < after:
            return detail("after", date_of_day(newest + after).isoformat())
    return None


def appointment_ahead(candidate: Candidate, standing: Standing) -> str | None:
    """Whoever has an appointment gets reminders only, and no call."""
    do = candidate.rule.do
    if do.lane not in {"human", "push"} or do.channel == "crm" or (isinstance(do, SendMail) and do.reminder):
        return None
    return detail("appointment") if standing.answer.columns.get(APPOINTMENT) is True else None


def window_open(candidate: Candidate, standing: Standing) -> str | None:
    """No other push for the same goal while one is under way or its window is open; reaching the goal closes the window."""
    if candidate.rule.do.lane != "push" or candidate.rule.do.is_urgent:
        return None
    for each in standing.active:
        if each.lane != "push" or each.goal != candidate.rule.goal:
            continue
        if each.begun_at is None or each.window_last_day is None:
            return detail("under_way", each.rule)
        reached = standing.when(f"goal.{each.goal}")
        if standing.today <= each.window_last_day and (reached is None or reached < each.begun_at):
            return detail("until", date_of_day(each.window_last_day).isoformat())
    return None


def cap(candidate: Candidate, standing: Standing) -> str | None:
    """A channel's limit for one account, in local days."""
    do = candidate.rule.do
    channel = standing.workspace.settings.channels[do.channel]
    if do.is_urgent or do.answers or (channel.caps.per_day is None and channel.caps.per_7_days is None):
        return None
    today = standing.workspace.zone.day(candidate.due_at)
    days = [each.day for each in standing.active if each.channel == do.channel]
    for limit, span, word in ((channel.caps.per_day, 1, "per_day"), (channel.caps.per_7_days, WEEK, "per_7_days")):
        if limit is not None and sum(abs(today - day) < span for day in days) >= limit:
            return detail(word, limit)
    return None


def load(candidate: Candidate, standing: Standing) -> str | None:
    """What the account felt lately over all channels, what is under way, and this one together."""
    settings, do = standing.workspace.settings, candidate.rule.do
    limit, own = settings.load_limit, settings.channels[do.channel].load
    if limit is None or do.lane != "push" or not own or do.is_urgent or do.answers:
        return None
    felt = sum(channel.load * (standing.when(f"touched.{name}") or 0) for name, channel in settings.channels.items())
    recent = standing.today - limit.within_days
    under_way = [each for each in standing.active if (not each.is_sent and each.day > recent) or standing.is_open(each)]
    waiting = sum(settings.channels[each.channel].load for each in under_way)
    total = felt + waiting + standing.taken_on + own
    return detail("points", total, limit.points) if total > limit.points else None


def human_hold(candidate: Candidate, standing: Standing) -> str | None:
    """While a person is at it, nothing else happens in the lanes that the task holds."""
    lane = candidate.rule.do.lane
    held_by = standing.holding.get(lane) or next((each.rule for each in standing.active if lane in each.hold and standing.is_open(each)), None)
    return detail("held_by", held_by) if held_by is not None else None


def past_deadline(candidate: Candidate, standing: Standing) -> str | None:
    return detail("too_late") if candidate.due_at > candidate.deadline else None


GATES: Mapping[str, Gate] = {
    "paused": paused,
    "excluded": excluded,
    "opted_out": opted_out,
    "bounced": bounced,
    "holdout": holdout,
    "stage": stage,
    "again": again,
    "appointment_ahead": appointment_ahead,
    "window_open": window_open,
    "cap": cap,
    "load": load,
    "human_hold": human_hold,
    "past_deadline": past_deadline,
}
NO_SEAT, TEAM_FULL, LOST, RULE_HOLDOUT = "no_seat", "team_full", "lost_to", "rule_holdout"
NO_LONGER_TRUE = "no_longer_true"
EXPIRED = "expired"
REASONS = (*GATES, NO_SEAT, TEAM_FULL, LOST, RULE_HOLDOUT, NO_LONGER_TRUE, EXPIRED)


def first_finding(candidate: Candidate, standing: Standing) -> dict[str, str]:
    """The first gate that stops the candidate, for rehearsals of many nights, where nobody reads the others."""
    for name, gate in GATES.items():
        found = gate(candidate, standing)
        if found is not None:
            return {name: found}
    return {}


def findings(candidate: Candidate, standing: Standing) -> dict[str, str]:
    """Every gate that stops the candidate, in order; the first is the reason."""
    return {name: found for name, gate in GATES.items() if (found := gate(candidate, standing)) is not None}
