"""What a field's text means: parsed and normalised once, in Python, when a record is loaded. SQL never casts these texts."""

import json
import re
import unicodedata
from calendar import monthrange
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from types import MappingProxyType
from typing import cast

from engine.calendar import date_of_day, day_of_date
from engine.records.record import NO_NUMBER, NO_VALUE

Meaning = tuple[str, int]
Days = tuple[date, date]

TRUE = frozenset({"true", "t", "yes", "y", "1", "on", "はい", "有", "有り", "あり", "○", "〇"})
FALSE = frozenset({"false", "f", "no", "n", "0", "off", "いいえ", "無", "無し", "なし", "×"})
LARGEST = 2**62 - 1  # beyond it sums of numbers could leave 64 bits, and NO_NUMBER stands there

WHOLE = re.compile(r"[+-]?(?:[0-9]{1,19}|[0-9]{1,3}(?:,[0-9]{3}){1,6})(?:\.0*)?")
SEPARATORS = re.compile(r"[,、;|]")  # the full-width forms become these by NFKC

ERAS = MappingProxyType({"令和": 2018, "R": 2018, "平成": 1988, "H": 1988, "昭和": 1925, "S": 1925})  # the year before year 1
YEAR = r"(?:(?P<year>[0-9]{4})|(?P<era>令和|平成|昭和|[RHS])(?P<era_year>元|[0-9]{1,2}))"
MONTH, DAY = r"(?P<month>[0-9]{1,2})", r"(?P<day>[0-9]{1,2})"
MIDNIGHT = r"(?:T?00:00(?::00(?:\.0+)?)?(?:Z|[+]00:?00)?)?"  # databases write a date as its midnight
DATES = (
    re.compile(rf"{YEAR}[-/.]{MONTH}[-/.](?P<day>[0-3]?[0-9]){MIDNIGHT}"),
    re.compile(rf"{YEAR}[-/.]{MONTH}"),
    re.compile(rf"{MONTH}/{DAY}"),
    re.compile(rf"{YEAR}年(?:{MONTH}月(?:{DAY}日|(?P<third>[上中下])旬)?)?"),
    re.compile(rf"{MONTH}月(?:{DAY}日|(?P<third>[上中下])旬)?"),
)
KEPT_DAYS = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})/([0-9]{4}-[0-9]{2}-[0-9]{2})")
DECORATION = re.compile(r"\s+|\([月火水木金土日]\)")
THIRDS = MappingProxyType({"上": (1, 10), "中": (11, 20), "下": (21, 31)})
YEARS_AHEAD = 9  # 29 February comes again within eight years, over a year like 2100


def normalise(kind: str, text: str, said_on: int) -> Meaning:
    """The canonical text of a value and what it means as a whole number: itself, a day, or 1 and 0 for yes and no.

    `kind` is number, date, bool, enum, tags or text; `said_on` is the local day on which it was said, from which a date without a
    year is counted. A cleared value gives (NO_VALUE, NO_NUMBER); kinds without a number and values not of their kind give NO_NUMBER.
    """
    stripped = text.strip()
    if stripped in {"", "null", "NULL"}:
        return NO_VALUE, NO_NUMBER
    if kind == "date":
        return _date(_plain(stripped), said_on)
    return KINDS[kind](stripped)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().replace("\N{MINUS SIGN}", "-")


def _text(text: str) -> Meaning:
    return text, NO_NUMBER


def _enum(text: str) -> Meaning:
    return unicodedata.normalize("NFKC", text).strip(), NO_NUMBER


def _number(text: str) -> Meaning:
    plain = _plain(text)
    if not WHOLE.fullmatch(plain):
        return plain, NO_NUMBER
    number = int(plain.split(".")[0].replace(",", ""))
    return (str(number), number) if abs(number) <= LARGEST else (plain, NO_NUMBER)


def _bool(text: str) -> Meaning:
    plain = _plain(text)
    word = plain.casefold()
    if word in TRUE:
        return "true", 1
    return ("false", 0) if word in FALSE else (plain, NO_NUMBER)


def _tags(text: str) -> Meaning:
    tags = sorted({tag for part in _tag_texts(text) if (tag := _plain(part))})
    return (f"|{'|'.join(tags)}|" if tags else NO_VALUE), NO_NUMBER


def _tag_texts(text: str) -> list[str]:
    listed = _json_list(text) if text.startswith("[") else None
    if listed is None:
        return SEPARATORS.split(_plain(text))
    return [str(item).replace("|", " ") for item in listed if item is not None]


def _json_list(text: str) -> list[object] | None:
    try:
        return cast("list[object]", json.loads(text))  # what begins with "[" is a list or no JSON
    except (ValueError, RecursionError):
        return None


KINDS: Mapping[str, Callable[[str], Meaning]] = MappingProxyType({"number": _number, "bool": _bool, "enum": _enum, "tags": _tags, "text": _text})
TYPES = (*KINDS, "date")  # every word that may be declared


def _date(plain: str, said_on: int) -> Meaning:
    if (day := _first_day(plain)) is not None:
        return plain, day
    bare = DECORATION.sub("", plain)
    found = next((match for pattern in DATES if (match := pattern.fullmatch(bare))), None)
    days = _days_meant(found, said_on) if found else None
    if days is None:
        return plain, NO_NUMBER
    first, last = days
    text = first.isoformat() if first == last else f"{first.isoformat()}/{last.isoformat()}"
    return text, day_of_date(first)


def _first_day(plain: str) -> int | None:
    """Of days from and to as they are kept: what was read once means the same when it is read again."""
    found = KEPT_DAYS.fullmatch(plain)
    try:
        first, last = (date.fromisoformat(each) for each in found.groups()) if found else (date.max, date.min)
    except ValueError:  # the 30th of February
        return None
    return day_of_date(first) if first < last else None


def _days_meant(found: re.Match[str], said_on: int) -> Days | None:
    """The first and last day meant; without a year, the next such days that are not over on the day it was said."""
    parts = found.groupdict()
    spans = (_span(parts, year) for year in _years(parts, said_on))
    asked = NO_NUMBER if "year" in parts else said_on
    return next((span for span in spans if span is not None and day_of_date(span[1]) >= asked), None)


def _years(parts: Mapping[str, str | None], said_on: int) -> Iterator[int]:
    if (era := parts.get("era")) is not None:
        number = parts["era_year"]
        yield ERAS[era] + (1 if number == "元" else int(number or 0))
    elif (year := parts.get("year")) is not None:
        yield int(year)
    else:
        this_year = date_of_day(said_on).year
        yield from range(this_year, this_year + YEARS_AHEAD)


def _span(parts: Mapping[str, str | None], year: int) -> Days | None:
    try:
        if parts.get("month") is None:
            return date(year, 1, 1), date(year, 12, 31)
        return _span_in_month(parts, year, int(parts["month"] or 0))
    except ValueError:  # the 30th of February, month 13, year 0
        return None


def _span_in_month(parts: Mapping[str, str | None], year: int, month: int) -> Days:
    if (day := parts.get("day")) is not None:
        only = date(year, month, int(day))
        return only, only
    first, last = THIRDS.get(parts.get("third") or "", (1, 31))
    start = date(year, month, first)
    return start, start.replace(day=min(last, monthrange(year, month)[1]))
