"""Candidates who apply once a company has begun to guide them, and the replies they get or do not get."""

from collections.abc import Iterator
from typing import Final

from engine.simulator.company import Company
from engine.simulator.days import DAY, HOUR, MINUTE, OFFICE_CLOSES, OFFICE_OPENS, business_day_after, iso_day, month_of
from engine.simulator.draws import APPLICATION, Dice, unit
from engine.simulator.journal import Record, product, props_of
from engine.simulator.route import NEW_GRAD

APPLICATION_SHARE: Final = 0.12  # per business day: one candidate in a week and a half
QUIET_SHARE: Final = 0.01  # new-graduate companies between October and February
QUIET_MONTHS: Final = frozenset({10, 11, 12, 1, 2})
UNANSWERED_SHARE: Final = 0.25
SAME_DAY_SHARE: Final = 0.5  # of those who answer


def applications(company: Company, at: int) -> Iterator[Record]:
    """Tell of the candidate of this business day, if there is one, and of the reply."""
    day = at // DAY
    if not applies_today(company, day):
        return
    dice = Dice(company.key, day, APPLICATION)
    arrives = at + dice.between(0, 4 * HOUR)
    props = props_of(application_id=f"a{company.id[1:]}-{iso_day(day)}")
    yield product(arrives, company.id, "", "application_received", props)
    if not dice.chance(UNANSWERED_SHARE):
        yield product(_reply(dice, arrives), company.id, company.main_user, "applicant_replied", props)


def applies_today(company: Company, day: int) -> bool:
    """Say whether a candidate applies on this business day."""
    quiet = company.kind == NEW_GRAD and month_of(day) in QUIET_MONTHS
    return unit(company.key, day, APPLICATION) < (QUIET_SHARE if quiet else APPLICATION_SHARE)


def _reply(dice: Dice, arrived: int) -> int:
    soon = arrived + dice.between(10 * MINUTE, 2 * HOUR)
    if dice.chance(SAME_DAY_SHARE) and soon % DAY < OFFICE_CLOSES:
        return soon
    day = business_day_after(arrived // DAY + dice.between(0, 1))
    return day * DAY + dice.between(OFFICE_OPENS, OFFICE_CLOSES - 1)
