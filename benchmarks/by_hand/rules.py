"""The hundred rules as a person would write them, line by line from the YAML and without the engine: for SQL, Python, zen and CEL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import yaml

Condition = Mapping[str, object]
SEGMENTS: Mapping[str, Sequence[Condition]] = {"quiet": ({"logins_28": {"at_most": 1}}, {"login_gap": {"at_least": 14}})}
OPPOSITE = {"is": "is_not", "in": "not_in", "at_least": "below", "at_most": "above", "between": "outside", "includes": "excludes"}
OPPOSITE |= {"done": "not_done", "known": "missing"}
OPPOSITE |= {opposite: comparison for comparison, opposite in OPPOSITE.items()}


@dataclass(frozen=True)
class WrittenRule:
    """A rule's conditions as they stand in YAML."""

    id: str
    when: Sequence[Condition]
    unless: Sequence[Condition]


@dataclass(frozen=True)
class Test:
    """One comparison of a fact, or of a step for `done` and `not_done`."""

    fact: str
    comparison: str
    wanted: object

    @property
    def opposite(self) -> "Test":
        return replace(self, comparison=OPPOSITE[self.comparison])

    def text(self, templates: Mapping[str, str]) -> str:
        """In one language: `{fact}`, `{wanted}`, and the parts of a list or the two ends of a range."""
        listed = self.wanted if isinstance(self.wanted, list) else [self.wanted, None]
        quoted = ", ".join(f"'{item}'" for item in listed)
        wanted = f"'{self.wanted}'" if isinstance(self.wanted, str) else self.wanted
        return templates[self.comparison].format(fact=self.fact, wanted=wanted, tag=f"'|{self.wanted}|'", list=quoted, low=listed[0], high=listed[1])


def read_rules(workspace: Path) -> list[WrittenRule]:
    raw = yaml.safe_load((workspace / "rules" / "push.yaml").read_text(encoding="utf-8"))["rules"]
    return [WrittenRule(rule_id, _flat(rule["when"]), rule.get("unless", [])) for rule_id, rule in raw.items()]


def _flat(conditions: Sequence[Condition]) -> list[Condition]:
    """With the conditions of a segment in its place."""
    return [part for each in conditions for part in (SEGMENTS[str(each["segment"])] if "segment" in each else [each])]


def choices(condition: Condition) -> list[Test]:
    """The tests of which one must be met: several under `any`, else one."""
    if "any" in condition:
        return [_test(each) for each in cast("list[Condition]", condition["any"])]
    return [_test(condition)]


def _test(condition: Condition) -> Test:
    (fact, wanted), *_ = condition.items()
    (comparison, value), *_ = wanted.items() if isinstance(wanted, dict) else [("is", wanted)]
    if fact == "done":
        return Test(str(value), "done" if comparison == "includes" else "not_done", None)
    if comparison == "known":
        return Test(fact, "known" if value else "missing", None)
    return Test(fact, comparison, value)


# --- SQL: NULL does the rest ----------------------------------------------------------------------------------------------

SQL = {
    "is": "{fact} = {wanted}",
    "is_not": "{fact} <> {wanted}",
    "in": "{fact} IN ({list})",
    "not_in": "{fact} NOT IN ({list})",
    "at_least": "{fact} >= {wanted}",
    "below": "{fact} < {wanted}",
    "at_most": "{fact} <= {wanted}",
    "above": "{fact} > {wanted}",
    "between": "{fact} BETWEEN {low} AND {high}",
    "outside": "{fact} NOT BETWEEN {low} AND {high}",
    "includes": "contains({fact}, {tag})",
    "excludes": "NOT contains({fact}, {tag})",
    "done": "at_{fact} IS NOT NULL",
    "not_done": "at_{fact} IS NULL",
    "known": "{fact} IS NOT NULL",
    "missing": "{fact} IS NULL",
}


def sql_rules(rules: Sequence[WrittenRule]) -> str:
    """A line of the SELECT for each rule."""
    return ",\n".join(f'    {_conjunction(rule, SQL, " AND ", " OR ")} AS "rule.{rule.id}"' for rule in rules)


def _conjunction(rule: WrittenRule, templates: Mapping[str, str], and_: str, or_: str) -> str:
    """All of `when` and the opposite of all of `unless`."""
    wanted = [[test.text(templates) for test in choices(condition)] for condition in rule.when]
    unwanted = [[test.opposite.text(templates)] for condition in rule.unless for test in choices(condition)]
    return f"({and_.join(f'({or_.join(texts)})' for texts in (*wanted, *unwanted))})"


# --- Python: false, unknown or true ---------------------------------------------------------------------------------------

PYTHON = {
    "is": "{fact} == {wanted}",
    "is_not": "{fact} is not None and {fact} != {wanted}",
    "in": "{fact} in ({list})",
    "not_in": "{fact} is not None and {fact} not in ({list})",
    "at_least": "{fact} is not None and {fact} >= {wanted}",
    "below": "{fact} is not None and {fact} < {wanted}",
    "at_most": "{fact} is not None and {fact} <= {wanted}",
    "above": "{fact} is not None and {fact} > {wanted}",
    "between": "{fact} is not None and {low} <= {fact} <= {high}",
    "outside": "{fact} is not None and not {low} <= {fact} <= {high}",
    "includes": "{fact} is not None and {tag} in {fact}",
    "excludes": "{fact} is not None and {tag} not in {fact}",
    "done": "done_{fact}",
    "not_done": "done_{fact} is False",
    "known": "{fact} is not None",
    "missing": "{fact} is None and not hearing_stale",
}


def python_rules(rules: Sequence[WrittenRule], names: Sequence[str]) -> str:
    """One function from a tuple of facts to a tuple of verdicts. While the hearing is stale, a missing answer may just not have arrived."""
    head = ["def rules(facts, stale):", f"    {', '.join(names)} = facts", "    hearing_stale = 'hearing' in stale", "    return ("]
    return "\n".join([*head, *(f"        {_python_rule(rule)}," for rule in rules), "    )"]) + "\n"


def _python_rule(rule: WrittenRule) -> str:
    """False if a condition is known to fail, else unknown if one is unknown, else true."""
    wanted, unwanted = [choices(each) for each in rule.when], [choices(each) for each in rule.unless]
    failing = [" and ".join(f"({test.opposite.text(PYTHON)})" for test in tests) for tests in wanted]
    failing += [f"({test.text(PYTHON)})" for tests in unwanted for test in tests]
    unknown = dict.fromkeys(_python_unknown(tests) for tests in (*wanted, *unwanted))
    return f"False if {' or '.join(failing)} else None if {' or '.join(unknown)} else True"


def _python_unknown(tests: Sequence[Test]) -> str:
    """Once none is known to fail: a missing fact, or no choice that is known to be met."""
    if len(tests) > 1:
        return f"not ({' or '.join(f'({test.text(PYTHON)})' for test in tests)})"
    if tests[0].comparison in {"known", "missing"}:
        return f"({tests[0].fact} is None and hearing_stale)"
    return f"{'done_' if 'done' in tests[0].comparison else ''}{tests[0].fact} is None"


# --- zen and CEL: one array, true or not ----------------------------------------------------------------------------------

CEL = {
    "is": "{fact} == {wanted}",
    "is_not": "{fact} != null && {fact} != {wanted}",
    "in": "{fact} in [{list}]",
    "not_in": "{fact} != null && !({fact} in [{list}])",
    "at_least": "{fact} != null && {fact} >= {wanted}",
    "below": "{fact} != null && {fact} < {wanted}",
    "at_most": "{fact} != null && {fact} <= {wanted}",
    "above": "{fact} != null && {fact} > {wanted}",
    "between": "{fact} != null && {fact} >= {low} && {fact} <= {high}",
    "outside": "{fact} != null && ({fact} < {low} || {fact} > {high})",
    "includes": "{fact} != null && {fact}.contains({tag})",
    "excludes": "{fact} != null && !{fact}.contains({tag})",
    "done": "done_{fact} == true",
    "not_done": "done_{fact} == false",
    "known": "{fact} != null",
    "missing": "{fact} == null",
}
ZEN = {name: text.replace("&&", "and").replace("||", "or").replace("!(", "not (") for name, text in CEL.items()}
ZEN |= {"includes": "{fact} != null and contains({fact}, {tag})", "excludes": "{fact} != null and not contains({fact}, {tag})"}


def cel_rules(rules: Sequence[WrittenRule]) -> str:
    return f"[{', '.join(_conjunction(rule, CEL, ' && ', ' || ') for rule in rules)}]"


def zen_rules(rules: Sequence[WrittenRule]) -> str:
    return f"[{', '.join(_conjunction(rule, ZEN, ' and ', ' or ') for rule in rules)}]"
