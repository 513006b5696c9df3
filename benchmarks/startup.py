"""How long a command takes to begin, beside the same command after everything was loaded, which is what each of them did at first.

python -m benchmarks.startup [--runs 7]
"""

import argparse
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.results import Report, Sample, publish, ratio

METHOD = (
    "The example workspace. Each command in a process of its own; in turn, so that both columns saw the same machine. "
    "CPU time (user and system) of the process, the interpreter's own start included."
)
LEAN = "from engine.cli.app import run; run()"
LADEN = "from engine.cli.app import run, whole; whole(); run()"
COMMANDS = (["--help"], ["lint"], ["order"], ["new", "--help"], ["fmt", "--help"], ["plan", "--help"], ["ops", "--help"], ["worker", "--help"])


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.startup")
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args(arguments)
    bare = Sample([seconds("pass", []) for _ in range(options.runs)], "s")
    rows = [["the interpreter alone", "", str(bare), ""]]
    for words in COMMANDS:
        pairs = [(seconds(LADEN, words), seconds(LEAN, words)) for _ in range(options.runs)]
        laden, lean = (Sample(values, "s") for values in zip(*pairs, strict=True))
        rows.append([f"banso {' '.join(words)}", str(laden), str(lean), ratio(lean, laden)])
    report = Report("startup", "Start of the command", METHOD, ["", "everything loaded", "as it is", "ratio"], rows)
    publish(report, Path(__file__).parent / "results", f"{datetime.now(UTC):%Y-%m-%d}", ["typer", "pydantic"])


def seconds(code: str, words: list[str]) -> float:
    """CPU seconds of one process."""
    before = os.times()
    subprocess.run([sys.executable, "-c", code, *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


if __name__ == "__main__":
    main(sys.argv[1:])
