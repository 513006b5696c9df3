"""Runs the SELECT of a source over its files and stages the rows: what is damaged stops the source, what is wrong in a row that row."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import cast

import duckdb
from duckdb import DuckDBPyConnection

from engine.errors import BansoError, Fault, Place, refuse
from engine.records.files import check_readable, files_named, state_of, whole_lines
from engine.records.intake import FileState, Reason, Refusal, SourceRequest, Staged, Unfinished
from engine.records.json_lines import without_bad_lines
from engine.records.lines import LONGEST_LINE, Input, Lines
from engine.records.query import ROW, Edited, Query, edit, read_query
from engine.records.staging import SELECTABLE, RefusedRow, drop_work, empty_staged, stage_rows

REJECTS = ", store_rejects = true, rejects_table = 'banso_rejects', rejects_scan = 'banso_reject_scans'"
LONG_LINES = f", max_line_size = {LONGEST_LINE}"  # not from the start, as DuckDB's buffers are sixteen such lines
REQUIRED = (("account_id",), ("occurred_at",), ("event", "field"))
SETTINGS = {"TimeZone": "'UTC'", "python_enable_replacements": "false", "errors_as_json": "true"}


def stage_files(conn: DuckDBPyConnection, request: SourceRequest, data: Path, known: Mapping[str, str]) -> Staged:
    """Stage what the source's files say now; `known` maps the files loaded before to their sha256.

    Raises BansoError: E601 and E602 for what is missing, E603 for a damaged file, E604 to E606 for the SQL, E607 for a path outside.
    """
    if not data.is_dir():
        raise refuse("E601", str(data), directory=str(data))
    query = read_query(request.sql, request.sql_file)
    named = [_named(query, reader, data) for reader in range(len(query.readers))]
    states = {path: state_of(data, path) for path in sorted({path for paths in named for path in paths})}
    changed = {path for path, state in states.items() if known.get(path) != state.sha256}
    empty_staged(conn)
    if states and not changed:
        return Staged(files=tuple(states.values()), unchanged=True)
    if query.takes_changed_files_only:
        named = [[path for path in named[0] if path in changed]]
    return _Reading(conn, request, data, query).stage(named, tuple(states.values()))


def _named(query: Query, reader: int, data: Path) -> list[str]:
    patterns = query.readers[reader].patterns
    return list(dict.fromkeys(path for pattern, at in patterns for path in files_named(data, pattern, query.place(at))))


@contextmanager
def _session(conn: DuckDBPyConnection) -> Iterator[None]:
    """Times in UTC, no Python variables as tables, errors with positions; as it was before afterwards."""
    found = {name: conn.execute(f"SELECT current_setting('{name}')").fetchall()[0][0] for name in SETTINGS}
    for name, value in SETTINGS.items():
        conn.execute(f"SET {name} = {value}")
    try:
        yield
    finally:
        for name, value in found.items():
            conn.execute(f"SET {name} = '{value}'")


@dataclass(frozen=True)
class _Reading:
    """One run of a source's SELECT."""

    conn: DuckDBPyConnection
    request: SourceRequest
    data: Path
    query: Query
    csv_options: str = REJECTS

    def stage(self, named: Sequence[Sequence[str]], files: tuple[FileState, ...]) -> Staged:
        inputs, unfinished = self._inputs(named)
        left_out = Staged(unfinished=unfinished, files=files)
        if inputs and not any(inputs):
            return left_out
        with _session(self.conn):
            self._drop_all()
            inputs, bad_lines = self._run(inputs)
            checked = stage_rows(self.conn, self.request)
            rejects = self._rejects()
            lines = Lines(self.conn, self.query.readers, inputs, _by_file(rejects))
            structure = [self._rejected(lines, *reject) for reject in rejects]
            refused = [_located(lines, row) for row in checked.refused]
            self._drop_all()
        refusals = (*bad_lines, *dict.fromkeys(structure), *refused)
        return replace(left_out, read=checked.read, repeated=checked.repeated, refusals=refusals)

    def _inputs(self, named: Sequence[Sequence[str]]) -> tuple[list[list[Input]], tuple[Unfinished, ...]]:
        """The files with whole lines only; empty ones are passed over, as they have no heading to bind columns to."""
        unfinished: dict[Unfinished, None] = {}
        inputs: list[list[Input]] = []
        for index, paths in enumerate(named):
            found = [self._input(index, path, unfinished) for path in paths]
            inputs.append([entry for entry in found if entry.file.stat().st_size > 0])
        return inputs, tuple(unfinished)

    def _input(self, index: int, path: str, unfinished: dict[Unfinished, None]) -> Input:
        reader = self.query.readers[index]
        if not reader.is_csv and not reader.is_json_lines:
            check_readable(self.data, path)
            return Input(path, self.data / path)
        copy = self.request.scratch / "whole" / str(index) / path  # the path stays, as its folders may hold columns (year=2026)
        file, line = whole_lines(self.data, path, copy, quoted=reader.is_csv)
        if line is not None:
            unfinished[Unfinished(path, line)] = None
        return Input(path, file)

    def _run(self, inputs: list[list[Input]]) -> tuple[list[list[Input]], tuple[Refusal, ...]]:
        """Fill `banso_rows`. Only after DuckDB has stumbled, lines that are no JSON are taken out and long lines of a CSV allowed."""
        try:
            self._select(inputs)
        except duckdb.Error as error:
            if not _is_about_data(error):
                raise self._fault(error, inputs) from error
        else:
            return inputs, ()
        cleaned, refusals = without_bad_lines(self.conn, self.query.readers, inputs, self.request.scratch / "clean")
        try:
            replace(self, csv_options=REJECTS + LONG_LINES)._select(cleaned)  # noqa: SLF001  # the same class
        except duckdb.Error as error:
            raise self._fault(error, cleaned) from error
        return cleaned, refusals

    def _select(self, inputs: Sequence[Sequence[Input]]) -> None:
        plain = self._edited(inputs, with_rows=False).text
        described = [str(row[0]) for row in self.conn.execute(f"DESCRIBE {plain}").fetchall()]
        check_columns(self.query.file, described, self.query)
        text = self._edited(inputs, with_rows=True).text if self.query.rows_from else plain
        if text == plain or not self._binds(text):
            text, row = plain, f"NULL::BIGINT AS {ROW}"
        else:
            row = ROW
        columns = ", ".join(f'"{name}"' for name in described)
        self._drop_all()
        self.conn.execute(f"CREATE OR REPLACE TEMP TABLE banso_rows AS SELECT {columns}, {row} FROM ({text}\n)")

    def _binds(self, text: str) -> bool:
        """Rows cannot be followed where the query uses what a subquery hides, such as a file name DuckDB adds."""
        try:
            self.conn.execute(f"DESCRIBE {text}")
        except duckdb.Error:
            return False
        return True

    def _edited(self, inputs: Sequence[Sequence[Input]], *, with_rows: bool) -> Edited:
        return edit(self.query, lambda index: self._call(index, inputs), with_rows=with_rows)

    def _call(self, index: int, inputs: Sequence[Sequence[Input]]) -> str:
        reader = self.query.readers[index]
        options = reader.options.lower()
        own = any(name in options for name in ("ignore_errors", "store_rejects", "rejects_", "max_line_size"))
        extra = self.csv_options if reader.is_csv and not own else ""
        if reader.is_json_lines and "columns" not in options and "sample_size" not in options:
            extra = ", sample_size = -1"  # else a value of another type after the sample stops the whole source
        return reader.call([entry.file for entry in inputs[index]], extra)

    def _drop_all(self) -> None:
        drop_work(self.conn)
        for table in ("banso_rejects", "banso_reject_scans"):
            self.conn.execute(f"DROP TABLE IF EXISTS temp.{table}")

    def _rejects(self) -> list[tuple[str, int, str, str]]:
        """(file read, record, its text, what is wrong), each record once."""
        if not self.conn.execute("FROM duckdb_tables() WHERE table_name = 'banso_rejects'").fetchall():
            return []
        return self.conn.execute("""
            SELECT file_path, line, first(csv_line), first(error_message ORDER BY column_idx)
            FROM banso_rejects JOIN banso_reject_scans USING (scan_id, file_id) GROUP BY ALL ORDER BY ALL
        """).fetchall()

    def _rejected(self, lines: Lines, file: str, record: int, text: str, problem: str) -> Refusal:
        path, line = lines.of_record(file, record)
        return Refusal(Reason.STRUCTURE, json.dumps({"text": text}, ensure_ascii=False), path, line, problem)

    def _fault(self, error: duckdb.Error, inputs: Sequence[Sequence[Input]]) -> BansoError:
        """DuckDB's error where it belongs: at a damaged file, or at the place in the SQL with the nearest name it knows."""
        said = _said(error)
        problem = said["exception_message"].split("\nCandidate bindings")[0].split("\nDid you mean")[0].split("\n")[0]
        for entry in (entry for entries in inputs for entry in entries):
            if str(entry.file) in problem:
                return refuse("E603", entry.path, problem=problem.replace(str(entry.file), entry.path))
        near = get_close_matches(said.get("name", ""), filter(None, said.get("candidates", "").split(",")), n=1)
        return refuse("E604", self._place_of(said, self._edited(inputs, with_rows=False)), problem=problem, near=near[0] if near else None)

    def _place_of(self, said: Mapping[str, str], edited: Edited) -> Place:
        if "position" not in said:
            return Place(self.query.file)
        text = f"DESCRIBE {edited.text}".encode()[: int(said["position"])].decode(errors="ignore")  # positions count bytes
        return self.query.place(edited.original(max(len(text) - len("DESCRIBE "), 0)))


def _is_about_data(error: duckdb.Error) -> bool:
    return not isinstance(error, duckdb.BinderException | duckdb.ParserException | duckdb.CatalogException)


def _said(error: duckdb.Error) -> dict[str, str]:
    """What DuckDB says as JSON, after the kind of error."""
    text = str(error)
    try:
        return cast("dict[str, str]", json.loads(text[text.index("{") :]))
    except ValueError:
        return {"exception_message": text}


def _by_file(rejects: Sequence[tuple[str, int, str, str]]) -> dict[str, frozenset[int]]:
    return {file: frozenset(number for other, number, *_ in rejects if other == file) for file in {file for file, *_ in rejects}}


def _located(lines: Lines, refused: RefusedRow) -> Refusal:
    file, line = lines.of_row(refused.row) if refused.row is not None else (None, None)
    return Refusal(refused.reason, refused.content, file, line)


def check_columns(file: str, selected: Sequence[str], query: Query | None = None) -> None:
    """Raises E605 for every column no record has, and E606 for what a record cannot do without."""
    names = [name.lower() for name in selected]
    faults = [_unknown(file, name, query) for name in names if name not in SELECTABLE]
    there = {*names, *(fault.values["near"] for fault in faults)}  # a misspelt column is not missing as well
    faults += [Fault("E606", Place(file), {"column": "|".join(any_of)}) for any_of in REQUIRED if there.isdisjoint(any_of)]
    if faults:
        raise BansoError(faults)


def _unknown(file: str, name: str, query: Query | None) -> Fault:
    offset = query.columns.get(name, -1) if query is not None else -1
    place = query.place(offset) if query is not None and offset >= 0 else Place(file)
    near = get_close_matches(name, SELECTABLE, n=1)
    return Fault("E605", place, {"column": name, "near": near[0] if near else None, "known": SELECTABLE})
