"""The facts of the benchmark workspace for one account, written by hand on the same fold. What a stale source delivers is unknown."""

from collections.abc import Callable, Mapping, Sequence

from engine.calendar import HOUR
from engine.facts.fold import Fold, LatestValue

Known = int | str | None
STEPS = ("applied", "account_issued", "first_login", "initial_settings", "flow_designed", "briefing_held", "interview_booked", "interview_held")
DONE_BY = (
    *("sfa.applied", "product.account_issued", "product.login", "product.settings_completed", "product.flow_published"),
    *("product.briefing_held", "product.interview_booked", "product.interview_held"),
)
PROGRESS_BY = {"initial_settings": "product.setting_saved", "flow_designed": "product.flow_saved"}
COUNTED = ("product.login", "product.setting_saved", "product.setting_error", "product.page_viewed", "product.application_received")
FACTS = (
    *("recruit_kind", "will", "guidance_start", "contract", "seats", "logins_7", "logins_28", "settings_7", "settings_28", "errors_7", "errors_28"),
    *("views_7", "views_28", "applications_7", "applications_28", "active_28", "active_before", "login_gap", "setting_gap", "days_from_apply"),
    *("contact_gap", "days_to_guidance", "open_cases", "unanswered", "next_step", "stalled_days", "timing", "main_will", "approach"),
    *(f"done_{step}" for step in STEPS),
)


def facts(
    fold: Fold, now: int, today: int, stale: frozenset[str], day_of: Callable[[int], int], business_count: Callable[[int], int]
) -> tuple[Known, ...]:
    """The facts in the order of `FACTS`."""
    product, sfa, support, hearing = "product" in stale, "sfa" in stale, "support" in stale, "hearing" in stale
    latest, last = fold.latest, fold.last
    recruit_kind, contract, will = (_text(latest.get(name)) for name in ("hearing.recruit_kind", "sfa.contract", "hearing.will"))
    guidance_start, seats = _number(latest.get("hearing.guidance_start")), _number(latest.get("sfa.seats"))
    if recruit_kind not in {"new_grad", "mid_career"}:
        recruit_kind = None
    if contract not in {"trial", "active", "closed"}:
        contract = None
    counts = (None,) * 10 if product else _counts(fold, today)
    active_28, active_before = (None, None) if product else _active(fold.days.get("product.login"), today)
    applied, contact = last.get("sfa.applied"), _newest((last.get("call.talked"), last.get("support.case_closed")))
    setting = _newest((last.get("product.setting_saved"), last.get("product.flow_saved")))
    login_gap = None if product else _days_since(last.get("product.login"), today, day_of)
    setting_gap = None if product else _days_since(setting, today, day_of)
    days_from_apply = None if sfa else _days_since(applied, today, day_of)
    contact_gap = None if sfa or support else _days_since(applied if contact is None else contact, today, day_of)
    days_to_guidance = None if guidance_start is None else business_count(guidance_start) - business_count(today)
    open_cases = None if support else _open(fold, "support.case_opened", "support.case_closed", now, today - 29, day_of)
    unanswered = None if product else _open(fold, "product.application_received", "product.applicant_replied", now - 36 * HOUR, None, day_of)
    at = _steps_at(fold)
    done = tuple(True if instant is not None else None if behind else False for instant, behind in zip(at, (sfa, *(product,) * 7), strict=True))
    next_step = _next_step(done, recruit_kind)
    since = None if product else _stalled_since(next_step, at, last)
    stalled_days = None if since is None else business_count(today) - business_count(day_of(since))
    timing, main_will = _timing(days_to_guidance, stale=hearing), _main_will(recruit_kind, will, stale=hearing)
    approach = _approach(timing, days_from_apply, done, stalled_days, active_28, stale=product or sfa or hearing)
    return (
        *(recruit_kind, will, guidance_start, contract, seats, *counts, active_28, active_before, login_gap, setting_gap, days_from_apply),
        *(contact_gap, days_to_guidance, open_cases, unanswered, next_step, stalled_days, timing, main_will, approach),
        *done,
    )


def _text(kept: LatestValue | None) -> str | None:
    return None if kept is None else kept[3]


def _number(kept: LatestValue | None) -> int | None:
    return None if kept is None else kept[4]


def _newest(instants: Sequence[int | None]) -> int | None:
    return max((instant for instant in instants if instant is not None), default=None)


def _days_since(instant: int | None, today: int, day_of: Callable[[int], int]) -> int | None:
    return None if instant is None else today - day_of(instant)


def _counts(fold: Fold, today: int) -> tuple[int, ...]:
    """In 7 and in 28 days, for each counted event."""
    found: list[int] = []
    for event in COUNTED:
        week = month = 0
        for day, number in fold.days.get(event, {}).items():
            age = today - day
            if 0 <= age < 28:
                month += number
                if age < 7:
                    week += number
        found += (week, month)
    return tuple(found)


def _active(days: Mapping[int, int] | None, today: int) -> tuple[int, int]:
    """Days with a log-in in the last 28 days and in the 28 before."""
    recent = before = 0
    for day in days or ():
        if 0 <= today - day < 28:
            recent += 1
        elif 28 <= today - day < 56:
            before += 1
    return recent, before


def _open(fold: Fold, opened: str, closed: str, until: int, since_day: int | None, day_of: Callable[[int], int]) -> int:
    """Keys whose last counted opening is later than every closing."""
    closings, total = fold.items.get(closed, {}), 0
    for key, times in fold.items.get(opened, {}).items():
        last = max((at for at in times if at <= until and (since_day is None or day_of(at) >= since_day)), default=None)
        total += last is not None and last > max(closings.get(key, ()), default=0)
    return total


def _steps_at(fold: Fold) -> tuple[int | None, ...]:
    """When each step was done; whoever did a later one had applied."""
    applied, *later = (fold.first.get(event) for event in DONE_BY)
    if applied is None:
        applied = min((instant for instant in later if instant is not None), default=None)
    return (applied, *later)


def _next_step(done: Sequence[bool | None], recruit_kind: str | None) -> str | None:
    for step, is_done in zip(STEPS, done, strict=True):
        if is_done or (step == "briefing_held" and recruit_kind not in {None, "new_grad"}):
            continue
        unsure = is_done is None or (step == "briefing_held" and recruit_kind is None)
        return None if unsure else step
    return "complete"


def _stalled_since(next_step: str | None, at: Sequence[int | None], last: Mapping[str, int]) -> int | None:
    """The last thing done before the next step, or the last progress on it."""
    if next_step is None or next_step == "complete":
        return None
    before = at[: STEPS.index(next_step)]
    return _newest((*before, last.get(PROGRESS_BY.get(next_step, ""))))


def _timing(days_to_guidance: int | None, *, stale: bool) -> str | None:
    if days_to_guidance is None:
        return None if stale else "now"
    return "now" if days_to_guidance < 1 else "soon" if days_to_guidance <= 40 else "later"


def _main_will(recruit_kind: str | None, will: str | None, *, stale: bool) -> str | None:
    if will is None:
        return None if stale else "unclear"
    if "|briefing|" in will:
        if recruit_kind == "new_grad":
            return "briefing"
        if recruit_kind is None and stale:
            return None
    return "schedule" if "|schedule|" in will else "list" if "|list|" in will else "unclear"


def _approach(
    timing: str | None, from_apply: int | None, done: Sequence[bool | None], stalled: int | None, active: int | None, *, stale: bool
) -> str | None:
    """Where the table cannot tell, a missing value means `step` and a stale source means unknown."""
    if timing is None:
        return None
    if timing != "now":
        return "step"
    settled, booked = done[3], done[6]
    if settled is False or booked or (from_apply is not None and from_apply < 60):
        return "step"
    if (stalled is not None and stalled < 10) or (active is not None and active > 3):
        return "step"
    if from_apply is None or settled is None or booked is None or stalled is None or active is None:
        return None if stale else "step"
    return "restart"
