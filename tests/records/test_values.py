"""Values as customers write them, and what they mean."""

from datetime import date

import pytest

from engine.calendar import date_of_day, day_of_date
from engine.records.record import NO_NUMBER, NO_VALUE
from engine.records.values import normalise

SAID_ON = day_of_date(date(2026, 4, 7))


def meant(kind: str, text: str) -> tuple[str, int | None]:
    """Value and number, with None for "no number"."""
    value, number = normalise(kind, text, SAID_ON)
    return value, None if number == NO_NUMBER else number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        pytest.param("12", 12, id="digits"),
        pytest.param(" １，２３４ ", 1234, id="full-width digits and commas"),
        pytest.param("12,345,678", 12_345_678, id="thousands"),
        pytest.param("3.0", 3, id="a whole number written with a point"),
        pytest.param("-5", -5, id="a negative number"),
        pytest.param("−5", -5, id="a typographic minus"),
        pytest.param("+5", 5, id="a plus sign"),
        pytest.param("3.5", None, id="a fraction is no whole number"),
        pytest.param("1,23", None, id="a comma in the wrong place"),
        pytest.param("12名", None, id="a unit is not read away"),
        pytest.param("9" * 5000, None, id="five thousand digits"),
        pytest.param(str(2**62), None, id="beyond what a lake of 64 bits can sum"),
        pytest.param("NaN", None, id="not a number"),
    ],
)
def test_numbers(text: str, number: int | None) -> None:
    value, found = meant("number", text)
    assert found == number
    assert number is None or value == str(number)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        pytest.param("2026-04-07", "2026-04-07", id="ISO"),
        pytest.param("2026/4/7", "2026-04-07", id="slashes without zeros"),
        pytest.param("２０２６／４／７", "2026-04-07", id="full width"),
        pytest.param("2026年4月7日", "2026-04-07", id="kanji"),
        pytest.param("2026年4月7日(火)", "2026-04-07", id="with the weekday"),
        pytest.param("令和8年4月7日", "2026-04-07", id="Reiwa"),
        pytest.param("令和元年5月1日", "2019-05-01", id="the first year of an era"),
        pytest.param("R8.4.7", "2026-04-07", id="Reiwa in short"),
        pytest.param("平成31年4月30日", "2019-04-30", id="Heisei"),
        pytest.param("H31.4.30", "2019-04-30", id="Heisei in short"),
        pytest.param("2026-04-07 00:00:00", "2026-04-07", id="a database's midnight"),
        pytest.param("4/7", "2026-04-07", id="without a year, said that very day"),
        pytest.param("4月8日", "2026-04-08", id="without a year, tomorrow"),
        pytest.param("4月6日", "2027-04-06", id="without a year, over: next year's"),
        pytest.param("2/29", "2028-02-29", id="the next leap day"),
    ],
)
def test_single_days(text: str, day: str) -> None:
    assert meant("date", text) == (day, day_of_date(date.fromisoformat(day)))


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        pytest.param("2026年3月上旬", "2026-03-01/2026-03-10", id="the first ten days"),
        pytest.param("2026年3月中旬", "2026-03-11/2026-03-20", id="the middle ten days"),
        pytest.param("2026年2月下旬", "2026-02-21/2026-02-28", id="the rest of a short month"),
        pytest.param("2026年4月", "2026-04-01/2026-04-30", id="a month"),
        pytest.param("2026/4", "2026-04-01/2026-04-30", id="a month with a slash"),
        pytest.param("2026年", "2026-01-01/2026-12-31", id="a year"),
        pytest.param("令和8年4月", "2026-04-01/2026-04-30", id="a month of an era"),
        pytest.param("4月", "2026-04-01/2026-04-30", id="the month that runs is not over"),
        pytest.param("3月", "2027-03-01/2027-03-31", id="a month that is over is next year's"),
        pytest.param("4月上旬", "2026-04-01/2026-04-10", id="ten days that run are not over"),
        pytest.param("3月下旬", "2027-03-21/2027-03-31", id="ten days that are over are next year's"),
    ],
)
def test_dates_of_lower_precision_are_intervals(text: str, interval: str) -> None:
    assert meant("date", text) == (interval, day_of_date(date.fromisoformat(interval[:10])))
    assert meant("date", interval) == meant("date", text), "what is kept is read again where a declaration changed"


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-30",
        "13月",
        "4/31",
        "来月",
        "未定",
        "0000-01-01",
        "20260407",
        "4-7",
        "2026-04-07 10:30:00",
        "2026-04-10/2026-04-01",
        "2026-02-01/2026-02-30",
    ],
)
def test_what_is_no_date_keeps_its_text_and_has_no_number(text: str) -> None:
    assert meant("date", text) == (text, None)


def test_a_date_does_not_depend_on_today() -> None:
    later = day_of_date(date(2026, 5, 1))
    assert date_of_day(normalise("date", "4/7", later)[1]) == date(2027, 4, 7)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        *[pytest.param(text, ("true", 1), id=f"{text} is true") for text in ("true", "TRUE", "yes", "1", "１", "はい", "有", "あり")],
        *[pytest.param(text, ("false", 0), id=f"{text} is false") for text in ("false", "No", "0", "いいえ", "無", "なし")],
        pytest.param("たぶん", ("たぶん", None), id="perhaps is neither"),
    ],
)
def test_flags(text: str, found: tuple[str, int | None]) -> None:
    assert meant("bool", text) == found


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        pytest.param("enum", " ＣＡＭＰＵＳ　", "CAMPUS", id="an enum id in full width"),
        pytest.param("tags", "b, a、b；c｜d", "|a|b|c|d|", id="tags with every separator, sorted, each once"),
        pytest.param("tags", '["新卒", "中途", 1]', "|1|中途|新卒|", id="tags as a JSON list"),
        pytest.param("tags", "[a", "|[a|", id="a bracket that is no JSON"),
        pytest.param("tags", " 、, ", NO_VALUE, id="nothing but separators"),
        pytest.param("text", "　株式会社 青空 ", "株式会社 青空", id="text is only stripped"),
    ],
)
def test_texts(kind: str, text: str, value: str) -> None:
    assert meant(kind, text) == (value, None)


@pytest.mark.parametrize("kind", ["number", "date", "bool", "enum", "tags", "text"])
@pytest.mark.parametrize("text", ["", "  ", "　", "null"])
def test_nothing_and_null_clear_a_field_of_any_kind(kind: str, text: str) -> None:
    assert normalise(kind, text, SAID_ON) == (NO_VALUE, NO_NUMBER)
