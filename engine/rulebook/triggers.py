"""Which rules a record makes us look at. Its properties are asked for here and nowhere else."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from engine.rulebook.spec import RuleSpec, Trigger


class HasRules(Protocol):
    @property
    def rules(self) -> Mapping[str, RuleSpec]: ...
    @property
    def waiting(self) -> Mapping[str, Sequence[str]]: ...


def waiting_for(rules: Mapping[str, RuleSpec]) -> Mapping[str, Sequence[str]]:
    """Event → the rules that wait for it, in their order."""
    found: dict[str, list[str]] = {}
    for rule_id, rule in rules.items():
        for event in dict.fromkeys(trigger.event for trigger in rule.triggers):
            found.setdefault(event, []).append(rule_id)
    return found


def triggered(workspace: HasRules, event: str | None, properties: object) -> Iterator[tuple[str, Trigger]]:
    """The rules that wait for such a record, each with the first of its triggers that fits."""
    for rule_id in workspace.waiting.get(event or "", ()):
        fitting = next((each for each in workspace.rules[rule_id].triggers if each.event == event and _fits(each, properties)), None)
        if fitting is not None:
            yield rule_id, fitting


def _fits(trigger: Trigger, properties: object) -> bool:
    """Every property asked for is there with that very value; a number and a text of the same digits are not the same."""
    if not isinstance(properties, Mapping):
        return not trigger.where
    return all(name in properties and type(properties[name]) is type(value) and properties[name] == value for name, value in trigger.where.items())
