"""The plan of a night beside the bare statement it rests on, and a backtest beside as many plans.

python -m benchmarks.plan [--accounts 100000] [--runs 3]
"""

import argparse
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.history import NIGHT, multiplied, ready_system
from benchmarks.results import Report, Sample, publish, ratio
from engine.pipeline.evaluate import stale_at
from engine.pipeline.matched import ask
from engine.pipeline.plan import decide_all
from engine.pipeline.system import System

METHOD = (
    "The example workspace and a simulated quarter, every company many times over. Bare: the generated statement into a table, and every row "
    "with a match read into Python. Plan: that, and every gate, arbitration and scarce thing for each of these accounts. In turn, in one process, "
    "over the same attached records; CPU time of the process."
)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.plan")
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args(arguments)
    system = multiplied(ready_system(), options.accounts)
    bare, planned, decided = measure(system, options.runs)
    rows = [["bare statement and reading", str(bare), "1.00 ×"], ["plan", str(planned), ratio(planned, bare)]]
    remarks = [f"{decided:,} decisions; goal: at most 2 ×."]
    report = Report("plan", f"Plan of a night, {options.accounts:,} accounts", METHOD, ["", "CPU", "ratio"], rows, remarks)
    publish(report, Path(__file__).parent / "results", f"{datetime.now(UTC):%Y-%m-%d}", ["duckdb", "sqlglot"])


def measure(system: System, runs: int) -> tuple[Sample, Sample, int]:
    workspace = system.workspace
    stale = stale_at(system, workspace, NIGHT)
    bare, planned, decided = list[float](), list[float](), 0
    with system.records() as records:
        for _ in range(runs):
            started = time.process_time()
            asked = ask(workspace, records, NIGHT, stale)
            assert sum(len(batch) for batch in asked.batches())
            bare.append(time.process_time() - started)
            started = time.process_time()
            decided = sum(len(each) for _, each in decide_all(system, ask(workspace, records, NIGHT, stale)))
            planned.append(time.process_time() - started)
    return Sample(bare, "s"), Sample(planned, "s"), decided


if __name__ == "__main__":
    main(sys.argv[1:])
