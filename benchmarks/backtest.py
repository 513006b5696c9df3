"""A backtest of many nights beside as many separate plans.

python -m benchmarks.backtest [--companies 10000] [--nights 90] [--sample 6]
"""

import argparse
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.history import NIGHT, quiet, ready_system
from benchmarks.results import Report, publish
from engine.calendar import date_of_day
from engine.pipeline.backtest import Span, backtest
from engine.pipeline.plan import plan
from engine.pipeline.system import System

METHOD = (
    "The example workspace and a simulated quarter. The nights are replayed in one backtest; as many separate plans are extrapolated from a sample "
    "of nights spread evenly over the span. CPU time of one process, opening the lake included."
)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.backtest")
    parser.add_argument("--companies", type=int, default=10_000)
    parser.add_argument("--nights", type=int, default=90)
    parser.add_argument("--sample", type=int, default=6)
    options = parser.parse_args(arguments)
    system = ready_system(options.companies)
    last = system.workspace.zone.day(NIGHT)
    first = last - options.nights + 1
    shutil.rmtree(system.config.state_folder / "backtests", ignore_errors=True)
    started = time.process_time()
    told = backtest(system, Span(first, last), quiet)
    replayed = time.process_time() - started
    separate = plans(system, first, last, options.sample) * options.nights
    rows = [
        [f"{options.nights} separate plans", f"{separate:,.0f} s", "1.0 ×"],
        ["one backtest", f"{replayed:,.0f} s", f"1/{separate / replayed:.1f}"],
    ]
    remarks = [f"{told.touches:,} touches for {told.accounts:,} accounts in {told.nights} nights, {date_of_day(first)} to {date_of_day(last)}."]
    report = Report("backtest", f"Backtest of {options.nights} nights", METHOD, ["", "CPU", "ratio"], rows, remarks)
    publish(report, Path(__file__).parent / "results", f"{datetime.now(UTC):%Y-%m-%d}", ["duckdb", "sqlglot"])


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
