"""A source's SELECT as text with edits: what it reads, and how it is written so that DuckDB reads the right files.

The text is edited in place, never generated anew: what data people wrote is what runs, and DuckDB's positions lead back to it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from glob import has_magic

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from engine.errors import BansoError, Place, refuse
from engine.records.readers import Reader, SqlText, place_in

ROW = "banso_row"
FILE_SHIFT, READER_SHIFT = 40, 56  # a row's place in one number: reader, file of that reader, row counted over the reader's files


@dataclass(frozen=True)
class Query:
    """The SELECT taken apart.

    `rows_from` are the readers each row comes from, with the offset at which a column may be added to their SELECT; empty where rows
    cannot be followed to their line.
    """

    sql: str
    file: str
    readers: tuple[Reader, ...]
    rows_from: Mapping[int, int]
    columns: Mapping[str, int]
    reads_row_by_row: bool

    @property
    def takes_changed_files_only(self) -> bool:
        """One glob, row by row: what the other files say cannot change these rows."""
        patterns = [pattern for reader in self.readers for pattern, _ in reader.patterns]
        return self.reads_row_by_row and len(patterns) == 1 and has_magic(patterns[0])

    def place(self, offset: int) -> Place:
        return place_in(self.sql, self.file, offset)


@dataclass(frozen=True)
class Edited:
    """An edited SQL text; `edits` are (start, end, new text) in the original, in order."""

    sql: str
    edits: tuple[tuple[int, int, str], ...]

    @property
    def text(self) -> str:
        parts, done = [], 0
        for start, end, new in self.edits:
            parts += [self.sql[done:start], new]
            done = end
        return "".join([*parts, self.sql[done:]])

    def original(self, offset: int) -> int:
        """The offset in the original for one in the edited text; inside an edit, where the edit begins."""
        grown = 0
        for start, end, new in self.edits:
            if offset < start + grown:
                break
            if offset < start + grown + len(new):
                return start
            grown += len(new) - (end - start)
        return offset - grown


def read_query(sql: str, file: str) -> Query:
    """Take a SELECT apart. Raises E604 if it is not one SELECT or names files other than by literals."""
    try:
        statements = [statement for statement in sqlglot.parse(sql, dialect="duckdb") if statement is not None]
        tokens = sqlglot.tokenize(sql, dialect="duckdb")
    except SqlglotError as error:
        raise _not_parsed(error, file) from error
    if len(statements) != 1 or not isinstance(root := statements[0], exp.Query):
        raise refuse("E604", file, problem="a source is one SELECT", near=None)
    ctes = {cte.alias for cte in root.find_all(exp.CTE)}
    text = SqlText(sql, file, tokens)
    nodes = [reader for node in root.walk() if (reader := text.reader(node, ctes)) is not None]
    found = sorted(nodes, key=lambda pair: pair[1].start)
    rows_from = _rows_from(root, found, text)
    columns = {item.output_name.lower(): _start(item) for item in root.selects}
    plain = isinstance(root, exp.Select) and bool(rows_from) and not root.args.get("joins") and not root.find(exp.Window)
    return Query(sql, file, tuple(reader for _, reader in found), rows_from, columns, plain)


def _not_parsed(error: SqlglotError, file: str) -> BansoError:
    details = error.errors if isinstance(error, ParseError) else []
    detail = details[0] if details else {}
    place = Place(file, detail.get("line") or 0, detail.get("col") or 0)
    return refuse("E604", place, problem=detail.get("description") or str(error), near=None)


def _start(node: exp.Expr) -> int:
    """Where an output column gets its name: at its alias, else at its own identifier."""
    named = node.args.get("alias") or node.find(exp.Identifier)
    return int(named.meta.get("start", -1)) if isinstance(named, exp.Expr) else -1


def _rows_from(root: exp.Query, found: Sequence[tuple[exp.Expr, Reader]], text: SqlText) -> dict[int, int]:
    """Reader → where to add a column, if every row of the query comes from one row of a reader."""
    tables = {id(node): index for index, (node, _) in enumerate(found)}
    rows: dict[int, int] = {}
    for select in _branches(root):
        table = _first_table(select)
        index = tables.get(id(table))
        spot = None if index is None else text.end_of_list(found[index][1].start)
        if select is None or index is None or spot is None or not _keeps_rows(select):
            return {}
        rows[index] = spot
    return rows


def _branches(query: exp.Expr) -> Iterator[exp.Select | None]:
    """The SELECTs of a UNION ALL; None for one that loses sight of rows."""
    if isinstance(query, exp.Union) and not query.args.get("distinct"):
        yield from _branches(query.left)
        yield from _branches(query.right)
    else:
        yield query if isinstance(query, exp.Select) else None


def _first_table(select: exp.Select | None) -> exp.Expr | None:
    origin = select.args.get("from_") if select is not None else None
    table = origin.this if isinstance(origin, exp.From) else None
    if not isinstance(table, exp.Table) or table.args.get("db"):
        return None
    return table.this if isinstance(table.this, exp.Func) else table


def _keeps_rows(select: exp.Select) -> bool:
    grouped = any(select.args.get(part) for part in ("group", "distinct", "having"))
    return not grouped and not any(item.find(exp.AggFunc) for item in select.expressions)


def edit(query: Query, call: Callable[[int], str], *, with_rows: bool) -> Edited:
    """The query with every reader written as `call` says; with rows, each row carries its place as the column `banso_row`."""
    edits: list[tuple[int, int, str]] = []
    for index, reader in enumerate(query.readers):
        name = f' AS "{reader.alias}"' if reader.alias else ""
        spot = query.rows_from.get(index) if with_rows else None
        if spot is None:
            edits.append((reader.start, reader.end, call(index) + (name if reader.function != reader.alias else "")))
            continue
        comma = "" if query.sql[:spot].rstrip().endswith(",") else ", "
        edits.append((spot, spot, f"{comma}{ROW} "))
        place = f"({index << READER_SHIFT} + (file_index::BIGINT << {FILE_SHIFT}) + row_number() OVER ()) AS {ROW}"
        edits.append((reader.start, reader.end, f"(SELECT *, {place} FROM {call(index)}){name}"))
    return Edited(query.sql, tuple(edits))
