"""A company's days: the visit that takes a step, the visit that gets nowhere, the troubles, the people who call.

Everything here is a pure function of company, position and instant; nothing of it changes the pace.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from engine.simulator.company import Company
from engine.simulator.days import DAY, HOUR, MINUTE, OFFICE_OPENS, business_day_after, iso_day
from engine.simulator.draws import PEOPLE, STEP_TAKEN, VISIT, Dice
from engine.simulator.journal import CRM, NO_PROPS, Record, case, help_page, product, props_of
from engine.simulator.pace import in_season

# Chance per business day of a visit without a step.
VISITS_UNDER_WAY: Final = 0.30
VISITS_STUCK: Final = 0.07  # they look in every third week
VISITS_OUT_OF_SEASON: Final = 0.05
VISITS_FINISHED: Final = 0.25  # daily work with applicants
PEOPLE_SHARE: Final = 0.006  # our call list and courses reach a company a little more than once a year

SAVE_SHARE: Final = 0.45  # half-way work on settings or flow
ERROR_SHARE: Final = 0.22
BURST_SHARE: Final = 0.35  # those who try the same button again and again
HELP_AFTER_ERROR, HELP_OTHERWISE = 0.60, 0.12
NO_HIT_SHARE: Final = 0.35  # they search in their own words, not in ours
CASE_AFTER_ERROR, CASE_OTHERWISE = 0.25, 0.06  # of those who opened help
CASE_SLOW_SHARE, CASE_NEVER_SHARE = 0.10, 0.05
CALENDAR_SHARE: Final = 0.30
COLLEAGUE_SHARE: Final = 0.25  # visits made by somebody else than the main contact

PROGRESS: Final = {"initial_settings": "setting_saved", "flow_designed": "flow_saved"}
NOT_IN_YET: Final = frozenset({"account_issued", "login"})
"""In front of these the company has not logged in once, so it cannot visit."""
CANDIDATE_ACTS: Final = frozenset({"briefing_booked", "interview_booked"})
SCREENS: Final = tuple(props_of(screen=s) for s in ("company_profile", "job_posting", "mail_template", "user_rights"))
ARTICLES: Final = tuple(props_of(article=a) for a in ("video/initial-settings", "video/flow", "steps/briefing-guide", "steps/interview-slots"))
SEARCHES: Final = tuple(props_of(query=q) for q in ("面接官 追加", "日程 自動", "一括 登録", "説明会 複製", "権限 エラー"))


def step_taken(company: Company, position: int, at: int) -> Iterator[Record]:
    """Tell the visit that completes a step; candidates and we ourselves act without a visit of the company."""
    event = company.route[position].event
    dice = Dice(company.key, at // DAY, STEP_TAKEN)
    if event == "account_issued" or event in CANDIDATE_ACTS:
        yield product(at, company.id, "", event)
        return
    user = _user(company, dice)
    yield product(at, company.id, user, "login")
    if event != "login":
        yield product(at + dice.between(2 * MINUTE, 25 * MINUTE), company.id, user, event)


def ordinary_day(company: Company, position: int, at: int, *, draw: float) -> Iterable[Record]:
    """Tell a day without a step: mostly nothing, sometimes a visit that gets nowhere, rarely a call or a course."""
    busy = busy_from(company, position, at // DAY)
    if draw >= busy + PEOPLE_SHARE:
        return _visit(company, position, at)
    if draw >= busy:
        return _people(company, position, at)
    return ()


def busy_from(company: Company, position: int, day: int) -> float:
    """Return the draw from which on a day without a step is not quiet: first our people, above them the visits."""
    return 1.0 - PEOPLE_SHARE - _visit_share(company, position, day)


def _visit_share(company: Company, position: int, day: int) -> float:
    if position == len(company.route):
        return VISITS_FINISHED
    step = company.route[position]
    if step.event in NOT_IN_YET:
        return 0.0
    if not in_season(company, step, day):
        return VISITS_OUT_OF_SEASON
    return VISITS_STUCK if company.stuck[position] else VISITS_UNDER_WAY


def _visit(company: Company, position: int, at: int) -> Iterator[Record]:
    dice = Dice(company.key, at // DAY, VISIT)
    user = _user(company, dice)
    yield product(at, company.id, user, "login")
    if position == len(company.route):
        return
    name = company.route[position].name
    at += dice.between(MINUTE, 6 * MINUTE)
    yield from _half_way(company, user, name, dice, at)
    errors = _error_count(dice) if name == "initial_settings" else 0
    screen = dice.pick(SCREENS)
    for number in range(errors):
        yield product(at + (number + 1) * 40, company.id, user, "setting_error", screen)
    if dice.chance(HELP_AFTER_ERROR if errors else HELP_OTHERWISE):
        yield from _help(company, user, dice, at + 6 * MINUTE)
        if dice.chance(CASE_AFTER_ERROR if errors else CASE_OTHERWISE):
            yield from _support_case(company, user, dice, at + 15 * MINUTE)


def _half_way(company: Company, user: str, step: str, dice: Dice, at: int) -> Iterator[Record]:
    if step in PROGRESS and dice.chance(SAVE_SHARE):
        props = dice.pick(SCREENS) if step == "initial_settings" else NO_PROPS
        yield product(at, company.id, user, PROGRESS[step], props)
    if step == "interview_scheduled" and dice.chance(CALENDAR_SHARE):
        yield product(at, company.id, user, "calendar_linked")


def _error_count(dice: Dice) -> int:
    if not dice.chance(ERROR_SHARE):
        return 0
    return dice.between(3, 6) if dice.chance(BURST_SHARE) else dice.between(1, 2)


def _help(company: Company, user: str, dice: Dice, at: int) -> Iterator[Record]:
    yield help_page(at, company.id, user, "opened")
    if dice.chance(NO_HIT_SHARE):
        yield help_page(at + 2 * MINUTE, company.id, user, "search_no_hit", dice.pick(SEARCHES))
    else:
        yield help_page(at + MINUTE, company.id, user, "viewed", dice.pick(ARTICLES))


def _support_case(company: Company, user: str, dice: Dice, at: int) -> Iterator[Record]:
    # One decision a day, so company and day name the case.
    case_id = f"{company.id}-{iso_day(at // DAY)}"
    yield case(at, company.id, user, "case_opened", case_id)
    pace = dice.unit()
    if pace < CASE_NEVER_SHARE:
        return
    days = dice.between(10, 20) if pace < CASE_NEVER_SHARE + CASE_SLOW_SHARE else dice.between(1, 4)
    day = business_day_after(at // DAY + days - 1)
    yield case(day * DAY + OFFICE_OPENS + dice.between(0, 9 * HOUR), company.id, user, "case_closed", case_id)


def _people(company: Company, position: int, at: int) -> Iterator[Record]:
    """Our own people: the call list for everybody, courses and seminars for those in front of a setting."""
    dice = Dice(company.key, at // DAY, PEOPLE)
    user = company.main_user
    setting_up = position < len(company.route) and company.route[position].name in PROGRESS
    if setting_up and dice.chance(0.5):
        event = "seminar_attended" if dice.chance(0.6) else "course_held"
        yield Record(at, CRM, (company.id, user, event, "", ""))
    else:
        yield case(at, company.id, user, "call_talked" if dice.chance(0.45) else "call_absent")


def _user(company: Company, dice: Dice) -> str:
    return dice.pick(company.contacts).id if dice.chance(COLLEAGUE_SHARE) else company.main_user
