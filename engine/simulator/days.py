"""Local time of the town as whole seconds, its business days and its recruiting seasons.

Inside the package an instant is an `int`: day number (`date.toordinal`) times 86,400 plus seconds since local midnight.
"""

from datetime import date, datetime, timedelta, timezone
from functools import cache
from typing import Final

# Japan has no summer time since 1951, so the fixed offset is exact and needs no time-zone database.
TOKYO: Final = timezone(timedelta(hours=9), "Asia/Tokyo")
DAY: Final = 86_400
HOUR: Final = 3_600
MINUTE: Final = 60

OFFICE_OPENS: Final = 9 * HOUR
OFFICE_CLOSES: Final = 19 * HOUR

BRIEFING_MONTHS: Final = frozenset({3, 4, 5})
"""Entries and briefings of the new-graduate calendar."""
SELECTION_MONTHS: Final = frozenset({6, 7, 8, 9})
"""Interviews of the new-graduate calendar."""


def instant(moment: datetime) -> int:
    """Local seconds of an aware moment; fractions of a second are cut off."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone; give an aware datetime")
    local = moment.astimezone(TOKYO)
    return local.toordinal() * DAY + local.hour * HOUR + local.minute * MINUTE + local.second


def midnight(day: date) -> int:
    """Return the instant at which a local day begins."""
    return day.toordinal() * DAY


def moment(at: int) -> datetime:
    """Turn an instant back into an aware moment."""
    return datetime.fromordinal(at // DAY).replace(tzinfo=TOKYO) + timedelta(seconds=at % DAY)


@cache
def iso_day(day: int) -> str:
    """Write a day number as 2026-02-03."""
    return date.fromordinal(day).isoformat()


def iso(at: int) -> str:
    """Write an instant as the export files do: 2026-02-03T09:41:07+09:00."""
    minutes, second = divmod(at % DAY, MINUTE)
    hour, minute = divmod(minutes, 60)
    return f"{iso_day(at // DAY)}T{hour:02d}:{minute:02d}:{second:02d}+09:00"


@cache
def month_of(day: int) -> int:
    """Calendar month (1-12) of a day number."""
    return date.fromordinal(day).month


@cache
def is_business_day(day: int) -> bool:
    """Say whether offices work: Monday to Friday, closed 29 December to 3 January.

    Other holidays are left out: they move every year and change no behaviour the simulator is used for.
    """
    when = date.fromordinal(day)
    new_year = (when.month, when.day) >= (12, 29) or (when.month, when.day) <= (1, 3)
    return when.weekday() < 5 and not new_year


@cache
def business_day_after(day: int) -> int:
    """Return the first business day later than `day`."""
    day += 1
    while not is_business_day(day):
        day += 1
    return day
