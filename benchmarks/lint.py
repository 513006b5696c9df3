"""Lint of 1,000 rules, from files to a compiled workspace, beside reading the same YAML alone: `python -m benchmarks.lint`."""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from benchmarks import RESULTS, WORKSPACE
from benchmarks.make_rules import make_rules, write_rules
from benchmarks.results import Report, Sample, publish, ratio
from engine.calendar import DAY, date_of_day
from engine.channels import CHANNELS
from engine.clock import SystemClock
from engine.errors import BansoError
from engine.workspace.load import load_workspace
from engine.workspace.tree import read_tree

PACKAGES = ("pyyaml", "pydantic")
GOAL = 2.0  # seconds of CPU for a workspace of 1,000 rules
BOUND = frozenset(CHANNELS)


def spoil(root: Path, every: int) -> int:
    """Misspell a fact in every so many rules; how many faults that is."""
    path = root / "rules" / "push.yaml"
    lines = path.read_text(encoding="utf-8").split("\n")
    at = [number for number, line in enumerate(lines) if line.startswith("    when:") and "stalled_days" in line][::every]
    for number in at:
        lines[number] = lines[number].replace("stalled_days", "stalled_day", 1)
    path.write_text("\n".join(lines), encoding="utf-8")
    return len(at)


def measure(work: Callable[[], object], rounds: int) -> Sample:
    """Seconds of CPU; the first round, which imports and remembers, is not counted."""
    spent = []
    for _ in range(rounds + 1):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return Sample(spent[1:], "s", 3)


def lint(root: Path) -> int:
    try:
        return len(load_workspace(root, BOUND).warnings)
    except BansoError as error:
        return len(error.faults)


def yaml_alone(files: list[bytes]) -> None:
    for raw in files:
        yaml.load(raw, Loader=yaml.CSafeLoader)


def run_all(rules: int, rounds: int) -> Report:
    with tempfile.TemporaryDirectory() as folder:
        good, bad = (Path(shutil.copytree(WORKSPACE, Path(folder) / name)) for name in ("good", "bad"))
        for root in (good, bad):
            write_rules(root / "rules", make_rules(rules))
        wrong = spoil(bad, 20)
        files = [path.read_bytes() for path in sorted((good / "rules").glob("*.yaml"))]
        size = sum(len(raw) for raw in files)
        samples = {
            "YAML alone (PyYAML on libyaml)": measure(lambda: yaml_alone(files), rounds),
            "YAML with the place of every value": measure(lambda: [read_tree(raw, "x.yaml") for raw in files], rounds),
            f"lint of {rules:,} good rules": measure(lambda: lint(good), rounds),
            f"lint with {wrong} misspelt names": measure(lambda: lint(bad), rounds),
        }
    first = next(iter(samples.values()))
    slowest = max(sample.median for sample in samples.values())
    return Report(
        name="lint",
        title=f"Lint of {rules:,} rules: {size / 1000:,.0f} kB of YAML",
        method=f"CPU seconds, {rounds} rounds; medians (least-greatest). Lint reads every file, checks and compiles it and looks for warnings.",
        head=("work", "CPU time", "against YAML alone"),
        rows=[[name, str(sample), ratio(sample, first)] for name, sample in samples.items()],
        remarks=[f"Goal: at most {GOAL:.0f} s: {'met' if slowest <= GOAL else 'missed'} ({slowest:.2f} s)."],
    )


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description="Measure lint.")
    parser.add_argument("--rules", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--date", default=date_of_day(SystemClock().now() // DAY).isoformat())
    options = parser.parse_args(arguments)
    publish(run_all(options.rules, options.rounds), RESULTS, options.date, PACKAGES)


if __name__ == "__main__":
    main(sys.argv[1:])
