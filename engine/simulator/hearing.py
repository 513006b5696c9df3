"""What a company says when it is asked: kind of recruiting, wishes, and when it starts guiding candidates."""

import random
from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

from engine.simulator.route import NEW_GRAD

WISHES: Final = ("auto_schedule", "briefing", "applicant_list")

LEAD_DAYS_MIN: Final = 14
"""Nobody plans a start sooner than two weeks after the application: the account must be set up first."""
LEAD_DAYS_MAX: Final = 120
"""Mid-career: an opening planned further ahead than four months is not yet a plan."""
FULL_YEAR_STARTS: Final = 2019
"""Reiwa year = year minus 2018."""


def start_day(rng: random.Random, kind: str, applied: date) -> date:
    """Day on which the company means to begin guiding candidates."""
    earliest = applied + timedelta(days=LEAD_DAYS_MIN)
    if kind != NEW_GRAD:
        return applied + timedelta(days=rng.randint(LEAD_DAYS_MIN, LEAD_DAYS_MAX))
    first, last = _season(earliest)
    first = max(first, earliest)
    return first + timedelta(days=rng.randint(0, (last - first).days))


def _season(earliest: date) -> tuple[date, date]:
    """Return the season that still lies ahead: briefings from October on, selection for the late ones of summer."""
    year = earliest.year
    if earliest <= date(year, 5, 31):
        return date(year, 3, 1), date(year, 5, 31)
    if earliest <= date(year, 9, 15):
        return date(year, 6, 1), date(year, 9, 30)
    return date(year + 1, 3, 1), date(year + 1, 5, 31)


def wishes(rng: random.Random) -> str:
    """One to three wishes, joined as the hearing sheet joins them."""
    count = rng.randint(1, len(WISHES))
    chosen = set(rng.sample(WISHES, count))
    return ",".join(wish for wish in WISHES if wish in chosen)


def _hyphens(day: date) -> str:
    return day.isoformat()


def _slashes(day: date) -> str:
    return f"{day.year}/{day.month}/{day.day}"


def _third_of_month(day: date) -> str:
    third = "上旬" if day.day <= 10 else "中旬" if day.day <= 20 else "下旬"
    return f"{day.month}月{third}"


def _reiwa(day: date) -> str:
    return f"令和{day.year - FULL_YEAR_STARTS + 1}年{day.month}月{day.day}日"


SPELLINGS: Final[tuple[Callable[[date], str], ...]] = (_hyphens, _slashes, _third_of_month, _reiwa)


def spelled(rng: random.Random, day: date) -> str:
    """Write the day the way one of our interviewers would have typed it."""
    return rng.choice(SPELLINGS)(day)
