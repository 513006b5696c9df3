"""Mutants of a workspace: each threshold a little off, each negation turned round. A good set of tests notices every one."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from engine.facts.spec import FactSpec
from engine.facts.table import Table
from engine.rehearsal.cases import Case
from engine.rehearsal.check import run_case
from engine.rulebook.compile import Written, compile_plan
from engine.rulebook.python import compile_python
from engine.workspace.model import Workspace

OPPOSITE = {"is": "is_not", "is_not": "is", "in": "not_in", "not_in": "in", "includes": "excludes", "excludes": "includes"}
NUMBERS = ("within_days", "ending_days_ago", "base_at_least")
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Mutant:
    """One change of one place: `section` is rules or facts, `name` the entry, `path` the place inside it."""

    section: str
    name: str
    path: Path
    what: str
    plain: Any  # the changed conditions or fact

    def __str__(self) -> str:
        return f"{self.section}.{self.name} {'.'.join(str(part) for part in self.path)}: {self.what}"


def mutants(workspace: Workspace) -> Iterator[Mutant]:
    """Every mutant of the rules' conditions, of the tables they rest on, and of the facts' windows."""
    for rule_id, rule in workspace.rules.items():
        if rule.stage != "stopped":
            for key in ("when", "unless"):
                raw = getattr(rule, key)
                yield from (Mutant("rules", rule_id, (key, *path), what, changed) for path, what, changed in _of(raw, _is_number(workspace)))
    for name, fact in workspace.facts.items():
        if isinstance(fact, Table):
            raw = [row.model_dump(by_alias=True) for row in fact.table]
            yield from (Mutant("facts", name, path, what, changed) for path, what, changed in _of(raw, _is_number(workspace)))
        else:
            yield from _of_fact(name, fact)


def _is_number(workspace: Workspace) -> set[str]:
    return {name for name, fact in workspace.plan.facts.items() if fact.type.kind == "number"}


def _of(raw: Any, numbers: set[str]) -> Iterator[tuple[Path, str, Any]]:
    """(place, what was done, the whole with it done) for every comparison below."""
    for path, comparison in _comparisons(raw, (), numbers):
        for what, replacement in _changed(comparison):
            yield path, what, _with(raw, path, replacement)


def _comparisons(raw: Any, path: Path, numbers: set[str]) -> Iterator[tuple[Path, Any]]:
    """The values of conditions: what stands behind a fact's name."""
    if isinstance(raw, list):
        for index, each in enumerate(raw):
            yield from _comparisons(each, (*path, index), numbers)
    elif isinstance(raw, dict):
        for key, value in raw.items():
            if key in {"any", "when"}:
                yield from _comparisons(value, (*path, key), numbers)
            elif key not in {"segment", "then", "else", "label"}:
                yield (*path, key), value


def _changed(wanted: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(wanted, dict):
        if isinstance(wanted, str):
            yield f"is_not {wanted}", {"is_not": wanted}
        return
    comparison, value = next(iter(wanted.items()))
    if comparison in {"at_least", "at_most"}:
        yield from ((f"{comparison} {value + step}", {comparison: value + step}) for step in (-1, 1))
    elif comparison == "between":
        low, high = value
        for changed in ([low - 1, high], [low + 1, high], [low, high - 1], [low, high + 1]):
            if changed[0] <= changed[1]:
                yield f"between {changed}", {"between": changed}
    elif comparison in OPPOSITE:
        yield f"{OPPOSITE[comparison]} {value}", {OPPOSITE[comparison]: value}
    elif comparison == "known":
        yield f"known {not value}", {"known": not value}


def _with(raw: Any, path: Path, value: Any) -> Any:
    changed = deepcopy(raw)
    inner = changed
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    return changed


def _of_fact(name: str, fact: FactSpec) -> Iterator[Mutant]:
    for key in NUMBERS:
        value = getattr(fact, key, None)
        if isinstance(value, int) and value > 1:
            yield from (Mutant("facts", name, (key,), f"{key} {value + step}", {key: value + step}) for step in (-1, 1) if value + step <= 365)


def mutated(workspace: Workspace, mutant: Mutant) -> Workspace | None:
    """The workspace with the change, or None where it does not compile: then lint notices it."""
    faults: list[str] = []
    written = _written(workspace.written, mutant)
    plan = compile_plan(written, lambda code, *_: faults.append(code))
    return None if faults else replace(workspace, written=written, plan=plan, rules=written.rules, facts=written.facts)


def _written(written: Written, mutant: Mutant) -> Written:
    if mutant.section == "rules":
        rule = written.rules[mutant.name].model_copy(update={mutant.path[0]: mutant.plain})
        return replace(written, rules={**written.rules, mutant.name: rule})
    fact = written.facts[mutant.name]
    if isinstance(fact, Table):
        changed: FactSpec = Table.model_validate({**fact.model_dump(by_alias=True), "table": [_row(row) for row in mutant.plain]})
    else:
        changed = fact.model_copy(update=mutant.plain)
    return replace(written, facts={**written.facts, mutant.name: changed})


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if value is not None}


def killed(workspace: Workspace, mutant: Mutant, cases: list[Case]) -> bool:
    """Whether some test turns red, or the change does not even compile. Tests that name the changed rule are asked first."""
    changed = mutated(workspace, mutant)
    if changed is None:
        return True
    evaluator = compile_python(changed.plan, changed.zone, changed.business)
    ordered = sorted(cases, key=lambda case: not _speaks_of(case, mutant.name))
    return any(result.findings for case in ordered for result in run_case(case, changed, evaluator))


def _speaks_of(case: Case, name: str) -> bool:
    return any(name in str(each) for each in case.expect)
