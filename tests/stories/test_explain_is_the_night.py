"""explain says what the nights did: every account of a simulated stretch, every night, rule by rule.

The long run: BANSO_EXPLAIN_COMPANIES=1000 BANSO_EXPLAIN_NIGHTS=10 (10,000 pairs).
"""

import os
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from engine.calendar import HOUR, instant_of
from engine.decision.scarce import is_given_out
from engine.ledger import decisions as ledger_decisions
from engine.pipeline.evaluate import judge_accounts, stale_at
from engine.pipeline.explain import decide_alone, explain
from engine.pipeline.load import Origin, load
from engine.pipeline.matched import nightly_rules
from engine.pipeline.nightly import nightly
from engine.simulator import World
from tests.story import ROOT, Story, quiet

TOKYO = ZoneInfo("Asia/Tokyo")
COMPANIES = int(os.environ.get("BANSO_EXPLAIN_COMPANIES", "40"))
NIGHTS = int(os.environ.get("BANSO_EXPLAIN_NIGHTS", "2"))
ALOUD = int(os.environ.get("BANSO_EXPLAIN_ALOUD", "25"))  # pairs that go through the whole of explain, which reads the lake anew for each


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Story, list[int]]]:
    """Some weeks of simulated companies, then nights with their mornings."""
    folder = tmp_path_factory.mktemp("nights")
    story = Story(folder, workspace=ROOT)
    world, nights = World(seed=11, companies=COMPANIES, start=date(2026, 2, 2)), []
    for number in range(NIGHTS):
        moment = datetime(2026, 4, 1, 2, 0, tzinfo=TOKYO) + timedelta(days=number)
        world.advance(moment)
        world.export(folder / "logs")
        story.clock.set(instant_of(moment))
        load(story.system, [], Origin(folder / "logs", {}), quiet)
        nightly(story.system, instant_of(moment), quiet)
        nights.append(instant_of(moment))
        story.clock.set(instant_of(moment) + 10 * HOUR)
        story.sweep_and_send()
    yield story, nights
    story.close()


def stored(story: Story, instant: int) -> dict[str, dict[str, tuple[str, str | None]]]:
    """Account → rule → (outcome, reason) as the night of an instant kept them."""
    found: dict[str, dict[str, tuple[str, str | None]]] = {}
    with story.system.ledger.read() as connection:
        for account in story.accounts():
            rows = [row for row in ledger_decisions.decisions_of(connection, account) if row["decided_at"] == instant]
            found[account] = {row["rule"]: (row["outcome"], row["reason"]) for row in rows}
    return found


def given_out(story: Story, account: str, instant: int) -> list[str]:
    """The rules for which there was not enough for all in the night of an instant."""
    with story.system.ledger.read() as connection:
        rows = ledger_decisions.decisions_of(connection, account)
    return [row["rule"] for row in rows if row["decided_at"] == instant and is_given_out(row["reason"], row["detail"])]


def test_each_account_alone_is_judged_as_the_night_judged_all(told: tuple[Story, list[int]]) -> None:
    story, nights = told
    workspace = story.system.workspace
    rules = set(nightly_rules(workspace))
    compared = 0
    for instant in nights:
        kept, stale = stored(story, instant), stale_at(story.system, workspace, instant)
        with story.system.records() as records:
            judged = judge_accounts(story.system, workspace, records, sorted(kept), instant, stale)
        for account, each in judged.items():
            matched = {rule for rule, verdict in each.answer.rules.items() if verdict is True} & rules
            assert matched == set(kept[account]), (account, instant)
            anew = {
                decision.candidate.rule_id: (decision.outcome, decision.reason) for decision in decide_alone(story.system, workspace, each, instant)
            }
            scarce = {workspace.rules[rule].do.lane for rule in given_out(story, account, instant)}  # among all accounts: alone nobody can tell
            same = {rule for rule in anew if workspace.rules[rule].do.lane not in scarce and not (scarce and workspace.rules[rule].do.lane == "push")}
            assert {rule: anew[rule] for rule in same} == {rule: kept[account][rule] for rule in same}, (account, instant)
            compared += 1
    assert compared >= len(nights) * COMPANIES * 0.5


def test_explain_reads_the_nights_own_word(told: tuple[Story, list[int]]) -> None:
    story, nights = told
    kept = {instant: stored(story, instant) for instant in nights}
    pairs = [(account, instant) for instant in nights for account in sorted(kept[instant]) if kept[instant][account]]
    for account, instant in pairs[:: max(len(pairs) // ALOUD, 1)]:
        seen = {rule.rule_id: rule for rule in explain(story.system, account, instant).rules}
        for rule_id, (outcome, reason) in kept[instant][account].items():
            assert (seen[rule_id].verdict, seen[rule_id].outcome, seen[rule_id].reason) == (True, outcome, reason)
        others = {rule_id for rule_id, rule in seen.items() if rule.outcome not in {"not_matched", "unknown", "waits"}}
        assert others == set(kept[instant][account])
