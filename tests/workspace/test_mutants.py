"""The example workspace's tests are good tests: what is changed a little, some test notices."""

from pathlib import Path

import pytest

from engine.channels import CHANNELS
from engine.rehearsal.cases import Case, read_cases
from engine.rehearsal.check import rules_tested, run_all
from engine.rulebook.python import compile_python
from engine.workspace.load import load_workspace
from engine.workspace.model import Workspace
from tests.story import ROOT
from tests.workspace.mutants import killed, mutants

EVERY = 6  # the whole run is `python -m benchmarks.mutants`
SHARE = 95  # per cent of the mutants that must be noticed


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    return load_workspace(Path(ROOT), frozenset(CHANNELS))


@pytest.fixture(scope="module")
def cases(workspace: Workspace) -> list[Case]:
    return read_cases(workspace)


def test_every_test_of_the_example_comes_true(workspace: Workspace, cases: list[Case]) -> None:
    results = run_all(cases, workspace, compile_python(workspace.plan, workspace.zone, workspace.business))
    assert [(str(each.case.places[each.number]), each.findings) for each in results if each.findings] == []


def test_every_rule_of_the_example_has_a_test_that_expects_it_to_win(workspace: Workspace, cases: list[Case]) -> None:
    stopped = {rule_id for rule_id, rule in workspace.rules.items() if rule.stage == "stopped"}
    assert set(workspace.rules) - stopped - rules_tested(cases) == set()


@pytest.mark.long
def test_the_tests_notice_what_is_changed_a_little(workspace: Workspace, cases: list[Case]) -> None:
    sample = list(mutants(workspace))[::EVERY]
    survivors = [str(mutant) for mutant in sample if not killed(workspace, mutant, cases)]
    assert len(survivors) * 100 <= (100 - SHARE) * len(sample), survivors
