"""Whatever the crowd: a plan and the night at the same instant agree, rule by rule, in who wins, waits, loses and is kept back."""

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from engine.ledger import decisions as ledger_decisions
from engine.pipeline.plan import plan
from tests.builders import at
from tests.crowd import a_crowd, a_crowds_workspace
from tests.story import Story, quiet

ACCOUNTS = 40


@pytest.fixture
def story(tmp_path: Path):
    workspace = a_crowds_workspace(tmp_path / "workspace")
    story = Story(tmp_path, workspace=workspace)
    yield story
    story.close()


def decided(story: Story, day: str) -> dict[str, Counter[str]]:
    """Rule → outcome → accounts, as stored."""
    found: dict[str, Counter[str]] = {}
    with story.system.ledger.read() as connection:
        for account in story.accounts():
            for row in ledger_decisions.decisions_of(connection, account, f"nightly/{day}"):
                found.setdefault(row["rule"], Counter())[row["outcome"]] += 1
    return found


@pytest.mark.parametrize("seed", range(3))
def test_a_plan_and_its_night_agree_rule_by_rule(story: Story, seed: int) -> None:
    """On a Tuesday, and on the Saturday after, when the first mails are out and calls are open."""
    story.given(*a_crowd(Random(seed), ACCOUNTS))
    outcomes: Counter[str] = Counter()
    for day in ("2026-04-07", "2026-04-11"):
        planned = {rule.rule_id: rule for rule in plan(story.system, at(f"{day} 02:00"), quiet).rules}
        story.nightly(f"{day} 02:00")
        night = decided(story, day)
        for rule, foreseen in planned.items():
            made = night.get(rule, Counter())
            withheld = foreseen.matched - foreseen.won - foreseen.gated - foreseen.lost
            assert (foreseen.won, foreseen.gated, foreseen.lost, withheld) == tuple(made[word] for word in ("won", "gated", "lost", "withheld")), rule
            outcomes += made
        made_by_rule = Counter(touch.rule for touch in story.touches() if touch.slot == f"nightly/{day}")
        assert made_by_rule == Counter({rule: counts["won"] + counts["withheld"] for rule, counts in night.items()})
        story.dispatch(f"{day} 09:00")
    assert all(outcomes[word] > 0 for word in ("won", "gated", "lost", "withheld"))
