"""Days, walls and quiet hours, where clocks jump too."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.calendar import DAY, HOUR, MINUTE, BusinessDays, SendingHours, Zone, date_of_day, day_of_date, instant_of, moment_of, zone
from tests.builders import at

NO_CHANGE = BusinessDays(frozenset(range(7)))
WALLS = (0, 1, 30, 59, 60, 89, 90, 119, 120, 150, 179, 180, 719, 1439)


def day(text: str) -> int:
    return day_of_date(date.fromisoformat(text))


def wall(instant: int, name: str) -> str:
    return f"{moment_of(instant, ZoneInfo(name)):%Y-%m-%d %H:%M}"


def at_wall(text: str, name: str) -> int:
    moment = datetime.fromisoformat(text)
    return zone(name).at_wall(day_of_date(moment.date()), moment.hour * 60 + moment.minute)


@pytest.mark.parametrize(
    ("instant", "name", "expected"),
    [
        pytest.param(at("2026-04-07 00:00"), "Asia/Tokyo", "2026-04-07", id="midnight begins the day"),
        pytest.param(at("2026-04-07 00:00") - 1, "Asia/Tokyo", "2026-04-06", id="a microsecond before is yesterday"),
        pytest.param(at("2026-04-07 08:59"), "UTC", "2026-04-06", id="Tokyo's morning is yesterday in UTC"),
        pytest.param(at("2026-04-07 09:00"), "UTC", "2026-04-07", id="nine in Tokyo is midnight in UTC"),
        pytest.param(at("2025-12-31 23:59"), "Asia/Tokyo", "2025-12-31", id="the last minute of the year"),
        pytest.param(at("2024-02-29 23:59"), "Asia/Tokyo", "2024-02-29", id="the day of a leap year"),
        pytest.param(at("2011-12-29 23:59", "Pacific/Apia"), "Pacific/Apia", "2011-12-29", id="the last minute before the day that Apia left out"),
        pytest.param(at("2011-12-29 23:59", "Pacific/Apia") + MINUTE, "Pacific/Apia", "2011-12-31", id="and the next minute"),
    ],
)
def test_the_day_of_an_instant(instant: int, name: str, expected: str) -> None:
    assert date_of_day(zone(name).day(instant)).isoformat() == expected


@pytest.mark.parametrize(
    ("text", "name", "shows", "offset_hours"),
    [
        pytest.param("2026-04-07 09:00", "Asia/Tokyo", "2026-04-07 09:00", 9, id="no change of clocks"),
        pytest.param("2026-03-08 01:59", "America/New_York", "2026-03-08 01:59", -5, id="the last minute before a gap"),
        pytest.param("2026-03-08 02:00", "America/New_York", "2026-03-08 03:00", -4, id="the first minute of a gap is the end of it"),
        pytest.param("2026-03-08 02:30", "America/New_York", "2026-03-08 03:00", -4, id="the middle of a gap is the end of it"),
        pytest.param("2026-03-08 03:00", "America/New_York", "2026-03-08 03:00", -4, id="the first minute after a gap"),
        pytest.param("2026-11-01 01:30", "America/New_York", "2026-11-01 01:30", -4, id="a time that comes twice takes the first pass"),
        pytest.param("2026-11-01 02:00", "America/New_York", "2026-11-01 02:00", -5, id="the first time that comes once again"),
        pytest.param("2018-11-04 00:00", "America/Sao_Paulo", "2018-11-04 01:00", -2, id="a day without a midnight"),
        pytest.param("2026-04-05 01:45", "Australia/Lord_Howe", "2026-04-05 01:45", 11, id="back by half an hour: the first pass"),
        pytest.param("2026-10-04 02:15", "Australia/Lord_Howe", "2026-10-04 02:30", 11, id="forward by half an hour"),
        pytest.param("2011-12-30 12:00", "Pacific/Apia", "2011-12-31 00:00", 14, id="a day that did not happen ends where the next begins"),
    ],
)
def test_a_wall_time(text: str, name: str, shows: str, offset_hours: float) -> None:
    instant = at_wall(text, name)
    assert (wall(instant, name), zone(name).offset(instant) / HOUR) == (shows, offset_hours)


NAMES = sorted(name for name in available_timezones() if name not in {"localtime", "Factory"})


@settings(max_examples=40)
@given(st.sampled_from(NAMES), st.integers(1991, 2036), st.integers(1, 365), st.sampled_from(WALLS))
def test_day_offset_and_wall_agree_with_the_zone_database(name: str, year: int, day_of_year: int, minutes: int) -> None:
    place, info = zone(name), ZoneInfo(name)
    local = day_of_date(date(year, 1, 1)) + day_of_year - 1
    instant = place.at_wall(local, minutes)
    moment = moment_of(instant, info)
    assert place.day(instant) == day_of_date(moment.date())
    assert place.offset(instant) == round((moment.utcoffset() or timedelta(0)).total_seconds()) * 1_000_000
    _is_the_first(place, instant, local * DAY + minutes * MINUTE)


def _is_the_first(place: Zone, instant: int, wanted: int) -> None:
    """The wall shows at least the wanted time, and showed less just before; exactly it, where that time exists."""
    shown, before = instant + place.offset(instant), instant - 1 + place.offset(instant - 1)
    assert shown >= wanted
    assert before < wanted
    assert shown == wanted or place.offset(instant) > place.offset(instant - 1)


@settings(max_examples=30)
@given(st.sampled_from(NAMES), st.integers(instant_of(datetime(1990, 1, 2, tzinfo=UTC)), instant_of(datetime(2044, 12, 30, tzinfo=UTC))))
def test_any_instant_has_the_zone_databases_offset(name: str, instant: int) -> None:
    expected = moment_of(instant, ZoneInfo(name)).utcoffset() or timedelta(0)
    assert zone(name).offset(instant) == round(expected.total_seconds()) * 1_000_000


# --- business days ----------------------------------------------------------------------------------------------------

HOLIDAY = BusinessDays(closed=frozenset({day("2026-04-29"), *range(day("2026-05-03"), day("2026-05-07"))}))


@pytest.mark.parametrize(
    ("from_day", "to_day", "counted"),
    [
        pytest.param("2026-04-06", "2026-04-06", 0, id="the same day"),
        pytest.param("2026-04-06", "2026-04-07", 1, id="Monday to Tuesday"),
        pytest.param("2026-04-03", "2026-04-06", 1, id="Friday to Monday"),
        pytest.param("2026-04-03", "2026-04-05", 0, id="Friday to Sunday"),
        pytest.param("2026-04-04", "2026-04-05", 0, id="within a weekend"),
        pytest.param("2026-04-28", "2026-04-30", 1, id="over Showa Day"),
        pytest.param("2026-05-01", "2026-05-07", 1, id="over Golden Week"),
    ],
)
def test_business_days_between(from_day: str, to_day: str, counted: int) -> None:
    counts = HOLIDAY.counts(day("2026-04-15"))
    first = day("2026-04-15") - (len(counts) - 1) // 2
    assert counts[day(to_day) - first] - counts[day(from_day) - first] == counted
    assert sum(HOLIDAY.is_open(each) for each in range(day(from_day) + 1, day(to_day) + 1)) == counted


@given(st.integers(day("2026-01-01"), day("2026-12-31")), st.integers(0, 40))
def test_adding_business_days_and_counting_them_is_the_same(start: int, count: int) -> None:
    end = HOLIDAY.add(start, count)
    assert sum(HOLIDAY.is_open(each) for each in range(start + 1, end + 1)) == count
    assert count == 0 or HOLIDAY.is_open(end)


# --- quiet hours ------------------------------------------------------------------------------------------------------


def next_allowed(text: str, quiet_from: int | None, quiet_to: int | None, business: BusinessDays = HOLIDAY, name: str = "Asia/Tokyo") -> str:
    hours = SendingHours(zone(name), business, quiet_from, quiet_to)
    return wall(hours.next_allowed(at(text, name)), name)


@pytest.mark.parametrize(
    ("now", "quiet", "allowed"),
    [
        pytest.param("2026-04-07 08:59", (1140, 540), "2026-04-07 09:00", id="the last minute of the night"),
        pytest.param("2026-04-07 09:00", (1140, 540), "2026-04-07 09:00", id="the first minute of the day"),
        pytest.param("2026-04-07 18:59", (1140, 540), "2026-04-07 18:59", id="the last minute of the day"),
        pytest.param("2026-04-07 19:00", (1140, 540), "2026-04-08 09:00", id="the first minute of the night"),
        pytest.param("2026-04-10 19:00", (1140, 540), "2026-04-13 09:00", id="Friday evening"),
        pytest.param("2026-04-11 12:00", (1140, 540), "2026-04-13 09:00", id="Saturday noon"),
        pytest.param("2026-05-01 19:00", (1140, 540), "2026-05-07 09:00", id="the evening before Golden Week"),
        pytest.param("2026-04-07 12:30", (720, 780), "2026-04-07 13:00", id="quiet at noon"),
        pytest.param("2026-04-07 13:00", (720, 780), "2026-04-07 13:00", id="noon is over"),
        pytest.param("2026-04-11 12:30", (720, 780), "2026-04-13 00:00", id="quiet at noon only: Monday from midnight"),
        pytest.param("2026-04-07 03:00", (None, None), "2026-04-07 03:00", id="no quiet hours"),
        pytest.param("2026-04-11 03:00", (None, None), "2026-04-13 00:00", id="no quiet hours on a weekend"),
        pytest.param("2026-04-07 23:30", (1380, 1440), "2026-04-08 00:00", id="quiet until midnight"),
    ],
)
def test_quiet_hours(now: str, quiet: tuple[int | None, int | None], allowed: str) -> None:
    assert next_allowed(now, *quiet) == allowed


def test_quiet_hours_that_end_in_a_gap_end_with_the_gap() -> None:
    assert next_allowed("2026-03-08 01:00", 0, 150, NO_CHANGE, "America/New_York") == "2026-03-08 03:00"


@given(st.integers(at("2026-01-01 00:00"), at("2027-01-01 00:00")), st.integers(0, 1439), st.integers(0, 1439))
def test_what_is_allowed_is_open_not_quiet_and_stays_allowed(instant: int, quiet_from: int, quiet_to: int) -> None:
    hours = SendingHours(zone("Asia/Tokyo"), HOLIDAY, quiet_from, quiet_to)
    allowed = hours.next_allowed(instant)
    assert allowed >= instant
    assert HOLIDAY.is_open(hours.zone.day(allowed))
    assert hours.next_allowed(allowed) == allowed
