"""stage: what a rule needs to climb from plan to try, reflect and share, and the approval that lets it reach everyone."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from engine.errors import refuse
from engine.ledger import approvals
from engine.pipeline.load import Progress
from engine.pipeline.matched import nightly_rules
from engine.pipeline.plan import plan
from engine.pipeline.rehearse import Tested, run_tests
from engine.pipeline.system import System
from engine.rehearsal.check import rules_tested
from engine.rehearsal.play import shared
from engine.rulebook.spec import RuleSpec, Stage
from engine.workspace.placeholder import placeholder_files


@dataclass(frozen=True)
class Need:
    """One thing that a stage asks for."""

    name: str
    fulfilled: bool
    detail: str = ""


def needs(system: System, rule_id: str, stage: Stage, who: str | None) -> Iterator[Need]:
    """Everything the stage asks of the rule, fulfilled or not; what takes its time, the rule's own tests, comes last."""
    rule = rule_of(system, rule_id)
    if stage == "try":
        yield Need("try", rule.try_ is not None)
    if stage in {"reflect", "share"}:
        yield Need("reflect", rule.reflect is not None)
    if stage == "stopped":
        yield Need("learned", rule.learned is not None)
    if stage in {"try", "share"}:
        yield _letter(system, rule)
    if stage == "share":
        yield from _approver(system, rule, who)
        yield from _tests(run_tests(system, [rule_id]), rule_id)


def _letter(system: System, rule: RuleSpec) -> Need:
    """Every wording that the rule may choose is written."""
    sources = [system.workspace.templates[name] for name in dict.fromkeys(rule.do.templates()) if name in system.workspace.templates]
    files = [file for source in sources for file in placeholder_files(source)]
    return Need("letter", not files, ", ".join(files))


def _tests(tested: Tested, rule_id: str) -> list[Need]:
    """At least one test expects the rule to win, and every test that names it comes true; `banso test` runs them all."""
    failed = [result.case.name for result in tested.failed]
    return [Need("test", rule_id in rules_tested(tested.cases)), Need("tests_pass", not failed, ", ".join(dict.fromkeys(failed)))]


def _approver(system: System, rule: RuleSpec, who: str | None) -> list[Need]:
    """Somebody who may approve, and who is not the rule's owner; nobody where the workspace names no approvers."""
    named = system.workspace.settings.approvers
    if not named:
        return []
    return [Need("approver", who in named, ", ".join(named)), Need("not_owner", who != rule.owner, rule.owner)]


def rule_of(system: System, rule_id: str) -> RuleSpec:
    rules = system.workspace.rules
    if rule_id not in rules:
        raise refuse("E641", rule_id, name=rule_id, known=tuple(rules))
    return rules[rule_id]


def reach(system: System, rule_id: str, instant: int, progress: Progress) -> int:
    """How many accounts the rule would touch in a night at that instant if it were meant for everyone; a trigger rule reaches nobody at night."""
    if rule_id not in nightly_rules(system.workspace):
        return 0
    planned = plan(system, instant, progress, rules=shared(system.workspace, [rule_id]))
    return next(each.won for each in planned.rules if each.rule_id == rule_id)


def approve(system: System, rule_id: str, who: str, accounts: int) -> None:
    """Keep who allowed the rule's present content to reach everyone, and how many that were."""
    content = system.workspace.contents[rule_id]
    with system.ledger.write() as connection:
        approvals.approve(connection, rule_id, content, who, system.clock.now(), accounts)


def unfulfilled(found: Iterable[Need]) -> list[Need]:
    return [need for need in found if not need.fulfilled]
