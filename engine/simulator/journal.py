"""Records of the six export files, and the files themselves. Lines are only ever added."""

import csv
import io
import json
from pathlib import Path
from typing import Final, NamedTuple

from engine.simulator.days import iso

PRODUCT, HELP = "product.jsonl", "help.jsonl"
SFA, CRM, CTI, HEARING = "sfa.csv", "crm.csv", "cti.csv", "hearing.csv"

COLUMNS: Final = {
    SFA: ("company", "event", "field", "value"),
    CRM: ("company", "user", "event", "field", "value"),
    CTI: ("company", "user", "event", "case_id"),
    HEARING: ("company", "field", "value"),
}
ID_LETTERS: Final = {PRODUCT: "p", HELP: "h", SFA: "s", CRM: "r", CTI: "t", HEARING: "q"}
NO_PROPS: Final = "{}"


class Record(NamedTuple):
    """One line to come: its instant, its file, and the cells between id and time (JSON: props last)."""

    at: int
    file: str
    cells: tuple[str, ...]


def product(at: int, company: str, user: str, event: str, props: str = NO_PROPS) -> Record:
    """Make a product log line; an empty user stands for a candidate or for ourselves."""
    return Record(at, PRODUCT, (company, user, event, props))


def help_page(at: int, company: str, user: str, event: str, props: str = NO_PROPS) -> Record:
    """Make a help site line."""
    return Record(at, HELP, (company, user, event, props))


def case(at: int, company: str, user: str, event: str, case_id: str = "") -> Record:
    """Make a support centre line."""
    return Record(at, CTI, (company, user, event, case_id))


def props_of(**values: str) -> str:
    """Props as the text they have in the file."""
    return json.dumps(values, ensure_ascii=False)


class Journal:
    """Everything that happened so far, in order of time, as the lines of the files."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {file: [] for file in ID_LETTERS}
        for file, columns in COLUMNS.items():
            self._lines[file].append(_csv_line(("id", *columns, "at")))
        self._written: dict[Path, tuple[int, int]] = {}

    def write(self, record: Record) -> None:
        """Add a line; its id is its number in the file, so it never changes."""
        lines = self._lines[record.file]
        line_id = f"{ID_LETTERS[record.file]}{len(lines):08d}"
        if record.file in COLUMNS:
            lines.append(_csv_line((line_id, *record.cells, iso(record.at))))
        else:
            lines.append(_json_line(line_id, record))

    def export(self, directory: Path) -> None:
        """Bring the files of this directory up to date."""
        directory.mkdir(parents=True, exist_ok=True)
        for file, lines in self._lines.items():
            path = (directory / file).resolve()
            known, size = self._written.get(path, (0, 0))
            # A file that somebody removed or changed since is written anew as a whole.
            untouched = path.exists() and path.stat().st_size == size
            begin = known if untouched else 0
            with path.open("a" if begin else "w", encoding="utf-8", newline="") as out:
                out.writelines(lines[begin:])
            self._written[path] = (len(lines), path.stat().st_size)


def _json_line(line_id: str, record: Record) -> str:
    company, user, event, props = record.cells
    who = f'"{user}"' if user else "null"
    # Written by hand because ids and event names need no escaping and json.dumps would cost half of the run.
    return f'{{"id": "{line_id}", "company": "{company}", "user": {who}, "event": "{event}", "at": "{iso(record.at)}", "props": {props}}}\n'


def _csv_line(cells: tuple[str, ...]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()
