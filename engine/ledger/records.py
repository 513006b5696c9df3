"""Tail, manifest, loads and quarantine: everything the ledger keeps about records."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, bindparam, case, delete, func, select, update

from engine.ledger.among import among
from engine.ledger.instants import accept_instant, arrival
from engine.ledger.rows import COUNTED, insert, insert_new
from engine.ledger.tables import files, loads, parts, quarantine, tail
from engine.records.lake import Part
from engine.records.record import COLUMNS, Record, bucket_of

BATCH = 500  # ids per statement

# What every wave asks, built once.
_TAIL_SINCE = select(tail).where(tail.c.id > bindparam("arrival"), among(tail.c.account_id, "accounts")).order_by(tail.c.id)
_NEWEST_BULK = select(func.max(parts.c.arrival)).where(parts.c.bulk.is_(True))


@dataclass(frozen=True)
class LoadRow:
    """What one load of a source did."""

    source: str
    loaded_at: int
    covers_until: int
    read: int
    new: int
    repeated: int
    refused: int
    seconds: float


@dataclass(frozen=True)
class Snapshot:
    """Which parts and tail rows hold the records, read in one snapshot."""

    parts: tuple[Part, ...]
    tail: tuple[dict[str, Any], ...]
    arrival: int = 0  # the id of the newest tail row there was


def append_tail(connection: Connection, records: Iterable[Record], now: int) -> int:
    """Accept records; those already there by (source, source_id) stay as they are. Returns how many were new.

    A record that brings no `known_at` (0) gets the instant of acceptance.
    """
    known_at = accept_instant(connection, now)
    return insert_new(connection, tail, [{**_row(record), "known_at": record.known_at or known_at} for record in records])


def _row(record: Record) -> dict[str, Any]:
    return {"bucket": bucket_of(record.account_id), **{name: getattr(record, name) for name in COLUMNS}}


def snapshot(connection: Connection, buckets: Sequence[str] | None = None, accounts: Sequence[str] | None = None) -> Snapshot:
    """Live parts and waiting tail rows, of all buckets or some; with `accounts`, only their tail rows."""
    live, waiting = and_(parts.c.retired_at.is_(None)), and_(tail.c.moved_at.is_(None))
    if buckets is not None:
        live = and_(live, parts.c.bucket.in_(buckets))
        waiting = and_(waiting, tail.c.bucket.in_(buckets))
    if accounts is not None:
        waiting = and_(waiting, tail.c.account_id.in_(accounts))
    found = connection.execute(select(parts).where(live).order_by(parts.c.bucket, parts.c.id)).mappings().all()
    rows = connection.execute(select(tail).where(waiting).order_by(tail.c.id)).mappings().all()
    return Snapshot(tuple(_part(row) for row in found), tuple({str(name): value for name, value in row.items()} for row in rows), arrival(connection))


def live_parts(connection: Connection) -> list[Part]:
    """The manifest."""
    return [_part(row) for row in connection.execute(select(parts).where(parts.c.retired_at.is_(None))).mappings()]


def newest_in_tail(connection: Connection, instant: int) -> dict[str, int]:
    """Each source's newest visible record among the waiting tail rows."""
    visible = and_(tail.c.moved_at.is_(None), tail.c.occurred_at <= instant, tail.c.known_at <= instant)
    rows = connection.execute(select(tail.c.source, func.max(tail.c.occurred_at)).where(visible).group_by(tail.c.source))
    return dict(rows.all())


def _part(row: RowMapping) -> Part:
    names = ("bucket", "path", "kind", "rows", "since", "until", "known_until", "tied", "derived")
    spans = {name: (first, last) for name, (first, last) in json.loads(row["fields"]).items()}
    return Part(**{name: row[name] for name in names}, fields=spans, newest=json.loads(row["newest"]))


def add_parts(connection: Connection, new: Iterable[Part], *, arrival: int, bulk: bool) -> None:
    """Let new files count."""
    rows = [{**asdict(part), "newest": json.dumps(part.newest), "fields": json.dumps(part.fields), "arrival": arrival, "bulk": bulk} for part in new]
    if rows:
        connection.execute(insert(connection, parts), rows)


def retire_parts(connection: Connection, paths: Sequence[str], now: int) -> None:
    """Files that no longer count; they are deleted later, when no reader can still hold them."""
    connection.execute(update(parts).where(parts.c.path.in_(paths)).values(retired_at=now))


def provenance(connection: Connection, paths: Sequence[str]) -> tuple[int, bool]:
    """What a part merged from these inherits: the newest arrival, and whether records came past the tail."""
    kept = connection.execute(select(func.max(parts.c.arrival), func.max(case((parts.c.bulk, 1), else_=0))).where(parts.c.path.in_(paths))).one()
    return int(kept[0]), bool(kept[1])


def forget_retired(connection: Connection, before: int) -> list[str]:
    """Take long retired files out of the manifest; returns their paths for deletion."""
    gone = and_(parts.c.retired_at.is_not(None), parts.c.retired_at < before)
    paths = list(connection.scalars(select(parts.c.path).where(gone)))
    connection.execute(delete(parts).where(gone))
    return paths


def mark_moved(connection: Connection, ids: Sequence[int], now: int) -> None:
    for start in range(0, len(ids), BATCH):
        connection.execute(update(tail).where(tail.c.id.in_(ids[start : start + BATCH])).values(moved_at=now))


def forget_moved(connection: Connection, before: int) -> None:
    """Moved tail rows are kept for re-checks of touches decided earlier; older ones go."""
    connection.execute(delete(tail).where(tail.c.moved_at < before))


def tail_since(connection: Connection, runs: Collection[tuple[str, int]]) -> dict[tuple[str, int], list[Record]]:
    """(account, arrival of a run) → the account's records that arrived after the run, moved or not."""
    found: dict[tuple[str, int], list[Record]] = {run: [] for run in runs}
    arrivals = [arrival for _, arrival in runs]
    accounts = sorted({account for account, _ in runs})
    for row in connection.execute(_TAIL_SINCE, {"arrival": min(arrivals, default=0), "accounts": accounts}).mappings():
        record = Record(**{name: row[name] for name in COLUMNS})
        for since in set(arrivals):
            if (record.account_id, since) in found and row["id"] > since:
                found[record.account_id, since].append(record)
    return found


def newest_bulk(connection: Connection) -> int:
    """The arrival of the newest records that came into the lake without passing through the tail; 0 if none did."""
    return connection.scalar(_NEWEST_BULK) or 0


def add_marker(connection: Connection, source: str, at: int, properties: str) -> int:
    """`banso.source_loaded` as a record of no account, so that the arrival moves on with every load; returns its arrival."""
    values = {
        "source": "banso",
        "source_id": f"loaded:{source}:{at}:{arrival(connection)}",
        "account_id": "",
        "event": "banso.source_loaded",
        "properties": properties,
    }
    row = {**values, "bucket": "", "occurred_at": at, "known_at": at, "moved_at": at}
    connection.execute(insert(connection, tail).values(**row).on_conflict_do_nothing())
    return arrival(connection)


def add_load(connection: Connection, row: LoadRow) -> None:
    connection.execute(insert(connection, loads).values(**asdict(row)))


def was_loaded(connection: Connection, source: str) -> bool:
    return connection.scalar(select(func.count()).select_from(loads).where(loads.c.source == source)) != 0


def coverage(connection: Connection, instant: int) -> dict[str, int]:
    """Until when each source's loads, as known at the instant, cover."""
    seen = select(loads.c.source, func.max(loads.c.covers_until)).where(loads.c.loaded_at <= instant).group_by(loads.c.source)
    return dict(connection.execute(seen).all())


def last_loads(connection: Connection) -> list[LoadRow]:
    """The newest load of each source."""
    newest = select(func.max(loads.c.id)).group_by(loads.c.source)
    rows = connection.execute(select(loads).where(loads.c.id.in_(newest)).order_by(loads.c.source)).mappings()
    return [LoadRow(**{name: row[name] for name in LoadRow.__dataclass_fields__}) for row in rows]


def known_files(connection: Connection, source: str) -> dict[str, str]:
    """Path → sha256 of the source's files as last loaded."""
    return dict(connection.execute(select(files.c.path, files.c.sha256).where(files.c.source == source)).all())


def remember_files(connection: Connection, source: str, states: Iterable[tuple[str, int, str]]) -> None:
    """(path, size, sha256) of files that were read as a whole."""
    for path, size, digest in states:
        statement = insert(connection, files).values(source=source, path=path, size=size, sha256=digest)
        statement = statement.on_conflict_do_update(index_elements=["source", "path"], set_={"size": size, "sha256": digest})
        connection.execute(statement)


def add_quarantine(connection: Connection, source: str, rows: Iterable[Mapping[str, Any]], now: int) -> int:
    """Keep refused rows (file, line, reason, body), each once however often it comes. Returns how many are new."""
    added = 0
    for row in rows:
        digest = sha256(str(row["body"]).encode()).hexdigest()
        values = {"source": source, **row, "body_hash": digest, "refused_at": now}
        added += connection.execute(insert(connection, quarantine).values(**values).on_conflict_do_nothing(), execution_options=COUNTED).rowcount
    return added


def count_quarantine(connection: Connection) -> dict[str, int]:
    """Refused rows by source."""
    counted = select(quarantine.c.source, func.count()).group_by(quarantine.c.source)
    return dict(connection.execute(counted).all())


@dataclass(frozen=True)
class Refusal:
    """A row that was kept aside: where it came from, why, and what it said."""

    source: str
    file: str | None
    line: int | None
    reason: str
    refused_at: int
    body: str


def refusals(connection: Connection, source: str | None, limit: int) -> list[Refusal]:
    """What was kept aside, of a source or of all, the newest first."""
    wanted = select(*(quarantine.c[name] for name in ("source", "file", "line", "reason", "refused_at", "body")))
    here = wanted if source is None else wanted.where(quarantine.c.source == source)
    return [Refusal(**row) for row in connection.execute(here.order_by(quarantine.c.id.desc()).limit(limit)).mappings()]


def refused_lately(connection: Connection, source: str, since: int) -> dict[str, int]:
    """What was kept aside of a source since then, by reason."""
    counted = select(quarantine.c.reason, func.count()).where(quarantine.c.source == source, quarantine.c.refused_at >= since)
    return dict(connection.execute(counted.group_by(quarantine.c.reason)).all())


def trim_quarantine(connection: Connection, source: str, most: int) -> None:
    """Keep the newest of a source that anybody may write to, so that nobody fills the store."""
    last = select(quarantine.c.id).where(quarantine.c.source == source).order_by(quarantine.c.id.desc()).offset(most).limit(1).scalar_subquery()
    connection.execute(delete(quarantine).where(quarantine.c.source == source, quarantine.c.id <= last))
