"""A backtest of many nights beside as many separate plans, by one or several workspaces.

python -m benchmarks.backtest [--rules tests/space --rules .] [--first 12.4] [--companies 10000] [--nights 90] [--sample 6]
"""

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.history import NIGHT, ROOT, quiet, ready_system
from benchmarks.results import Report, publish
from engine.calendar import date_of_day
from engine.pipeline.backtest import Span, acting_rules, backtest
from engine.pipeline.plan import plan
from engine.pipeline.system import System

FIRST = "abe8080"
METHOD = (
    "A simulated quarter. The nights are replayed in one backtest; as many separate plans are extrapolated from a sample of nights spread evenly over "
    "the span. CPU time of one process, opening the lake included; the workspaces read the same logs, each from a lake compacted by its own declarations."
)
OF_FIRST = (
    f"The first implementation is commit {FIRST} with its 8 rules, which are those of tests/space: the same logs loaded and compacted by its own code in "
    "a checkout of its own, and `engine.pipeline.plan.plan` timed on the same sample of nights, in a process of its own."
)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.backtest")
    parser.add_argument("--rules", type=Path, action="append", help="folder of a workspace; may be repeated; default: the example")
    parser.add_argument("--first", type=float, help=f"mean CPU seconds of a plan by the first implementation, {FIRST}, measured in its own checkout")
    parser.add_argument("--remark", action="append", default=[], help="a sentence to write down with the figures")
    parser.add_argument("--companies", type=int, default=10_000)
    parser.add_argument("--nights", type=int, default=90)
    parser.add_argument("--sample", type=int, default=6)
    options = parser.parse_args(arguments)
    first = options.first * options.nights if options.first else None
    rows, remarks = list[Sequence[str]](), list[str]()
    if first is not None:
        rows.append([f"{options.nights} plans of the first implementation", "8", f"{first:,.0f} s", "1.0 ×", ""])
        remarks.append(OF_FIRST)
    for folder in options.rules or [ROOT]:
        told = rows_of(ready_system(options.companies, folder.resolve()), folder.resolve().name, options.nights, options.sample, first)
        rows += told[0]
        remarks.append(told[1])
    head = ["", "acting rules", "CPU", "beside the first", "beside today's plans"]
    report = Report("backtest", f"Backtest of {options.nights} nights", METHOD, head, rows, [*remarks, *options.remark])
    publish(report, Path(__file__).parent / "results", f"{datetime.now(UTC):%Y-%m-%d}", ["duckdb", "sqlglot"])


def rows_of(system: System, name: str, nights: int, sample: int, first: float | None) -> tuple[list[Sequence[str]], str]:
    """One workspace: its plans and its backtest, and what the backtest told."""
    last = system.workspace.zone.day(NIGHT)
    begin = last - nights + 1
    shutil.rmtree(system.config.state_folder / "backtests", ignore_errors=True)
    started = time.process_time()
    told = backtest(system, Span(begin, last), quiet)
    replayed = time.process_time() - started
    separate = plans(system, begin, last, sample) * nights
    beside = [f"1/{first / seconds:.1f}" if first else "" for seconds in (separate, replayed)]
    rules = str(len(acting_rules(system.workspace)))
    rows = [
        [f"{name}: {nights} separate plans", rules, f"{separate:,.0f} s", beside[0], "1.0 ×"],
        [f"{name}: one backtest", rules, f"{replayed:,.0f} s", beside[1], f"1/{separate / replayed:.1f}"],
    ]
    span = f"{date_of_day(begin)} to {date_of_day(last)}"
    decided = sum(rule.touches + rule.gated + rule.lost + rule.withheld for rule in told.rules)
    return rows, f"{name}: {decided:,} decisions and {told.touches:,} touches for {told.accounts:,} accounts, {span}."


def plans(system: System, first: int, last: int, sample: int) -> float:
    """Mean CPU seconds of the plan of one night."""
    zone, minutes = system.workspace.zone, system.workspace.nightly_minutes
    days = [first + (last - first) * number // max(sample - 1, 1) for number in range(sample)]
    started = time.process_time()
    for day in days:
        plan(system, zone.at_wall(day, minutes), quiet)
    return (time.process_time() - started) / len(days)


if __name__ == "__main__":
    main(sys.argv[1:])
