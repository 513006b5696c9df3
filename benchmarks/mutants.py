"""How much the example workspace's own tests notice: every threshold and every negation changed, one at a time.

python -m benchmarks.mutants [--every N]
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.results import Report, publish
from engine.channels import CHANNELS
from engine.rehearsal.cases import read_cases
from engine.workspace.load import load_workspace
from tests.workspace.mutants import Mutant, killed, mutants

ROOT = Path(__file__).parents[1]
METHOD = "Each comparison of each rule, table and fact window is changed alone: thresholds by one in both directions, negations turned round."


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.mutants")
    parser.add_argument("--every", type=int, default=1, help="only every N-th mutant")
    every = parser.parse_args(arguments).every
    workspace = load_workspace(ROOT, frozenset(CHANNELS))
    cases = read_cases(workspace)
    made = list(mutants(workspace))[::every]
    survivors = [mutant for mutant in made if not killed(workspace, mutant, cases)]
    remarks = [f"{len(cases)} tests of {len(workspace.rules)} rules.", *(f"survives: {mutant}" for mutant in survivors)]
    report = Report("mutants", "Mutants of the example workspace", METHOD, ["of", "mutants", "killed", "share"], _rows(made, survivors), remarks)
    publish(report, Path(__file__).parent / "results", f"{datetime.now(UTC):%Y-%m-%d}", [])


def _rows(made: Sequence[Mutant], survivors: Sequence[Mutant]) -> list[list[str]]:
    total, alive = Counter(mutant.section for mutant in made), Counter(mutant.section for mutant in survivors)
    parts = [(section, total[section], total[section] - alive[section]) for section in total]
    return [
        [name, str(number), str(dead), f"{100 * dead / number:.1f} %"]
        for name, number, dead in [*parts, ("all", len(made), len(made) - len(survivors))]
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
