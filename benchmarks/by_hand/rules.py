"""The hundred rules as a person would write them, line by line from the YAML, without the engine: for SQL, Python, zen and CEL."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import yaml

Condition = Mapping[str, object]
AT = {"applied": "at_applied", "account_issued": "at_issued", "first_login": "at_login", "initial_settings": "at_settings"}
AT |= {"flow_designed": "at_flow", "briefing_held": "at_briefing", "interview_booked": "at_booked", "interview_held": "at_held"}
NEVER_UNKNOWN = {"timing", "main_will", "approach", "open_cases", "unanswered", "active_28", "active_before"}
SEGMENTS: Mapping[str, Sequence[Condition]] = {"quiet": ({"logins_28": {"at_most": 1}}, {"login_gap": {"at_least": 14}})}


@dataclass(frozen=True)
class WrittenRule:
    """A rule's conditions as they stand in YAML."""

    id: str
    when: Sequence[Condition]
    unless: Sequence[Condition]


@dataclass(frozen=True)
class Test:
    """One comparison: `fact comparison wanted`, to be met or, under `unless`, not to be met."""

    fact: str
    comparison: str
    wanted: object


def read_rules(workspace: Path) -> list[WrittenRule]:
    raw = yaml.safe_load((workspace / "rules" / "push.yaml").read_text(encoding="utf-8"))["rules"]
    return [WrittenRule(rule_id, rule["when"], rule.get("unless", [])) for rule_id, rule in raw.items()]


def test_of(condition: Condition) -> Test:
    (fact, wanted), *_ = condition.items()
    if isinstance(wanted, dict):
        (comparison, value), *_ = wanted.items()
        return Test(fact, comparison, value)
    return Test(fact, "is", wanted)


# --- SQL ------------------------------------------------------------------------------------------------------------------


def sql_rules(rules: Sequence[WrittenRule]) -> str:
    """A line of the SELECT for each rule."""
    return ",\n".join(f'    ({_sql_rule(rule)}) AS "rule.{rule.id}"' for rule in rules)


def _sql_rule(rule: WrittenRule) -> str:
    return " AND ".join([*map(_sql, rule.when), *(f"NOT {_sql(each)}" for each in rule.unless)])


def _sql(condition: Condition) -> str:
    if "any" in condition:
        return f"({' OR '.join(_sql(each) for each in cast('list[Condition]', condition['any']))})"
    if "segment" in condition:
        return " AND ".join(_sql(each) for each in SEGMENTS[str(condition["segment"])])
    return _sql_test(test_of(condition))


def _sql_test(test: Test) -> str:
    fact = f"coalesce({test.fact}, 0)" if test.fact in {"active_28", "active_before"} else test.fact
    if test.fact == "done":
        return f"({AT[str(test.wanted)]} IS {'NOT ' if test.comparison == 'includes' else ''}NULL)"
    writers: Mapping[str, Callable[[], str]] = {
        "is": lambda: f"({fact} = {_sql_value(test.wanted)})",
        "is_not": lambda: f"({fact} <> {_sql_value(test.wanted)})",
        "in": lambda: f"({fact} IN ({_sql_list(test.wanted)}))",
        "not_in": lambda: f"({fact} NOT IN ({_sql_list(test.wanted)}))",
        "at_least": lambda: f"({fact} >= {test.wanted})",
        "at_most": lambda: f"({fact} <= {test.wanted})",
        "between": lambda: f"({fact} BETWEEN {' AND '.join(map(str, cast('list[int]', test.wanted)))})",
        "includes": lambda: f"contains({fact}, '|{test.wanted}|')",
        "excludes": lambda: f"NOT contains({fact}, '|{test.wanted}|')",
        "known": lambda: f"({fact} IS {'NOT ' if test.wanted else ''}NULL)",
    }
    return writers[test.comparison]()


def _sql_value(value: object) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)


def _sql_list(values: object) -> str:
    return ", ".join(_sql_value(value) for value in cast("list[object]", values))
