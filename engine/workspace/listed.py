"""The CSV files of a workspace: closed days, excluded accounts, sessions with seats, shifts. A bad line is reported, the others count."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path

import holidays

from engine.calendar import Zone, day_of_date
from engine.errors import Place
from engine.workspace.content import relative
from engine.workspace.faults import Faults
from engine.workspace.model import Session

FIRST_HOLIDAY_YEAR, LAST_HOLIDAY_YEAR = 2005, 2050
Row = dict[str, str]


@dataclass(frozen=True)
class Listed:
    """A CSV file below rules/ that a setting names; `setting` is where a missing file is reported."""

    rules: Path
    file: str
    setting: tuple[str, ...]
    faults: Faults

    def rows(self) -> Iterator[tuple[int, Row]]:
        """(line, cells) of each row, cells without surrounding blanks."""
        path = self.rules / self.file
        if not path.is_file():
            self.faults.at("E125", self.setting, {"file": self.file})
            return
        reader = csv.DictReader((self.faults.text_of(path, self.rules.parent) or "").splitlines())
        for row in reader:
            yield reader.line_num, {str(key).strip(): (value or "").strip() for key, value in row.items() if isinstance(value, str | None)}

    def refuse(self, code: str, line: int, row: Row) -> None:
        self.faults.add(code, Place(relative(self.rules / self.file, self.rules.parent), line), line=",".join(row.values()))


def closed_days(listed: Listed) -> Iterator[int]:
    """The days of a CSV with header from,to,label."""
    for line, row in listed.rows():
        try:
            first, last = (date.fromisoformat(row[key]) for key in ("from", "to"))
        except (KeyError, ValueError):
            listed.refuse("E127", line, row)
            continue
        yield from range(day_of_date(first), day_of_date(last) + 1)


def excluded_accounts(listed: Listed) -> Iterator[str]:
    """The first column of each row."""
    return (next(iter(row.values())) for _, row in listed.rows() if row)


def sessions(listed: Listed, place: Zone, kind_of: Callable[[str], str | None]) -> Iterator[Session]:
    """Seminars and courses: id,of,starts_at,seats[,title,url,invitations]; `kind_of` tells seminar or course by the id in `of`."""
    for line, row in listed.rows():
        try:
            moment = datetime.fromisoformat(row["starts_at"])
            seats = int(row["seats"])
            invitations = int(row.get("invitations") or seats)
            kind = kind_of(row["of"])
            identity = row["id"]
        except (KeyError, ValueError):
            listed.refuse("E130", line, row)
            continue
        if kind is None or not identity or moment.tzinfo is not None:
            listed.refuse("E130", line, row)
            continue
        starts_at = place.at_wall(day_of_date(moment.date()), moment.hour * 60 + moment.minute)
        yield Session(identity, f"{kind}:{row['of']}", starts_at, seats, invitations, row.get("title", ""), row.get("url", ""))


def shifts(listed: Listed) -> dict[int, int]:
    """Local day → calls the team can make, summed over its members: date,member,calls."""
    found: dict[int, int] = {}
    for line, row in listed.rows():
        try:
            day, calls = day_of_date(date.fromisoformat(row["date"])), int(row["calls"])
        except (KeyError, ValueError):
            listed.refuse("E131", line, row)
            continue
        found[day] = found.get(day, 0) + calls
    return found


@lru_cache
def public_holidays(country: str) -> frozenset[int]:
    """The public holidays of a country as days. Raises NotImplementedError for one that the library does not know."""
    years = range(FIRST_HOLIDAY_YEAR, LAST_HOLIDAY_YEAR)
    return frozenset(day_of_date(day) for day in holidays.country_holidays(country, years=years))
