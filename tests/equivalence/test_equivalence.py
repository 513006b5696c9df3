"""The same answer from both executors and from a naive reading of the design; and proof that a difference would be seen."""

import os
from collections import Counter
from typing import get_args

import pytest

from engine.facts import PRIMITIVES
from engine.facts.algebra import Node
from engine.facts.reads import walk

from .comparison import Reached, differences, told
from .planted import BUGS, Bug
from .rules import compiled, random_rules
from .worlds import random_world

WORLDS = int(os.environ.get("EQUIVALENCE_WORLDS", "24"))
ACCOUNTS = 40
PATIENCE = 4  # worlds within which every planted bug must be seen; they are among those that are silent without a bug

THREE = ("true", "false", "unknown")
KNOWN = ("known", "unknown")
FACTS = (
    *(f"attribute {kind}" for kind in ("enum", "tags", "number", "date", "bool", "text")),
    *("count", "count ending_days_ago", "active_days", "active_days ending_days_ago", "active_days over 60 days"),
    *(
        "days_since",
        "days_since or_since",
        "days_since business",
        "days_since first",
        "days_since or_since first",
        "days_since or_since first business",
        "days_until",
        "days_until business",
    ),
    *("rate", "rate base_at_least", "ignored_in_row", "calendar"),
    *("open_items", "open_items open_at_least", "open_items opened_within_days", "table", "table on table or route"),
    *("health", "health_points"),
    *("next_step", "stalled_days calendar", "stalled_days business"),
)
COMPARISONS = (
    *("is", "is_not", "in", "not_in", "at_least", "at_most", "between", "includes", "excludes"),
    *("known true", "known false", "done includes", "done excludes", "any"),
)
EXPECTED = {
    *(("fact", label, word) for label in FACTS for word in KNOWN),
    *(("comparison", label, word) for label in COMPARISONS for word in THREE),
    *(("rule", label, word) for label in ("when/unless", "excluded", "segment") for word in THREE),
    *(("rule", "doubt while stale", word) for word in ("true", "false")),
    ("fact", "first, while its source is stale", "known"),
    ("fact", "first, while its source is stale", "unknown"),
    *(("route", "needed_when", word) for word in THREE),
    *(("route", label, word) for label in ("first step proven by later", "progress_by is the newest") for word in ("true", "false")),
    ("fact", "health_coverage", "known"),
    *(("touch", label, word) for label in ("answered", "window is closed", "says its own days") for word in ("true", "false")),
    *(("route", label, word) for label in ("each in", "each between", "each has begun since") for word in ("true", "false")),
    *{("route", "optional", "false"), ("route", "complete", "true")},
}


@pytest.mark.long
def test_sql_python_and_the_design_agree_on_every_account() -> None:
    """Every fact, step, segment, goal, rule and exclusion, of every account and contact, in every world."""
    reached: Reached = Counter()
    nodes: set[type] = set()
    for seed in range(WORLDS):
        world, rules = random_world(seed, ACCOUNTS), random_rules(seed)
        plan = compiled(rules)
        found = differences(world, rules, plan, reached)
        assert not found, told(world, rules, found)
        nodes.update(type(part) for column in plan.columns for part in walk(column.node))
    print(_table_of(reached))
    never = EXPECTED - set(reached)
    assert not never, f"never reached: {sorted(never)}"
    assert set(PRIMITIVES) <= {label.split()[0] for label in FACTS}
    assert set(get_args(Node)) <= nodes, "a node of the algebra that no random rule uses"


def _table_of(reached: Reached) -> str:
    """How often each primitive, comparison and verdict was met."""
    lines = [f"{WORLDS} worlds of {ACCOUNTS} accounts"]
    for group, label in sorted({(group, label) for group, label, _ in reached}):
        words = [word for word in (*THREE, "known") if (group, label, word) in reached]
        lines.append(f"{group:<11}{label:<34}" + "".join(f"{word} {reached[group, label, word]:<10}" for word in words))
    return "\n".join(lines)


@pytest.mark.parametrize("bug", [pytest.param(bug, id=bug.name) for bug in BUGS])
def test_a_planted_bug_is_seen(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison that is silent otherwise accuses the executor with the bug, and nobody else, within a few worlds."""
    bug.plant(monkeypatch)
    for seed in range(bug.first, bug.first + PATIENCE):
        world, rules = random_world(seed, ACCOUNTS), random_rules(seed)
        found = differences(world, rules, compiled(rules), Counter(), ("account",))
        assert {each.reader.split(",")[0].split()[0] for each in found} <= {bug.executor}, told(world, rules, found)
        if found:
            print(f"{bug.name}: {len(found)} differences in world {seed + 1}")
            return
    pytest.fail(f"{bug.name} was not seen in {PATIENCE} worlds")
