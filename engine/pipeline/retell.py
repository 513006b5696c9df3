"""One account's history as the beginning of a test: what happened, and what banso does at an instant, so that a person can say if that is right."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

from engine.calendar import MINUTE, moment_of
from engine.errors import BansoError
from engine.facts.fold import fold_records
from engine.messages import Language, say
from engine.pipeline.evaluate import judge_one
from engine.pipeline.explain import must_exist
from engine.pipeline.system import System
from engine.records.lake import read_accounts
from engine.records.record import Record, bucket_of
from engine.rehearsal.cases import is_touch, names_read, read_case
from engine.rehearsal.foretell import foretell
from engine.rulebook.python import Answer
from engine.workspace.edit import plain_of, written
from engine.workspace.editor_schema import modeline
from engine.workspace.model import Workspace

IMAGINED = "example"  # the account where none is named
NIGHTS = 60  # that are looked at for one on which the rule matches
FIRST_HOUR = 10 * 60


@dataclass(frozen=True)
class Retold:
    """`given`: one line for each record; `look` and `expected`: when to look and what banso does then, by the keys of an expectation.

    `stale`: the sources that were silent.
    """

    rule: str
    account: str
    given: Sequence[str]
    look: Mapping[str, str]
    stale: Sequence[str] = ()
    expected: Mapping[str, str] = field(default_factory=dict)

    def as_test(self, file: str, language: Language) -> str:
        """The text of a test file."""
        name = written(say(language, "new.test_name", rule=self.rule, at=next(iter(self.look.values()))))
        lines = [
            modeline(file, "tests"),
            "tests:",
            f"  - name: {name}",
            f"    account: {{id: {written(self.account)}}}",
            f"    given:  # {say(language, 'new.test_head')}",
            *(f"      - {_as_written(line)}" for line in self.given),
            *([f"    stale: {written(list(self.stale))}  # {say(language, 'test.stale')}"] if self.stale else []),
            f"    expect:  # {say(language, 'new.test_expect')}",
            f"      - {_flow({**self.look, **self.expected})}",
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
    judged, _, stale = judge_one(system, account, instant)
    must_exist(judged, account)
    with system.records([bucket_of(account)], [account]) as records:
        found = read_accounts(records.duck, [account])[account]
    seen = [record for record in found if record.occurred_at <= instant and record.known_at <= instant]
    return _foretold(system, Retold(rule, account, _lines(workspace, seen), _look(workspace, rule, instant), sorted(stale)))


def _foretold(system: System, told: Retold) -> Retold:
    """With what it leads to, played as the test will be: the ledger's pauses and other customers' seats are no part of a test."""
    workspace, told = system.workspace, replace(told, expected={"not": told.rule})
    case = read_case(workspace, told.as_test(f"{told.rule}.test.yaml", workspace.settings.workspace.language), f"{told.rule}.test.yaml")
    found = foretell(case, told.rule, workspace, system.evaluator(workspace))
    return replace(told, expected={key: value if isinstance(value, str) else _flow(value) for key, value in found.items()})


def _look(workspace: Workspace, rule: str, instant: int) -> dict[str, str]:
    """When to look: a night, or the record that the rule waits for."""
    triggers, shown = workspace.rules[rule].triggers, _shown(workspace, instant)
    if not triggers:
        return {"at": shown}
    asked = {name: written(value) for name, value in triggers[0].where.items()}
    return {"on": shown, "event": triggers[0].event, **({"with": _flow(asked)} if asked else {})}


def _flow(values: Mapping[str, str]) -> str:
    return f"{{{', '.join(f'{key}: {value}' for key, value in values.items())}}}"


def _lines(workspace: Workspace, records: Sequence[Record]) -> list[str]:
    read = names_read(workspace)
    kept = [record for record in records if (record.event or record.field) in read or is_touch(workspace, record.event or "")]
    return [_line(workspace, record) for record in sorted(kept, key=lambda each: (each.occurred_at, each.source, each.source_id))]


def _line(workspace: Workspace, record: Record) -> str:
    when = _shown(workspace, record.occurred_at)
    if record.field is not None:
        value = record.value or ""
        told = ", ".join(value.strip("|").split("|")) if workspace.field_kinds().get(record.field) == "tags" else value
        return f"{when} {record.field} = {told}".rstrip()
    item = workspace.item_keys.get(record.event or "")
    said = {item: record.key} if item and record.key else {}
    return " ".join([when, str(record.event), *(f"{key}={value}" for key, value in {**said, **_of_touch(workspace, record)}.items())])


def _of_touch(workspace: Workspace, record: Record) -> dict[str, str]:
    """Which rule a touch of our own was made by, for the gates that count it, and for which goal."""
    told = json.loads(record.properties) if is_touch(workspace, record.event or "") and record.properties else {}
    rule = workspace.rule_now(str(told.get("rule")))
    return {key: value for key, value in (("rule", rule), ("goal", told.get("goal"))) if value is not None}


def _shown(workspace: Workspace, instant: int) -> str:
    return moment_of(instant, ZoneInfo(workspace.zone.name)).strftime("%Y-%m-%d %H:%M")


def _as_written(line: str) -> str:
    """A line as it stands in YAML: an instant needs no quotes."""
    try:
        return line if plain_of(f"- {line}\n") == [line] else written(line)
    except BansoError:
        return written(line)


# --- an imagined account ----------------------------------------------------------------------------------------------


def _imagined(system: System, rule: str, instant: int) -> Retold:
    workspace = system.workspace
    start = workspace.zone.day(instant) - NIGHTS - len(workspace.route.steps)
    records = _along_the_route(workspace, rule, start)
    first = workspace.zone.day(records[-1].occurred_at) + 1
    nights = [workspace.zone.at_wall(first + night, workspace.nightly_minutes) for night in range(NIGHTS)]
    night = next((night for night in nights if _answer(system, workspace, records, night).rules[rule] is True), nights[0])
    return _foretold(system, Retold(rule, IMAGINED, _lines(workspace, records), _look(workspace, rule, night)))


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
    fold = fold_records(records, instant, workspace.plan.needs, workspace.zone)
    return system.evaluator(workspace).answer(fold, instant, frozenset())
