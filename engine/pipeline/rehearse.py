"""test: the designers' own tests of their rules, played in memory."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.errors import refuse
from engine.pipeline.system import System
from engine.rehearsal.cases import Case, as_list, read_cases
from engine.rehearsal.check import Result, rules_tested, run_all


@dataclass(frozen=True)
class Tested:
    """Every expectation's result, and the rules that no test expects to win."""

    cases: Sequence[Case]
    results: Sequence[Result]
    untested: Sequence[str]

    @property
    def failed(self) -> list[Result]:
        return [result for result in self.results if result.findings]


def run_tests(system: System, wanted: Sequence[str] = ()) -> Tested:
    """Run the tests of the workspace, or those that name one of the wanted rules. Raises BansoError for a name that is no rule's and for tests that cannot be read."""
    workspace = system.workspace
    for name in wanted:
        if name not in workspace.rules:
            raise refuse("E641", name, name=name, known=tuple(workspace.rules))
    cases = read_cases(workspace)
    chosen = [case for case in cases if not wanted or named_in(case) & set(wanted)]
    results = run_all(chosen, workspace, system.evaluator(workspace))
    tested = rules_tested(cases)
    return Tested(chosen, results, [rule for rule in workspace.rules if rule not in tested])


def named_in(case: Case) -> set[str]:
    """The rules that a test speaks of."""
    named = rules_tested([case])
    for each in case.expect:
        named |= {*as_list(each.not_), *each.why, *each.unknown, *([each.drops] if each.drops else [])}
    return named
