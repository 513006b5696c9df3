"""The whole night for all accounts: the generated statement beside a query written by hand, and one account read from the same lake.

`python -m benchmarks.nightly --accounts 1000000 --runs 3`. Every measurement is a process of its own, so that memory is each one's own.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

import duckdb

from benchmarks import BY_HAND, DATA, RESULTS, WORKSPACE
from benchmarks.by_hand.rules import read_rules, sql_rules
from benchmarks.lake import INSTANT, lake_folder, read_manifest, ready_lake
from benchmarks.results import Report, Sample, publish, ratio
from engine.calendar import BUSINESS_REACH, DAY, date_of_day
from engine.clock import SystemClock
from engine.config import Config
from engine.records.lake import DuckSettings, attach, connect, may_tie, read_accounts
from engine.records.record import NO_NUMBER, bucket_of
from engine.rulebook.sql import Bound
from engine.rulebook.statement import Question, statement
from engine.workspace.load import load_workspace
from engine.workspace.model import Workspace

SEED = 7
READS = 200
GOAL_RATIO, GOAL_MEMORY_MB, GOAL_READ_MS = 1.3, 2048, 10
PACKAGES = ("duckdb", "sqlglot", "pyarrow")
MB = 1_000_000


@dataclass(frozen=True)
class Measured:
    """What one process reports. `columns` holds a hash over all accounts for each column, asked for once."""

    seconds: Sequence[float]
    cpu_seconds: float
    memory_mb: float
    columns: Mapping[str, str] = field(default_factory=dict)


# --- one process ----------------------------------------------------------------------------------------------------------


def open_duckdb() -> duckdb.DuckDBPyConnection:
    """As the product opens it by default."""
    defaults = Config.model_fields
    return connect(DuckSettings(defaults["duckdb_threads"].default, defaults["duckdb_memory"].default, DATA / "tmp"))


def generated_sql(workspace: Workspace, accounts: int, *, ties: bool | None = None) -> str:
    """The product's statement; `ties` overrules what the manifest says."""
    parts = read_manifest(lake_folder(accounts))
    tied = may_tie(parts, None) if ties is None else ties
    bound = Bound(INSTANT, workspace.zone, workspace.business, ties=tied, since=min(part.since for part in parts))
    named = {each.name for each in workspace.plan.columns}
    question = Question(columns=tuple(name for name in workspace.plan.facts if name in named), rules=True)
    return statement(workspace.plan, question, bound).sql(dialect="duckdb")


def by_hand_sql(workspace: Workspace, accounts: int) -> str:
    text = (BY_HAND / "night.sql").read_text(encoding="utf-8")
    records = lake_folder(accounts) / "*" / "*.parquet"
    rules = sql_rules(read_rules(WORKSPACE))
    return text.format(now=INSTANT, today=workspace.zone.day(INSTANT), no_number=NO_NUMBER, records=records, rules=rules)


NIGHTS: Mapping[str, Callable[[Workspace, int], str]] = {
    "by hand": by_hand_sql,
    "generated": generated_sql,
    "generated, ties possible": lambda workspace, accounts: generated_sql(workspace, accounts, ties=True),
}


def measure_night(name: str, accounts: int, *, with_columns: bool) -> Measured:
    """Make the text and the table with every column, once."""
    workspace = load_workspace(WORKSPACE, frozenset({"mail"}))
    connection = open_duckdb()
    attach(connection, lake_folder(accounts), read_manifest(lake_folder(accounts)), None)
    _add_calendar(connection, workspace)
    cpu, start = time.process_time(), time.perf_counter()
    connection.execute(f"CREATE TEMP TABLE night AS {NIGHTS[name](workspace, accounts)}")
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
    measured = Measured([seconds], cpu_seconds, _memory_mb())
    return replace(measured, columns=hash_columns(connection)) if with_columns else measured


def _add_calendar(connection: duckdb.DuckDBPyConnection, workspace: Workspace) -> None:
    """The calendar table a person would join; the generated statement carries its own list."""
    today = workspace.zone.day(INSTANT)
    rows = list(enumerate(workspace.business.counts(today), today - BUSINESS_REACH))
    connection.execute("CREATE TEMP TABLE business_days (day BIGINT, n BIGINT)")
    connection.executemany("INSERT INTO business_days VALUES (?, ?)", rows)


def _memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MB


def hash_columns(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """For each column one number over all accounts; two tables agree if all their numbers do."""
    names = [name for name, *_ in connection.execute("DESCRIBE night").fetchall()]
    sums = ", ".join(f'sum(hash(account_id, "{name}"::VARCHAR))::VARCHAR' for name in names)
    count, *values = connection.execute(f"SELECT count(*), {sums} FROM night").fetchone() or ()
    return {"accounts": str(count), **dict(zip(names, values, strict=True))}


def measure_reading(accounts: int) -> Measured:
    """The records of random accounts, one after the other, each from its bucket's files."""
    parts = {part.bucket: part for part in read_manifest(lake_folder(accounts))}
    drawn = random.Random(SEED).sample(range(accounts), min(READS + 1, accounts))
    connection, spent = open_duckdb(), []
    for account in (f"a{number:07}" for number in drawn):
        start = time.perf_counter()
        attach(connection, lake_folder(accounts), [parts[bucket_of(account)]], None)
        found = read_accounts(connection, [account])
        spent.append(time.perf_counter() - start)
        assert len(found[account]) > 0
    return Measured(spent[1:], 0, _memory_mb())


# --- all of them ----------------------------------------------------------------------------------------------------------


def run_process(name: str, accounts: int, *options: str) -> Measured:
    """This module again in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.nightly", "--only", name, "--accounts", str(accounts), *options]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return Measured(**json.loads(answer))


def run_all(accounts: int, runs: int) -> Report:
    found: dict[str, list[Measured]] = {name: [] for name in NIGHTS}
    for run in range(runs):
        options = ["--columns"] if run == 0 else []
        for name in NIGHTS:
            found[name].append(run_process(name, accounts, *options))
    _require_equal({name: measured[0].columns for name, measured in found.items()})
    return _report(accounts, runs, found, run_process("reading", accounts))


def _require_equal(columns: Mapping[str, Mapping[str, str]]) -> None:
    base = columns["by hand"]
    for name, found in columns.items():
        differing = [key for key in {*base, *found} if base.get(key) != found.get(key)]
        if differing:
            raise SystemExit(f"{name} differs from by hand in: {', '.join(sorted(differing))}")


def _report(accounts: int, runs: int, found: Mapping[str, Sequence[Measured]], reading: Measured) -> Report:
    seconds = {name: Sample([each.seconds[0] for each in measured], "s", 1) for name, measured in found.items()}
    cpu = {name: Sample([each.cpu_seconds for each in measured], "s", 1) for name, measured in found.items()}
    memory = {name: Sample([each.memory_mb for each in measured], "MB", 0) for name, measured in found.items()}
    rows = [
        [name, str(seconds[name]), ratio(seconds[name], seconds["by hand"]), str(cpu[name]), ratio(cpu[name], cpu["by hand"]), str(memory[name])]
        for name in NIGHTS
    ]
    single = Sample([each * 1_000 for each in reading.seconds], "ms", 1)
    columns = len(found["by hand"][0].columns) - 2
    return Report(
        name="nightly",
        title=f"The night: {accounts:,} accounts, {sum(part.rows for part in read_manifest(lake_folder(accounts))):,} records, 100 rules",
        method=f"Each variant makes a table of every fact, rule and gate ({columns} columns) from the same Parquet files, in a process of its own with "
        f"the product's defaults (2 threads, 1500MB), {runs} runs in turn; medians (least-greatest). The columns' hashes over all accounts were equal.",
        head=("variant", "wall time", "against hand", "CPU time", "against hand", "peak memory"),
        rows=rows,
        remarks=_remarks(seconds, memory, single),
    )


def _remarks(seconds: Mapping[str, Sample], memory: Mapping[str, Sample], single: Sample) -> list[str]:
    times = seconds["generated"].median / seconds["by hand"].median
    peak = max(memory["generated"].values)
    return [
        f"Goal: at most {GOAL_RATIO} × by hand: {_verdict(times <= GOAL_RATIO)}. Goal: at most {GOAL_MEMORY_MB} MiB: {_verdict(peak * MB <= GOAL_MEMORY_MB * 2**20)}.",
        "“Ties possible” is the statement when two values of a field may share an instant: then source and id decide, row by row.",
        f"One account's records from its bucket ({len(single.values)} accounts, one connection): median {single.median:.1f} ms, p95 {single.p95:.1f} ms.",
        f"Goal: a median of at most {GOAL_READ_MS} ms: {_verdict(single.median <= GOAL_READ_MS)}.",
    ]


def _verdict(met: bool) -> str:
    return "met" if met else "missed"


# --- the door -------------------------------------------------------------------------------------------------------------


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description="Measure the night.")
    parser.add_argument("--accounts", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--date", default=date_of_day(SystemClock().now() // DAY).isoformat())
    parser.add_argument("--only", choices=[*NIGHTS, "reading"], help="measure this once and print JSON")
    parser.add_argument("--columns", action="store_true", help="with --only: hash the columns afterwards")
    options = parser.parse_args(arguments)
    ready_lake(options.accounts)
    if options.only is None:
        publish(run_all(options.accounts, options.runs), RESULTS, options.date, PACKAGES)
    else:
        name, accounts = options.only, options.accounts
        measured = measure_reading(accounts) if name == "reading" else measure_night(name, accounts, with_columns=options.columns)
        print(json.dumps(asdict(measured)))  # read by run_process


if __name__ == "__main__":
    main(sys.argv[1:])
