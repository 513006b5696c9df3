"""Which days of a company are worth waking up for: most are quiet, and skipping them halves the time of a run.

Pure: as long as no mail arrives, the draws of the coming days already say everything.
"""

from typing import Final

from engine.simulator.applicants import applies_today
from engine.simulator.company import Company
from engine.simulator.days import business_day_after
from engine.simulator.pace import day_draw, own_pace
from engine.simulator.visits import busy_from

LOOK_AHEAD_BUSINESS_DAYS: Final = 60
"""Wake up after a quarter at the latest; a quiet company costs little, and no search runs on for ever."""


def next_eventful_day(company: Company, position: int, *, guiding: bool, after: int) -> int:
    """Return the next business day on which something happens to a company that gets no mail."""
    day = after
    for _ in range(LOOK_AHEAD_BUSINESS_DAYS):
        day = business_day_after(day)
        draw = day_draw(company, position, day)
        if draw < own_pace(company, position, day) or draw >= busy_from(company, position, day):
            return day
        if guiding and applies_today(company, day):
            return day
    return day
