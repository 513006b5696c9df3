"""From the rows a source gave to staged records: checked, named, freed of repeats, with their values normalised.

The rows stand in the temp table `banso_rows`; what comes out is the temp table `staged`. Only distinct field values pass through Python.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
from duckdb import DuckDBPyConnection

from engine.calendar import DAY, Zone
from engine.records.checks import id_of, instant_of, properties_of, reason_of, text_of
from engine.records.intake import Reason, SourceRequest
from engine.records.query import FILE_SHIFT, ROW
from engine.records.readers import quoted
from engine.records.record import COLUMNS, NO_NUMBER, NO_VALUE
from engine.records.values import normalise

SELECTABLE = ("source_id", "account_id", "contact_id", "event", "field", "value", "occurred_at", "known_at", "properties")
CONTENT = ("account_id", "contact_id", "event", "field", "value", "occurred_at", "properties")  # not when we learned of it
TABLES = ("banso_rows", "banso_checked", "banso_named", "banso_first", "banso_values")
WHOLE = {"occurred_at", "known_at", "number"}


@dataclass(frozen=True)
class RefusedRow:
    """A row kept aside; `row` is its place as `query` packs it, if known."""

    reason: Reason
    row: int | None
    content: str


@dataclass(frozen=True)
class Checked:
    read: int
    repeated: int
    refused: tuple[RefusedRow, ...]


def empty_staged(conn: DuckDBPyConnection) -> None:
    columns = ", ".join(f"{name} {'BIGINT' if name in WHOLE else 'VARCHAR'}" for name in (*COLUMNS, "bucket"))
    conn.execute(f"CREATE OR REPLACE TEMP TABLE staged ({columns})")


def drop_work(conn: DuckDBPyConnection) -> None:
    for table in TABLES:
        conn.execute(f"DROP TABLE IF EXISTS temp.{table}")


def stage_rows(conn: DuckDBPyConnection, request: SourceRequest) -> Checked:
    """Turn `banso_rows` into `staged`; columns the source does not select may be missing, `banso_row` may be NULL."""
    types = {str(name).lower(): str(kind) for name, kind, *_ in conn.execute("DESCRIBE banso_rows").fetchall()}
    _check(conn, request, types)
    _name(conn, request.dedupe)
    conflicting, repeated = _drop_repeats(conn)
    _mean(conn, request)
    _write(conn, request)
    read = _count(conn, "SELECT count(*) FROM banso_rows")
    return Checked(read, repeated, _refused(conn, types, conflicting))


def _count(conn: DuckDBPyConnection, sql: str) -> int:
    return int(conn.execute(sql).fetchall()[0][0])  # fetchone would leave the result open and the connection busy


def _check(conn: DuckDBPyConnection, request: SourceRequest, types: Mapping[str, str]) -> None:
    clean = {name: id_of(name, types) for name in ("source_id", "account_id", "contact_id", "event", "field")}
    clean |= {name: instant_of(name, types) for name in ("occurred_at", "known_at")}
    clean |= {"value": text_of("value", types), "properties": properties_of(types), "known_text": id_of("known_at", types)}
    columns = ", ".join(f"{expression} AS {name}" for name, expression in clean.items())
    conn.execute(f"""
        CREATE OR REPLACE TEMP TABLE banso_checked AS
        SELECT * EXCLUDE (known_text), {reason_of(request.prefixes, known_at="known_text")} AS reason
        FROM (SELECT rowid AS n, {ROW}, {columns} FROM banso_rows AS given)
    """)


def _name(conn: DuckDBPyConnection, dedupe: str) -> None:
    """Give every good row its id: the source's own, else the hash of what it says, counted among the equal rows of its file."""
    said = ", ".join(f"coalesce({name}::VARCHAR, chr(30))" for name in CONTENT)
    ordinal = f"row_number() OVER (PARTITION BY source_id IS NULL, body, {ROW} >> {FILE_SHIFT} ORDER BY n)"
    made = "body" if dedupe == "content" else f"body || '#' || {ordinal}"
    nameless = _count(conn, "SELECT count(*) FROM banso_checked WHERE reason IS NULL AND source_id IS NULL")
    given = f"coalesce(source_id, {made})" if nameless else "source_id"
    conn.execute(f"""
        CREATE OR REPLACE TEMP TABLE banso_named AS
        SELECT * EXCLUDE (source_id, reason), {given} AS source_id
        FROM (SELECT *, md5(concat_ws(chr(31), {said})) AS body FROM banso_checked WHERE reason IS NULL)
    """)


def _drop_repeats(conn: DuckDBPyConnection) -> tuple[frozenset[int], int]:
    """Keep the first row of each id; gives the rows that say something else under it, and how many just say it again."""
    conn.execute("""
        CREATE OR REPLACE TEMP TABLE banso_first AS
        SELECT source_id, min(n) AS n, arg_min(body, n) AS body FROM banso_named GROUP BY source_id HAVING count(*) > 1
    """)
    later = conn.execute("""
        SELECT named.n, named.body = first.body FROM banso_named AS named JOIN banso_first AS first USING (source_id)
        WHERE named.n > first.n
    """).fetchall()
    if later:
        conn.execute("""
            DELETE FROM banso_named USING banso_first AS first
            WHERE banso_named.source_id = first.source_id AND banso_named.n > first.n
        """)
    conflicting = frozenset(int(n) for n, same in later if not same)
    return conflicting, len(later) - len(conflicting)


def _mean(conn: DuckDBPyConnection, request: SourceRequest) -> None:
    """Normalise every distinct (field, value, day it was said); only a date asks for the day."""
    dates = [field for field, kind in request.kinds.items() if kind == "date"]
    said_on = f"CASE WHEN field IN ({_listed(dates)}) THEN {_local_day(conn, request.zone)} ELSE 0 END" if dates else "0"
    conn.execute("ALTER TABLE banso_named ADD COLUMN said_on BIGINT")
    conn.execute(f"UPDATE banso_named SET value = coalesce(value, ''), said_on = {said_on} WHERE field IS NOT NULL")
    distinct = conn.execute("SELECT DISTINCT field, value, said_on FROM banso_named WHERE field IS NOT NULL").fetchall()
    meanings = [normalise(request.kinds.get(field, "text"), value, said_on) for field, value, said_on in distinct]
    columns = [[row[index] for row in distinct] for index in range(3)]
    given = pa.table(
        {
            "field": pa.array(columns[0], pa.string()),
            "given": pa.array(columns[1], pa.string()),
            "said_on": pa.array(columns[2], pa.int64()),
            "meant": pa.array([text for text, _ in meanings], pa.string()),
            "number": pa.array([number for _, number in meanings], pa.int64()),
        }
    )
    conn.register("banso_meanings", given)
    conn.execute("CREATE OR REPLACE TEMP TABLE banso_values AS SELECT * FROM banso_meanings")
    conn.unregister("banso_meanings")


def _listed(texts: list[str]) -> str:
    return ", ".join(quoted(text) for text in sorted(texts))


def _local_day(conn: DuckDBPyConnection, zone: Zone) -> str:
    first, last = conn.execute("SELECT min(occurred_at), max(occurred_at) FROM banso_named").fetchall()[0]
    changes = zone.changes_between(first or 0, last or 0)
    steps = " ".join(f"WHEN occurred_at >= {start} THEN {offset}" for start, offset in reversed(changes[1:]))
    offset = f"CASE {steps} ELSE {changes[0][1]} END" if steps else str(changes[0][1])
    return f"(occurred_at + {offset}) // {DAY}"


def _write(conn: DuckDBPyConnection, request: SourceRequest) -> None:
    paths = {event: quoted('$."' + name.replace('"', '\\"') + '"') for event, name in request.item_keys.items()}
    whens = " ".join(f"WHEN {quoted(event)} THEN json_extract_string(properties, {path})" for event, path in sorted(paths.items()))
    derived = {
        "source": quoted(request.name),
        "value": f"CASE WHEN record.field IS NOT NULL THEN coalesce(meant, {quoted(NO_VALUE)}) END",
        "number": f"CASE WHEN record.field IS NOT NULL THEN coalesce(number, {NO_NUMBER}) END",
        "key": f"CASE event {whens} END" if whens else "NULL::VARCHAR",
    }
    columns = ", ".join(f"{derived.get(name, 'record.' + name)} AS {name}" for name in COLUMNS)
    conn.execute(f"""
        CREATE OR REPLACE TEMP TABLE staged AS
        SELECT {columns}, md5(account_id)[1:2] AS bucket
        FROM banso_named AS record
        LEFT JOIN banso_values AS meaning
          ON record.field = meaning.field AND record.value = meaning.given AND record.said_on = meaning.said_on
    """)


def _refused(conn: DuckDBPyConnection, types: Mapping[str, str], conflicting: frozenset[int]) -> tuple[RefusedRow, ...]:
    content = ", ".join(f"{name} := given.{name}" for name in SELECTABLE if name in types)
    conn.register("banso_conflicts", pa.table({"n": pa.array(sorted(conflicting), pa.int64())}))
    rows = conn.execute(f"""
        SELECT coalesce(checked.reason, {quoted(Reason.CONFLICTING_REPEAT)}), checked.{ROW}, to_json(struct_pack({content}))::VARCHAR
        FROM banso_checked AS checked JOIN banso_rows AS given ON given.rowid = checked.n
        WHERE checked.reason IS NOT NULL OR checked.n IN (SELECT n FROM banso_conflicts) ORDER BY checked.n
    """).fetchall()
    conn.unregister("banso_conflicts")
    return tuple(RefusedRow(Reason(reason), row, text) for reason, row, text in rows)
