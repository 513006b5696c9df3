"""stage: what a rule needs to climb from plan to try, reflect and share, and the approval that lets it reach everyone."""

from collections.abc import Sequence
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


@dataclass(frozen=True)
class Need:
    """One thing that a stage asks for."""

    name: str
    fulfilled: bool
    detail: str = ""


def needs(system: System, rule_id: str, stage: Stage, who: str | None) -> list[Need]:
    """Everything the stage asks of the rule, fulfilled or not."""
    rule = rule_of(system, rule_id)
    if stage == "try":
        return [Need("try", rule.try_ is not None)]
    if stage == "reflect":
        return [Need("reflect", rule.reflect is not None)]
    if stage == "stopped":
        return [Need("learned", rule.learned is not None)]
    if stage == "plan":
        return []
    return [*_tests(run_tests(system), rule_id), Need("reflect", rule.reflect is not None), *_approver(system, rule, who)]


def _tests(tested: Tested, rule_id: str) -> list[Need]:
    """At least one test expects the rule to win, and every test of the workspace comes true: a new rule may spoil another's."""
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
    """How many accounts the rule would touch tonight if it were meant for everyone; a trigger rule reaches nobody at night."""
    if rule_id not in nightly_rules(system.workspace):
        return 0
    planned = plan(system, instant, progress, rules=shared(system.workspace, [rule_id]))
    return next(each.won for each in planned.rules if each.rule_id == rule_id)


def approve(system: System, rule_id: str, who: str, accounts: int) -> None:
    """Keep who allowed the rule's present content to reach everyone, and how many that were."""
    content = system.workspace.contents[rule_id]
    with system.ledger.write() as connection:
        approvals.approve(connection, rule_id, content, who, system.clock.now(), accounts)


def unfulfilled(found: Sequence[Need]) -> list[Need]:
    return [need for need in found if not need.fulfilled]
