"""load: a source's rows → staged → what is new → tail or lake, in one accepting transaction. A repeat changes nothing."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from engine.calendar import Zone
from engine.clock import monotonic_seconds
from engine.errors import refuse
from engine.ledger import instants
from engine.ledger import records as ledger_records
from engine.ledger.open import Connection
from engine.ledger.records import LoadRow
from engine.pipeline.derived import derived_hash
from engine.pipeline.holding import Held, hold_lease
from engine.pipeline.room import must_have_room
from engine.pipeline.system import System
from engine.records.database import stage_database
from engine.records.intake import SourceRequest, Staged
from engine.records.lake import Part, attach, tail_table, write_parts
from engine.records.record import COLUMNS, Record
from engine.records.source import stage_files
from engine.records.values import TYPES, normalise
from engine.workspace.model import Workspace, microseconds_of

BULK_TRIES = 5  # how often a night may come between before a bulk load gives up
BULK_ROWS = 50_000  # more rows go straight into the lake; fewer through the tail, where the re-check before a send finds them fast
BODY = ("account_id", "contact_id", "event", "field", "value", "occurred_at", "properties")  # what makes two records of one id the same

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Loaded:
    """The summary of one source's load. `unfinished` lists files whose last line was not ended, with its line number."""

    source: str
    read: int
    new: int
    repeated: int
    refused: int
    unchanged: bool
    unfinished: tuple[tuple[str, int], ...]
    seconds: float


@dataclass(frozen=True)
class Origin:
    """Where to load from: a folder of files, or a database."""

    data: Path | None
    urls: Mapping[str, str]


def load(system: System, sources: list[str], origin: Origin, progress: Progress) -> list[Loaded]:
    """Load the named sources, or all that have a query, one after another."""
    workspace = system.workspace
    names = sources or list(workspace.queries)
    for name in names:
        if name not in workspace.queries:
            raise refuse("E609", f"rules/sources/{name}.sql", name=name, known=tuple(workspace.queries))
    must_have_room(system)
    with hold_lease(system, "lake") as held:
        done = []
        for index, name in enumerate(names):
            progress(name, index, len(names))
            done.append(_load_source(system, workspace, name, origin, held))
        progress("", len(names), len(names))
    return done


def _load_source(system: System, workspace: Workspace, name: str, origin: Origin, held: Held) -> Loaded:
    started = monotonic_seconds()
    scratch = system.scratch / f"{held.owner}-{name}"
    scratch.mkdir(parents=True)
    request = _request(workspace, name, scratch)
    with system.ledger.read() as connection:
        first, known = not ledger_records.was_loaded(connection, name), ledger_records.known_files(connection, name)
        known = known if known.get(request.sql_file) == sql_state(request)[2] else {}
        covered = ledger_records.coverage(connection, system.clock.now()).get(name)
    with system.duckdb() as duck:
        if url := origin.urls.get(name):
            since = None if covered is None else covered - (microseconds_of(workspace.settings.sources[name].overlap) or 0)
            staged = stage_database(duck, request, url, since)
        elif origin.data is not None:
            staged = stage_files(duck, request, origin.data, known)
        else:
            raise refuse("E601", "--data", hint="--data DIR")
        fresh = _Fresh.of(system, workspace, duck, staged)
        new = _Acceptance(system, workspace, duck, held, request, staged, fresh, first=first, started=started).accept()
    shutil.rmtree(scratch, ignore_errors=True)
    return Loaded(
        source=name,
        read=staged.read,
        new=new,
        repeated=staged.repeated + fresh.repeated,
        refused=len(staged.refusals) + len(fresh.conflicts),
        unchanged=staged.unchanged,
        unfinished=tuple((each.file, each.line) for each in staged.unfinished),
        seconds=monotonic_seconds() - started,
    )


def _request(workspace: Workspace, name: str, scratch: Path) -> SourceRequest:
    source, query = workspace.settings.sources[name], workspace.queries[name]
    return SourceRequest(
        name=name,
        sql=query.sql,
        sql_file=str(query.file.relative_to(workspace.root)),
        prefixes=frozenset(source.events),
        kinds=workspace.field_kinds(),
        item_keys=workspace.item_keys,
        zone=workspace.zone,
        dedupe=source.dedupe,
        scratch=scratch,
    )


@dataclass(frozen=True)
class _Fresh:
    """What of the staged rows is not yet in lake or tail: the temp table `fresh`."""

    rows: int
    repeated: int
    conflicts: tuple[dict[str, str | None], ...]

    @classmethod
    def of(cls, system: System, workspace: Workspace, duck: duckdb.DuckDBPyConnection, staged: Staged) -> "_Fresh":
        """Hold staged rows against everything known under the same (source, source_id)."""
        if staged.unchanged or staged.read == 0:
            return cls(0, 0, ())
        with system.ledger.read() as connection:
            found = ledger_records.snapshot(connection)
        attach(duck, system.lake, found.parts, tail_table(found.tail))
        same = " AND ".join(f"s.{name} IS NOT DISTINCT FROM r.{name}" for name in BODY if name != "value")
        duck.execute(f"""
            CREATE OR REPLACE TEMP TABLE compared AS
            SELECT s.*, r.source_id IS NOT NULL AS there, r.value AS known, ({same}) AS like_but_value, like_but_value AND s.value IS NOT DISTINCT FROM r.value AS alike
            FROM staged s LEFT JOIN (SELECT source_id, {", ".join(BODY)} FROM records WHERE source = (SELECT any_value(source) FROM staged)) r
            ON s.source_id = r.source_id""")
        _read_alike(duck, workspace.zone)
        duck.execute("CREATE OR REPLACE TEMP TABLE fresh AS SELECT * EXCLUDE (there, known, like_but_value, alike) FROM compared WHERE NOT there")
        repeated = _count(duck, "compared WHERE there AND alike")
        other = duck.execute(f"SELECT source_id, {', '.join(BODY)} FROM compared WHERE there AND NOT alike").fetchall()
        conflicts = tuple(
            {
                "file": None,
                "line": None,
                "reason": "conflicting_repeat",
                "body": json.dumps(dict(zip(("source_id", *BODY), row, strict=True)), ensure_ascii=False),
            }
            for row in other
        )
        return cls(_count(duck, "fresh"), repeated, conflicts)


def _read_alike(duck: duckdb.DuckDBPyConnection, zone: Zone) -> None:
    """Mark as alike what differs only because its field was declared to be of another type when it came first."""
    other = duck.execute("SELECT rowid, value, known, occurred_at FROM compared WHERE like_but_value AND NOT alike").fetchall()
    alike = [row for row, value, known, at in other if may_mean(value, known, at, zone=zone)]
    duck.register("read_alike", pa.table({"row": pa.array(alike, pa.int64())}))
    duck.execute("UPDATE compared SET alike = true FROM read_alike WHERE compared.rowid = read_alike.row")
    duck.unregister("read_alike")


def may_mean(value: str | None, known: str | None, occurred_at: int, *, zone: Zone) -> bool:
    """Whether two texts are one value read by different declarations: the canonical text depends on the type that was declared then."""
    if value is None or known is None:
        return value is known
    day = zone.day(occurred_at)
    return any(normalise(kind, one, day)[0] == other for kind in TYPES for one, other in ((value, known), (known, value)))


def _count(duck: duckdb.DuckDBPyConnection, relation: str) -> int:
    row = duck.execute(f"SELECT count(*) FROM {relation}").fetchone()
    return int(row[0]) if row else 0


@dataclass(frozen=True)
class _Acceptance:
    """Writing what is new and what was refused, in one transaction; files of the lake are written before it."""

    system: System
    workspace: Workspace
    duck: duckdb.DuckDBPyConnection
    held: Held
    request: SourceRequest
    staged: Staged
    fresh: _Fresh
    first: bool
    started: float

    def accept(self) -> int:
        """Returns how many records were new."""
        return self._into_lake() if self.fresh.rows > BULK_ROWS else self._into_tail()

    def _into_tail(self) -> int:
        now = self.system.clock.now()
        rows: list[tuple[Any, ...]] = []
        if self.fresh.rows:
            stamp = "occurred_at" if self.first else "0"  # 0: the instant of acceptance
            columns = ", ".join(f"coalesce(known_at, {stamp})" if name == "known_at" else name for name in COLUMNS)
            rows = self.duck.execute(f"SELECT {columns} FROM fresh").fetchall()
        with self.system.ledger.write() as connection:
            self._finish(connection, now, instants.accept_instant(connection, now))
            return ledger_records.append_tail(connection, (Record(*row) for row in rows), now)

    def _into_lake(self) -> int:
        """If a run was fixed while the files were written, their `known_at` would lie before it: write them again, later."""
        now = self.system.clock.now()
        for attempt in range(BULK_TRIES):
            parts = self._write_files(now, attempt)
            with self.system.ledger.write() as connection:
                at = instants.accept_instant(connection, now)
                if self.first or at == now:
                    ledger_records.add_parts(connection, parts, arrival=self._finish(connection, now, at), bulk=True)
                    return self.fresh.rows
            for part in parts:
                (self.system.lake / part.path).unlink()
            now = at
        raise refuse("E621", self.request.name, holder="nightly")

    def _write_files(self, now: int, attempt: int) -> list[Part]:
        stamp = "occurred_at" if self.first else str(now)
        self.duck.execute(f"CREATE OR REPLACE TEMP TABLE stamped AS SELECT * REPLACE (coalesce(known_at, {stamp}) AS known_at) FROM fresh")
        with self.system.ledger.read() as connection:
            existing = frozenset(part.bucket for part in ledger_records.live_parts(connection))
        name = f"{self.request.name}-{self.held.owner}-{attempt}"
        return list(write_parts(self.duck, "stamped", self.system.lake, name, derived_hash(self.workspace), existing))

    def _finish(self, connection: Connection, now: int, at: int) -> int:
        """Quarantine, file states, and the load itself: also an empty one says until when the source covers. Returns the arrival."""
        self.held.still(connection)
        name, staged, fresh = self.request.name, self.staged, self.fresh
        refusals = [{"file": each.file, "line": each.line, "reason": str(each.reason), "body": each.content} for each in staged.refusals]
        ledger_records.add_quarantine(connection, name, [*refusals, *fresh.conflicts], now)
        unfinished = {each.file for each in staged.unfinished}
        whole = [(each.path, each.size, each.sha256) for each in staged.files if each.path not in unfinished]
        ledger_records.remember_files(connection, name, [*whole, sql_state(self.request)])
        written = max((each.modified for each in staged.files), default=now)
        refused, seconds = len(refusals) + len(fresh.conflicts), monotonic_seconds() - self.started
        row = LoadRow(name, now, min(written, now), staged.read, fresh.rows, staged.repeated + fresh.repeated, refused, seconds)
        ledger_records.add_load(connection, row)
        return ledger_records.add_marker(connection, name, at, json.dumps({"source": name, "covers_until": row.covers_until}))


def sql_state(request: SourceRequest) -> tuple[str, int, str]:
    """The SELECT itself, remembered like a file: when it changes, its files are read again."""
    return request.sql_file, len(request.sql), sha256(request.sql.encode()).hexdigest()
