"""How likely a company takes its next step today: one decision per business day, pure in all it is given."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from engine.simulator.company import Company
from engine.simulator.days import DAY, MINUTE, OFFICE_CLOSES, OFFICE_OPENS, business_day_after, month_of
from engine.simulator.draws import HOUR as HOUR_DRAW
from engine.simulator.draws import STEP, unit
from engine.simulator.route import NEW_GRAD, STUCK_PACE, Step

MAIL_ACTS_DAYS: Final = 3
"""Calendar days, the day of delivery included, in which a mail is still in mind."""
UNFIT_SHARE: Final = 0.2
"""A mail on another subject only reminds them that the product exists."""
PACE_MAX: Final = 0.9
"""However good the mail, one working day in ten is too full."""
EARLY_PACE: Final = 0.1
"""Well before their own start date few companies guide candidates."""
EARLY_DAYS: Final = 7
VISIT_LAST: Final = 30 * MINUTE
"""A visit begins at the latest this long before the office closes, so all it does lies on the same day."""
DECISION_SPAN: Final = OFFICE_CLOSES - VISIT_LAST - OFFICE_OPENS


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that reached the company; `step` is the step it speaks of."""

    at: int
    step: str


def next_decision(key: int, after: int) -> int:
    """Return the first instant later than `after` at which this company has time for us; one per business day."""
    day = business_day_after(after // DAY - 1)
    at = decision_on(key, day)
    return at if at > after else decision_on(key, business_day_after(day))


def decision_on(key: int, day: int) -> int:
    """Return the instant of a business day at which this company has time for us."""
    return day * DAY + OFFICE_OPENS + int(unit(key, day, HOUR_DRAW) * DECISION_SPAN)


def day_draw(company: Company, position: int, day: int) -> float:
    """Return the number that decides this day: its low end is a step taken, its high end a visit in vain.

    It hangs on the position too, so a company that moved on early meets its next step with fresh luck.
    """
    return unit(company.key, day, STEP + position)


def pace(company: Company, position: int, mails: Sequence[Mail], at: int) -> float:
    """Return the chance that the step at `position` is taken at this decision, given the mails that came before it."""
    own = own_pace(company, position, at // DAY)
    if not mails or not own:
        return own
    return min(PACE_MAX, own * _push(company, company.route[position], mails, at))


def in_season(company: Company, step: Step, day: int) -> bool:
    """Say whether this kind of company can take the step in this month at all."""
    return step.months is None or company.kind != NEW_GRAD or month_of(day) in step.months


def own_pace(company: Company, position: int, day: int) -> float:
    """Return the chance without any mail; 0 when the route is finished."""
    if position == len(company.route):
        return 0.0
    step = company.route[position]
    if step.months is not None and not in_season(company, step, day):
        return 0.0
    if company.stuck[position]:
        return STUCK_PACE
    if step.is_guidance and day < company.guidance_day - EARLY_DAYS:
        return step.pace * EARLY_PACE
    return step.pace


def _push(company: Company, step: Step, mails: Sequence[Mail], at: int) -> float:
    """Factor of the best mail still in mind; two mails do not push twice."""
    best = 0.0
    for mail in reversed(mails):
        if at // DAY - mail.at // DAY >= MAIL_ACTS_DAYS:
            break
        if mail.at < at:
            best = max(best, 1.0 if mail.step == step.name else UNFIT_SHARE)
    return 1.0 + company.reaction * step.leverage * best
