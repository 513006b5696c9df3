"""compact: the tail moves into the lake, beside running readers. New files first, then one transaction lets them count."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from engine.calendar import DAY, HOUR
from engine.ledger import dues as ledger_dues
from engine.ledger import instants, intake, returned
from engine.ledger import records as ledger_records
from engine.pipeline.derived import derived_hash
from engine.pipeline.holding import Held, hold_lease
from engine.pipeline.load import Progress
from engine.pipeline.room import must_have_room
from engine.pipeline.system import System
from engine.records.derive import derive_again
from engine.records.lake import DELTAS_MAX, Part, attach, tail_table, write_parts
from engine.workspace.model import Workspace

GRACE = HOUR  # a reader that took the manifest before may still open a retired file
KEEP_MOVED = 35 * DAY  # re-checks read moved tail rows; no touch waits longer
KEEP_WORDS = 180 * DAY  # what people wrote back
KEEP_SEEN = 35 * DAY  # older repeats are told by the id of their record


@dataclass(frozen=True)
class Compacted:
    """How many tail rows moved, how many files were merged away, and how many old files were deleted."""

    moved: int
    merged: int
    deleted: int


def compact(system: System, progress: Progress) -> Compacted:
    """Move the tail, merge buckets with too many deltas, derive again where declarations changed, delete what nobody reads."""
    workspace = system.workspace
    must_have_room(system)
    with hold_lease(system, "lake") as held:
        progress("tail", 0, 3)
        moved = _move_tail(system, workspace, held)
        progress("merge", 1, 3)
        merged = _merge(system, workspace, held)
        progress("delete", 2, 3)
        deleted = _delete_retired(system)
        progress("", 3, 3)
    return Compacted(moved, merged, deleted)


def _move_tail(system: System, workspace: Workspace, held: Held) -> int:
    with system.ledger.read() as connection:
        found = ledger_records.snapshot(connection)
    if not found.tail:
        return 0
    existing = frozenset(part.bucket for part in found.parts)
    with system.duckdb() as duck:
        rows = tail_table(found.tail).append_column("bucket", pa.array([row["bucket"] for row in found.tail], pa.string()))
        duck.register("arrived", rows)
        duck.execute("CREATE TEMP TABLE moving AS SELECT * FROM arrived")
        derive_again(duck, "moving", workspace.field_kinds(), workspace.item_keys, workspace.zone)  # declared otherwise when they came, maybe
        parts = list(write_parts(duck, "moving", system.lake, held.owner, derived_hash(workspace), existing))
    with system.ledger.write() as connection:
        instants.beside_acceptors(connection)
        held.still(connection)
        ledger_records.add_parts(connection, parts, arrival=found.arrival, bulk=False)
        ledger_records.mark_moved(connection, [row["id"] for row in found.tail], system.clock.now())
    return len(found.tail)


def _merge(system: System, workspace: Workspace, held: Held) -> int:
    """Write crowded or outdated buckets anew, each as one base file."""
    with system.ledger.read() as connection:
        parts = ledger_records.live_parts(connection)
    derived = derived_hash(workspace)
    deltas = Counter(part.bucket for part in parts if part.kind == "delta")
    merged = 0
    for bucket in sorted({part.bucket for part in parts}):
        old = [part for part in parts if part.bucket == bucket]
        if deltas[bucket] > DELTAS_MAX or any(part.derived != derived for part in old):
            _merge_bucket(system, workspace, old, derived, held)
            merged += len(old)
    return merged


def _merge_bucket(system: System, workspace: Workspace, old: Sequence[Part], derived: str, held: Held) -> None:
    now = system.clock.now()
    with system.duckdb() as duck:
        attach(duck, system.lake, old, None)
        _derive(duck, workspace, outdated=any(part.derived != derived for part in old))
        new = list(write_parts(duck, "merging", system.lake, f"merged-{held.owner}", derived, frozenset()))
    with system.ledger.write() as connection:
        instants.beside_acceptors(connection)
        held.still(connection)
        arrival, bulk = ledger_records.provenance(connection, [part.path for part in old])
        ledger_records.retire_parts(connection, [part.path for part in old], now)
        ledger_records.add_parts(connection, new, arrival=arrival, bulk=bulk)


def _derive(duck: duckdb.DuckDBPyConnection, workspace: Workspace, *, outdated: bool) -> None:
    duck.execute("CREATE OR REPLACE TEMP TABLE merging AS SELECT *, md5(account_id)[1:2] AS bucket FROM records")
    if outdated:
        derive_again(duck, "merging", workspace.field_kinds(), workspace.item_keys, workspace.zone)


def _delete_retired(system: System) -> int:
    now = system.clock.now()
    with system.ledger.write() as connection:
        paths = ledger_records.forget_retired(connection, now - GRACE)
        ledger_records.forget_moved(connection, now - KEEP_MOVED)
        ledger_dues.forget_done(connection, now - KEEP_MOVED)
        intake.forget_seen(connection, now - KEEP_SEEN)
        returned.forget_words(connection, now - KEEP_WORDS)
    for path in paths:
        (system.lake / path).unlink(missing_ok=True)
    return len(paths)
