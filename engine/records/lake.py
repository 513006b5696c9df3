"""The lake: all records in Parquet files, in 256 buckets by hash of the account, each sorted by (account, time).

Which files count is said by the manifest alone (`Part` rows in the ledger); a reader never looks into the folders.
"""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import duckdb
import pyarrow as pa

from engine.errors import BansoError, refuse
from engine.records.record import COLUMNS, Record, bucket_of

ROW_GROUP = 8_192  # about one row group is read for one account
DELTAS_MAX = 8  # beyond, a bucket's files are merged into one
ORDER = "account_id, occurred_at, source, source_id"

SCHEMA = pa.schema(
    [pa.field(name, pa.int64() if name in {"occurred_at", "known_at", "number"} else pa.string()) for name in COLUMNS],
)


@dataclass(frozen=True)
class Part:
    """One Parquet file and what a reader may know of it without opening it."""

    bucket: str
    path: str  # below the lake's folder
    kind: Literal["base", "delta"]
    rows: int
    since: int
    until: int
    known_until: int
    tied: bool  # two values of one field of one account at the same instant
    derived: str  # under which declarations `number` and `key` were derived
    fields: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # field -> its first and last occurred_at
    newest: Mapping[str, int] = field(default_factory=dict)  # source -> its newest occurred_at


@dataclass(frozen=True)
class DuckSettings:
    """Bounds of one process's DuckDB."""

    threads: int = 2
    memory: str = "1500MB"
    scratch: Path | None = None


def connect(settings: DuckSettings) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB whose session is in UTC and which spills into the scratch folder."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")  # it would draw into whatever is printed
    connection.execute(f"SET threads = {settings.threads}")
    connection.execute(f"SET memory_limit = '{settings.memory}'")
    connection.execute("SET preserve_insertion_order = true")
    if settings.scratch is not None:
        settings.scratch.mkdir(parents=True, exist_ok=True)
        connection.execute(f"SET temp_directory = {quoted(str(settings.scratch))}")
    return connection


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def write_parts(
    connection: duckdb.DuckDBPyConnection, relation: str, lake: Path, name: str, derived: str, existing: frozenset[str]
) -> Iterator[Part]:
    """Write a relation (COLUMNS and `bucket`) as one new file a bucket; yields each part as it is done.

    `name` makes the files unique; buckets in `existing` get a delta, the others their base. The files count only once the ledger says so.
    """
    columns = ", ".join(COLUMNS)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE writing AS SELECT bucket, {columns} FROM {relation} ORDER BY bucket, {ORDER}")
    statistics = _statistics(connection, "writing")
    for bucket, known in statistics.items():
        kind: Literal["base", "delta"] = "delta" if bucket in existing else "base"
        path = f"{bucket}/{kind}-{name}.parquet"
        (lake / bucket).mkdir(parents=True, exist_ok=True)
        rows = f"SELECT {columns} FROM writing WHERE bucket = {quoted(bucket)} ORDER BY {ORDER}"
        target = quoted(str(lake / path))
        connection.execute(f"COPY ({rows}) TO {target} (FORMAT parquet, ROW_GROUP_SIZE {ROW_GROUP}, COMPRESSION zstd)")
        _make_durable(lake / path)
        yield Part(bucket=bucket, path=path, kind=kind, derived=derived, **known)
    connection.execute("DROP TABLE writing")


def _make_durable(path: Path) -> None:
    """The manifest must never name a file that a power cut can still take away."""
    for each in (path, path.parent):
        handle = os.open(each, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _statistics(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, dict[str, Any]]:
    """What `Part` keeps of each bucket, in order of bucket."""
    found = connection.execute(f"""
        SELECT bucket, count(*), min(occurred_at), max(occurred_at), max(known_at)
        FROM {relation} GROUP BY bucket ORDER BY bucket""").fetchall()
    ties = connection.execute(f"""
        SELECT DISTINCT bucket FROM (SELECT bucket FROM {relation} WHERE field IS NOT NULL
        GROUP BY bucket, account_id, field, occurred_at HAVING count(*) > 1)""").fetchall()
    newest: dict[str, dict[str, int]] = {}
    for bucket, source, at in connection.execute(f"SELECT bucket, source, max(occurred_at) FROM {relation} GROUP BY ALL").fetchall():
        newest.setdefault(bucket, {})[source] = at
    tied, spans = {bucket for (bucket,) in ties}, _spans(connection, relation)
    names = ("rows", "since", "until", "known_until")
    return {
        bucket: {**dict(zip(names, values, strict=True)), "tied": bucket in tied, "newest": newest[bucket], "fields": spans.get(bucket, {})}
        for bucket, *values in found
    }


def _spans(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, dict[str, tuple[int, int]]]:
    """For each bucket and field the first and last instant of a value."""
    spans: dict[str, dict[str, tuple[int, int]]] = {}
    values = f"SELECT bucket, field, min(occurred_at), max(occurred_at) FROM {relation} WHERE field IS NOT NULL GROUP BY ALL"
    for bucket, name, first, last in connection.execute(values).fetchall():
        spans.setdefault(bucket, {})[name] = (first, last)
    return spans


def tail_table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Tail rows as an Arrow table in the lake's columns."""
    return pa.Table.from_pylist([{name: row[name] for name in COLUMNS} for row in rows], schema=SCHEMA)


@dataclass(frozen=True)
class Attached:
    """Where the records of a connection lie: files, waiting tail rows, and a table of rows that were read anew."""

    lake: Path
    parts: Sequence[Part]
    has_tail: bool
    table: str | None

    def relation(self, accounts: Collection[str] | None = None) -> str:
        """SQL for the records of all accounts; or for a part of the lake in which those of some certainly lie, which is far less to read."""
        buckets = None if accounts is None else {bucket_of(account) for account in accounts}
        wanted = [part for part in self.parts if buckets is None or part.bucket in buckets]
        columns = ", ".join(f'"{name}"' for name in COLUMNS)
        files = ", ".join(quoted(str(self.lake / part.path)) for part in wanted)
        branches = [f"read_parquet([{files}])"] if wanted else []
        branches += ["tail_rows"] if self.has_tail or not (wanted or self.table) else []
        branches += [self.table] if self.table is not None else []
        return " UNION ALL ".join(f"SELECT {columns} FROM {each}" for each in branches)


def attach(connection: duckdb.DuckDBPyConnection, lake: Path, parts: Sequence[Part], tail: pa.Table | None, table: str | None = None) -> Attached:
    """Make the view `records` over exactly these parts, tail rows and rows of a temp table."""
    connection.register("tail_rows", SCHEMA.empty_table() if tail is None else tail)
    attached = Attached(lake, parts, tail is not None and tail.num_rows > 0, table)
    connection.execute(f"CREATE OR REPLACE TEMP VIEW records AS {attached.relation()}")
    return attached


def damage(connection: duckdb.DuckDBPyConnection, lake: Path, parts: Sequence[Part]) -> BansoError | None:
    """E623 for the first file of the manifest that is missing or broken: no answer is given from half of the records. None if all can be read."""
    for part in parts:
        try:
            connection.execute(f"SELECT 1 FROM read_parquet([{quoted(str(lake / part.path))}]) LIMIT 0")
        except duckdb.Error as error:
            return refuse("E623", str(lake / part.path), problem=str(error).splitlines()[0])
    return None


def read_part(connection: duckdb.DuckDBPyConnection, lake: Path, part: Part, accounts: Sequence[str] | None, into: str) -> None:
    """Copy a part's rows, of all accounts or some, into a temp table where they may be changed."""
    columns = ", ".join(f'"{name}"' for name in COLUMNS)
    where = "" if accounts is None else f"WHERE account_id IN ({', '.join(quoted(account) for account in accounts)})"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {into} AS SELECT {columns} FROM read_parquet([{quoted(str(lake / part.path))}]) {where}")


def may_tie(parts: Sequence[Part], tail: pa.Table | None) -> bool:
    """Whether two values of a field may share an instant. Where nobody can tell without reading, the answer is yes."""
    if any(part.tied for part in parts):
        return True
    spans: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for part in parts:
        for name, span in part.fields.items():
            spans.setdefault((part.bucket, name), []).append(span)
    for account, name, at in _field_rows(tail):
        spans.setdefault((bucket_of(account), name), []).append((at, at))
    return any(_overlap(sorted(each)) for each in spans.values())


def _field_rows(tail: pa.Table | None) -> Iterator[tuple[str, str, int]]:
    """Account, field and instant of the tail's field records."""
    if tail is not None:
        columns = (tail.column(name).to_pylist() for name in ("account_id", "field", "occurred_at"))
        yield from ((account, name, at) for account, name, at in zip(*columns, strict=True) if name is not None)


def _overlap(spans: Sequence[tuple[int, int]]) -> bool:
    return any(later[0] <= earlier[1] for earlier, later in pairwise(spans))


def newest_by_source(parts: Iterable[Part], instant: int) -> dict[str, int] | None:
    """Each source's newest record at `instant`, if the manifest alone can tell: that is, if every part is visible as a whole."""
    newest: dict[str, int] = {}
    for part in parts:
        if part.until > instant or part.known_until > instant:
            return None
        for source, at in part.newest.items():
            newest[source] = max(at, newest.get(source, at))
    return newest


def read_accounts(connection: duckdb.DuckDBPyConnection, accounts: Sequence[str], relation: str = "FROM records") -> dict[str, list[Record]]:
    """The records of some accounts from the attached view, or from a relation that is less to read."""
    columns = ", ".join(f'"{name}"' for name in COLUMNS)
    found: dict[str, list[Record]] = {account: [] for account in accounts}
    if len(accounts) == 1:
        rows = connection.execute(f"SELECT {columns} FROM ({relation}) WHERE account_id = ?", [accounts[0]])
    else:
        connection.register("wanted_accounts", pa.table({"account_id": pa.array(accounts, pa.string())}))
        rows = connection.execute(f"SELECT {columns} FROM ({relation}) WHERE account_id IN (SELECT account_id FROM wanted_accounts)")
    while batch := rows.fetchmany(10_000):
        for values in batch:
            record = Record(*values)
            found[record.account_id].append(record)
    return found
