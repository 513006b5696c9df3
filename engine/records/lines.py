"""From a row DuckDB counted to the line a person finds in the file. Only files with something to report are read again.

A line is given only when everything counts up: records in the file = heading + rows + rejected. Otherwise the file alone is named.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from engine.records.files import opened
from engine.records.query import FILE_SHIFT, READER_SHIFT
from engine.records.readers import Reader, quoted

LONGEST_LINE = 1 << 24  # bytes; DuckDB allows 2 MB, and a dump in one field may be longer
TYPES = re.compile(r",\s*(?:columns|types|dtypes|column_types)\s*=\s*(?:\{[^}]*\}|\[[^\]]*\])", re.IGNORECASE)
Place = tuple[str, int | None]


@dataclass(frozen=True)
class Input:
    """A file as DuckDB reads it: `path` below the data directory, `file` itself or a copy with the same line numbers."""

    path: str
    file: Path


@dataclass
class Lines:
    """Finds the lines of rows and of rejected records. `rejected` maps the file read to record numbers as DuckDB counts them."""

    conn: DuckDBPyConnection
    readers: Sequence[Reader]
    inputs: Sequence[Sequence[Input]]
    rejected: Mapping[str, frozenset[int]]
    _starts: dict[tuple[int, int], Sequence[tuple[int, bool]] | None] = field(default_factory=dict)
    _rows: dict[tuple[int, int], Sequence[int] | None] = field(default_factory=dict)
    _before: dict[int, Sequence[int]] = field(default_factory=dict)

    def of_row(self, row: int) -> Place:
        """The file and line of a row by its packed place."""
        reader, index = row >> READER_SHIFT, row >> FILE_SHIFT & (1 << READER_SHIFT - FILE_SHIFT) - 1
        path, key = self.inputs[reader][index].path, (reader, index)
        if not self.readers[reader].is_csv and not self.readers[reader].is_json_lines:
            return path, None
        if key not in self._rows:
            self._rows[key] = self._lines_of_rows(reader, index)
        lines, before = self._rows[key], self._offsets(reader)[index]
        return path, lines[(row & (1 << FILE_SHIFT) - 1) - before - 1] if lines is not None else None

    def of_record(self, file: str, number: int) -> Place:
        """The file and line of a record DuckDB rejected by its number; as DuckDB has it if the file cannot be followed."""
        keys = [(reader, index) for reader, entries in enumerate(self.inputs) for index, entry in enumerate(entries) if str(entry.file) == file]
        reader, index = keys[0]
        starts = self._records(reader, index)
        known = starts is not None and number <= len(starts)
        return self.inputs[reader][index].path, starts[number - 1][0] if starts is not None and known else number

    def _offsets(self, reader: int) -> Sequence[int]:
        """Rows before each file, and after the last. All columns are read, since a column nobody reads cannot reject a row."""
        if reader not in self._before:
            call = self.readers[reader].call([entry.file for entry in self.inputs[reader]], tolerance(self.readers[reader]))
            found = self.conn.execute(f"SELECT file_index, count(*), count(COLUMNS(*)) FROM {call} GROUP BY file_index").fetchall()
            counted = {int(row[0]): int(row[1]) for row in found}
            self._before[reader] = list(accumulate((counted.get(index, 0) for index in range(len(self.inputs[reader]))), initial=0))
        return self._before[reader]

    def _lines_of_rows(self, reader: int, index: int) -> Sequence[int] | None:
        entry, before = self.inputs[reader][index], self._offsets(reader)
        count = before[index + 1] - before[index]
        if self.readers[reader].is_json_lines:
            lines = lines_with_text(entry.file)
            return lines if len(lines) == count else None
        starts = self._records(reader, index)
        if starts is None:
            return None
        rejected = self.rejected.get(str(entry.file), frozenset())
        kept = [(line, blank) for number, (line, blank) in enumerate(starts, 1) if number not in rejected]
        for lines in ([line for line, blank in kept if not blank], [line for line, _ in kept]):  # with one column, blank is a value
            if len(lines) - count == self._heading(reader, index):
                return lines[len(lines) - count :]
        return None

    def _heading(self, reader: int, index: int) -> int:
        dialect = self._dialect(reader, index)
        return -1 if dialect is None else dialect.heading

    def _records(self, reader: int, index: int) -> Sequence[tuple[int, bool]] | None:
        """The line on which each record of a CSV begins, and whether it is blank."""
        key = (reader, index)
        if key not in self._starts:
            dialect = self._dialect(reader, index)
            self._starts[key] = _records_of(self.inputs[reader][index].file, dialect) if dialect is not None else None
        return self._starts[key]

    def _dialect(self, reader: int, index: int) -> "Dialect | None":
        if not self.readers[reader].is_csv:
            return None
        return dialect_of(self.conn, self.readers[reader], self.inputs[reader][index].file)


def tolerance(reader: Reader) -> str:
    """Options with which DuckDB passes over what it rejected the first time, and takes the lines it took then."""
    given = reader.options.lower()
    options = {"ignore_errors": "true", "max_line_size": str(LONGEST_LINE)} if reader.is_csv else {}
    return "".join(f", {name} = {value}" for name, value in options.items() if name not in given)


@dataclass(frozen=True)
class Dialect:
    """How a CSV is written; `heading` are the lines before the first row."""

    delimiter: str
    quote: str | None
    escape: str | None
    heading: int


def dialect_of(conn: DuckDBPyConnection, reader: Reader, file: Path) -> Dialect | None:
    """What DuckDB takes the file for; None if it cannot tell or if comments stand between the rows."""
    options = TYPES.sub("", reader.options) + tolerance(reader)  # the sniffer refuses a type that one bad row does not have
    sniff = f"SELECT Delimiter, Quote, Escape, Comment, SkipRows + HasHeader::INT FROM sniff_csv({quoted(str(file))}{options})"
    try:
        found = conn.execute(sniff).fetchall()
    except duckdb.Error:
        return None
    delimiter, quote, escape, comment, heading = found[0]
    if _mark(comment) or len(delimiter) != 1:
        return None
    return Dialect(delimiter, _mark(quote), _mark(escape) if escape != quote else None, int(heading))


def _mark(text: str) -> str | None:
    return text if len(text) == 1 and text != "\0" else None


def _records_of(file: Path, dialect: Dialect) -> list[tuple[int, bool]] | None:
    with opened(file) as stream, io.TextIOWrapper(stream, "latin-1", newline="") as text:  # line ends and quotes are ASCII in any case
        marks = {"quotechar": dialect.quote, "quoting": csv.QUOTE_MINIMAL} if dialect.quote else {"quoting": csv.QUOTE_NONE}
        reader = csv.reader(text, delimiter=dialect.delimiter, escapechar=dialect.escape, **marks)
        try:
            return list(_starts(reader, lambda: reader.line_num))
        except csv.Error:  # a field longer than the csv module takes
            return None


def _starts(records: Iterator[list[str]], line: Callable[[], int]) -> Iterator[tuple[int, bool]]:
    start = 1
    for record in records:
        yield start, not record
        start = line() + 1


def lines_with_text(file: Path) -> list[int]:
    with opened(file) as stream:
        return [number for number, line in enumerate(stream, 1) if line.strip()]
