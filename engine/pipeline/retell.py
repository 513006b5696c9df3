"""One account's history as the beginning of a test: what happened, and what banso does at an instant, so that a person can say if that is right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from engine.calendar import MINUTE, moment_of
from engine.errors import BansoError
from engine.facts.fold import fold_records
from engine.messages import Language, say
from engine.pipeline.evaluate import needs_of
from engine.pipeline.explain import ConditionSeen, Explanation, RuleSeen, explain, facts_named
from engine.pipeline.matched import nightly_rules
from engine.pipeline.system import System
from engine.records.lake import read_accounts
from engine.records.record import Record, bucket_of
from engine.rulebook.python import Answer, Verdict
from engine.workspace.edit import plain_of, written
from engine.workspace.editor_schema import modeline
from engine.workspace.model import Workspace

IMAGINED = "example"  # the account where none is named
NIGHTS = 60  # that are looked at for one on which the rule matches
FIRST_HOUR = 10 * 60


@dataclass(frozen=True)
class Retold:
    """`given`: one line for each record; `stale`: the sources that were silent; `expected`: what banso does at `at`, by the keys of an expectation."""

    rule: str
    account: str
    given: Sequence[str]
    at: str
    expected: Mapping[str, str]
    stale: Sequence[str] = ()

    def as_test(self, file: str, language: Language) -> str:
        """The text of a test file."""
        name = written(say(language, "new.test_name", rule=self.rule, at=self.at))
        expected = ", ".join(f"{key}: {value}" for key, value in {"at": self.at, **self.expected}.items())
        lines = [
            modeline(file, "tests"),
            "tests:",
            f"  - name: {name}",
            f"    account: {{id: {written(self.account)}}}",
            f"    given:  # {say(language, 'new.test_head')}",
            *(f"      - {_as_written(line)}" for line in self.given),
            *([f"    stale: {written(list(self.stale))}  # {say(language, 'test.stale')}"] if self.stale else []),
            f"    expect:  # {say(language, 'new.test_expect')}",
            f"      - {{{expected}}}",
        ]
        return "\n".join(lines) + "\n"


def retell(system: System, rule: str, account: str | None, instant: int) -> Retold:
    """The history of an account until an instant; without one, an imagined account that went along the route until the rule matches.

    Raises BansoError E640 if the account has no records.
    """
    if account is None:
        return _imagined(system, rule, instant)
    workspace = system.workspace
    instant -= instant % MINUTE
    told = explain(system, account, instant, by_todays_rules=True)
    with system.records([bucket_of(account)], [account]) as records:
        found = read_accounts(records.duck, [account])[account]
    seen = [record for record in found if record.occurred_at <= instant and record.known_at <= instant]
    given = _lines(workspace, seen)
    return Retold(rule, account, given, _shown(workspace, instant), _expected(workspace, rule, told), sorted(told.stale))


def _lines(workspace: Workspace, records: Sequence[Record]) -> list[str]:
    read = names_read(workspace)
    kept = [record for record in records if (record.event or record.field) in read]
    return [_line(workspace, record) for record in sorted(kept, key=lambda each: (each.occurred_at, each.source, each.source_id))]


def names_read(workspace: Workspace) -> set[str]:
    """The events and fields that facts, steps and goals read; what else happened, such as who somebody is, stays out of tests."""
    found = {name for fact in workspace.plan.facts.values() for name in fact.reads}
    for step in workspace.route.steps.values():
        found |= {*step.done_by, *step.progress_by}
    found |= {name for goal in workspace.goals.values() if goal.reached_by != "next_step" for name in goal.reached_by}
    return found | set(workspace.route.spec.closed_by)


def _line(workspace: Workspace, record: Record) -> str:
    when = _shown(workspace, record.occurred_at)
    if record.field is not None:
        value = record.value or ""
        told = ", ".join(value.strip("|").split("|")) if workspace.field_kinds().get(record.field) == "tags" else value
        return f"{when} {record.field} = {told}".rstrip()
    item = workspace.item_keys.get(record.event or "")
    return f"{when} {record.event}" + (f" {item}={record.key}" if item and record.key else "")


def _shown(workspace: Workspace, instant: int) -> str:
    return moment_of(instant, ZoneInfo(workspace.zone.name)).strftime("%Y-%m-%d %H:%M")


def _as_written(line: str) -> str:
    """A line as it stands in YAML: an instant needs no quotes."""
    try:
        return line if plain_of(f"- {line}\n") == [line] else written(line)
    except BansoError:
        return written(line)


# --- what is expected -------------------------------------------------------------------------------------------------


def _expected(workspace: Workspace, rule: str, told: Explanation) -> dict[str, str]:
    """The winner of the rule's lane, or that nothing happens; and why the rule itself did not win."""
    rules = {seen.rule_id: seen for seen in told.rules}
    winners = [name for name, seen in rules.items() if seen.outcome == "won"]
    return _said(workspace, rule, winners, _why(rules[rule]))


def _said(workspace: Workspace, rule: str, winners: Sequence[str], why: dict[str, str]) -> dict[str, str]:
    lane = workspace.rules[rule].do.lane
    winner = next((name for name in winners if workspace.rules[name].do.lane == lane), None)
    if winner == rule:
        return {"decides": rule}
    told = {key: f"{{{rule}: {name}}}" for key, name in why.items()}
    return {"not": rule, **told} if winner is None else {"decides": winner, **told}


def _why(seen: RuleSeen) -> dict[str, str]:
    """The fact that stands in the way, or the gate."""
    if seen.reason is not None and seen.reason != "unknown":
        return {"why": seen.reason}
    return _failing(seen.conditions)


def _failing(conditions: Sequence[ConditionSeen]) -> dict[str, str]:
    for each in conditions:
        if each.verdict is not (each.kind == "when"):
            missing = next((name for name, value in each.values.items() if value is None), None)
            if each.verdict is None and missing is not None:
                return {"unknown": missing}
            return {"why": next(iter(each.values), "done")}
    return {}


# --- an imagined account ----------------------------------------------------------------------------------------------


def _imagined(system: System, rule: str, instant: int) -> Retold:
    workspace = system.workspace
    start = workspace.zone.day(instant) - NIGHTS - len(workspace.route.steps)
    records = _along_the_route(workspace, rule, start)
    first = workspace.zone.day(records[-1].occurred_at) + 1
    nights = [workspace.zone.at_wall(first + night, workspace.nightly_minutes) for night in range(NIGHTS)]
    answers = {night: _answer(system, workspace, records, night) for night in nights}
    night = next((night for night in nights if answers[night].rules[rule] is True), nights[0])
    expected = _judged(system, workspace, rule, records, night)
    return Retold(rule, IMAGINED, _lines(workspace, records), _shown(workspace, night), expected)


def _along_the_route(workspace: Workspace, rule: str, start: int) -> list[Record]:
    """One step a day, until the step that the rule is about is the next one; at least the first."""
    steps = list(workspace.route.steps)
    about = [step for step in steps if f"'{step}'" in repr([each for each in workspace.rules[rule].when if "next_step" in str(each)])]
    done = steps[: max(1, steps.index(about[0]))] if about else steps[:2]
    records = []
    for index, step in enumerate(done):
        at = workspace.zone.at_wall(start + index, FIRST_HOUR)
        records.append(Record("example", step, IMAGINED, at, at, event=workspace.route.steps[step].done_by[0]))
    return records


def _answer(system: System, workspace: Workspace, records: Sequence[Record], instant: int) -> Answer:
    fold = fold_records(records, instant, needs_of(workspace.plan), workspace.zone)
    return system.evaluator(workspace).answer(fold, instant, frozenset())


def _judged(system: System, workspace: Workspace, rule: str, records: Sequence[Record], instant: int) -> dict[str, str]:
    """Who wins where no gate but the stage stands in the way."""
    answer = _answer(system, workspace, records, instant)
    judged = {rule, *nightly_rules(workspace)}
    live = [name for name, verdict in answer.rules.items() if verdict is True and name in judged and workspace.rules[name].stage == "share"]
    winners = [next(name for name in order if name in live) for order in workspace.order.values() if any(name in live for name in order)]
    if answer.rules[rule] is True and rule not in live:
        return _said(workspace, rule, winners, {"why": "stage"})
    fold = fold_records(records, instant, needs_of(workspace.plan), workspace.zone)
    evaluator = system.evaluator(workspace)
    verdicts = evaluator.conditions(evaluator.values(fold, instant, frozenset()), frozenset())[rule]
    return _said(workspace, rule, winners, _failing(_conditions(workspace, rule, verdicts, answer)))


def _conditions(workspace: Workspace, rule: str, verdicts: Sequence[Verdict], answer: Answer) -> list[ConditionSeen]:
    spec = workspace.rules[rule]
    raw = [*(("when", each) for each in spec.when), *(("unless", each) for each in spec.unless)]
    return [
        ConditionSeen(kind, each, verdict, {name: answer.columns.get(name) for name in facts_named(each, workspace)})
        for (kind, each), verdict in zip(raw, verdicts, strict=True)
    ]
