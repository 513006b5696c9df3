"""Runs the SELECT of a source in a database and stages its rows like those of files. The only stage that knows SQLAlchemy."""

import json
import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pyarrow as pa
from duckdb import DuckDBPyConnection
from sqlalchemy import CursorResult, create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from engine.calendar import EARLIEST, moment_of
from engine.errors import refuse
from engine.records.intake import Refusal, SourceRequest, Staged
from engine.records.query import ROW
from engine.records.source import check_columns
from engine.records.staging import drop_work, empty_staged, stage_rows

BATCH_ROWS = 50_000
OTHER_COLONS = re.compile(r":(?!since\b)")  # a time in a literal is no parameter


def stage_database(conn: DuckDBPyConnection, request: SourceRequest, url: str, since: int | None) -> Staged:
    """Stage what the SELECT gives; `since` (microseconds UTC, None on the first load) is bound to `:since` if the SQL names it.

    Raises BansoError: E605 and E606 for the columns, E608 if the database cannot be reached or refuses the SQL.
    """
    empty_staged(conn)
    drop_work(conn)
    try:
        _fetch(conn, request, url, since)
    except (SQLAlchemyError, ModuleNotFoundError) as error:  # no driver for the URL is a missing module
        problem = str(getattr(error, "orig", None) or error).split("\n")[0]
        raise refuse("E608", request.sql_file, problem=problem) from error
    checked = stage_rows(conn, request)
    drop_work(conn)
    refusals = tuple(Refusal(row.reason, row.content) for row in checked.refused)
    return Staged(read=checked.read, repeated=checked.repeated, refusals=refusals)


def _fetch(conn: DuckDBPyConnection, request: SourceRequest, url: str, since: int | None) -> None:
    statement = text(OTHER_COLONS.sub(r"\\:", request.sql))
    parameters = {"since": since_text(since)} if "since" in statement.compile().params else {}
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as database:
        result = database.execution_options(stream_results=True, yield_per=BATCH_ROWS).execute(statement, parameters)
        names = [name.lower() for name in result.keys()]  # noqa: SIM118  a result is no dict
        check_columns(request.sql_file, names)
        columns = ", ".join(f'"{name}" VARCHAR' for name in names)
        conn.execute(f"CREATE OR REPLACE TEMP TABLE banso_rows ({columns}, {ROW} BIGINT)")
        for batch in _batches(result, names):
            conn.register("banso_batch", batch)
            conn.execute("INSERT INTO banso_rows SELECT *, NULL FROM banso_batch")
            conn.unregister("banso_batch")


def since_text(since: int | None) -> str:
    """An instant as databases read it, and as it sorts before any other spelling of the same day: a space, not a T."""
    moment = moment_of(EARLIEST if since is None else since, ZoneInfo("UTC"))
    return moment.isoformat(sep=" ", timespec="microseconds")


def _batches(result: CursorResult[tuple[object, ...]], names: Sequence[str]) -> Iterator[pa.Table]:
    for rows in result.partitions():
        columns = zip(*rows, strict=True)
        yield pa.table({name: pa.array(_texts(column), pa.string()) for name, column in zip(names, columns, strict=True)})


def _texts(column: Sequence[object]) -> Sequence[str | None]:
    return [value if isinstance(value, str) else _text(value) for value in column]


def _text(value: object) -> str | None:
    match value:
        case None:
            return None
        case datetime() | date():
            return value.isoformat()
        case bool() | dict() | list():
            return json.dumps(value, ensure_ascii=False, default=str)
        case Decimal():
            return format(value, "f")
        case bytes() | memoryview():
            return bytes(value).decode(errors="backslashreplace")
        case _:
            return str(value)
