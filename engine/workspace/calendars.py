"""The CSVs that `calendar` facts read: kind,from,to,value with local dates, both ends included."""

import csv
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import pairwise
from pathlib import Path

from engine.calendar import date_of_day, day_of_date
from engine.errors import Place
from engine.facts.calendar import Calendar, Period
from engine.facts.spec import FactSpec
from engine.workspace.faults import Faults

COLUMNS = ("kind", "from", "to", "value")
Row = tuple[int, Period]  # the line it stands on


def read_calendars(rules: Path, facts: Mapping[str, FactSpec], faults: Faults) -> dict[str, tuple[Period, ...]]:
    """Every file that a fact names, once; a wrong row is reported at its line and the others count."""
    found: dict[str, tuple[Period, ...]] = {}
    for name, spec in facts.items():
        if isinstance(spec, Calendar):
            if not (rules / spec.calendar).resolve().is_relative_to(rules.resolve()) or not (rules / spec.calendar).is_file():
                faults.at("E125", ("facts", name, "calendar"), {"file": spec.calendar})
                continue
            if spec.calendar not in found:
                found[spec.calendar] = _periods(rules / spec.calendar, rules.parent, faults)
            kinds = tuple(dict.fromkeys(each.kind for each in found[spec.calendar]))
            if spec.kind not in kinds:
                faults.at("E203", ("facts", name, "kind"), {"fact": spec.calendar, "value": spec.kind, "values": kinds})
    return found


def _periods(path: Path, root: Path, faults: Faults) -> tuple[Period, ...]:
    rows = list(_rows(path, root, faults))
    by_time = sorted(rows, key=lambda row: (row[1].kind, row[1].first, row[0]))
    for (_, earlier), (line, later) in pairwise(by_time):
        if earlier.kind == later.kind and later.first <= earlier.last:
            until = date_of_day(earlier.last).isoformat()
            faults.add("E323", Place(str(path.relative_to(root)), line), kind=later.kind, value=later.value, other=earlier.value, until=until)
    return tuple(period for _, period in rows)


def _rows(path: Path, root: Path, faults: Faults) -> Iterator[Row]:
    reader = csv.DictReader((faults.text_of(path, root) or "").splitlines())
    for cells in reader:
        period = _period({name: (cells.get(name) or "").strip() for name in COLUMNS})
        if period is None:
            line = ",".join(str(cell) for cell in cells.values() if cell is not None)
            faults.add("E322", Place(str(path.relative_to(root)), reader.line_num), line=line)
        else:
            yield reader.line_num, period


def _period(cells: Mapping[str, str]) -> Period | None:
    try:
        first, last = (day_of_date(date.fromisoformat(cells[name])) for name in ("from", "to"))
    except ValueError:
        return None
    return Period(cells["kind"], first, last, cells["value"]) if cells["kind"] and cells["value"] and first <= last else None
