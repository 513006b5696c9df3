"""What explain says where it cannot simply repeat a night: of scarce things, of nights that had nothing to decide, and of what is near."""

from pathlib import Path

import pytest

from engine.calendar import day_of_text
from engine.pipeline.explain import RuleSeen, explain
from engine.pipeline.nearest import ConditionSeen, days_until_match
from tests.builders import AZURE, a_customer, a_stalled_customer, at
from tests.stories.conftest import Tell
from tests.stories.test_scarce import STALLED, with_seats
from tests.story import Story

TUESDAY = day_of_text("2026-04-07")
WRITE = "  write: {when: [{next_step: set_up}, {stalled_days: {at_least: 90}}], do: {send: mail, from: desk, template: mail/plain, lead_to: {setting: next_step}}}\n"
FACTS = """
  start: {attribute: sfa.start, type: date, label: 開始日}
  ahead: {days_until: start, label: 開始まで}
  ahead_business: {days_until: start, count: business, label: 開始までの営業日}
  quiet: {days_since: [product.login], label: 静かな日}
"""


def of_rule(story: Story, account: str, rule: str, instant: str) -> RuleSeen:
    told = explain(story.system, account, at(instant))
    return next(each for each in told.rules if each.rule_id == rule)


# --- scarce things ----------------------------------------------------------------------------------------------------


def test_at_an_instant_without_a_night_scarce_things_are_not_judged_and_that_is_said(tell: Tell) -> None:
    story = with_seats(tell)
    story.heard("2026-04-07 12:00")
    asked = [of_rule(story, account, "invite", "2026-04-07 12:00") for account in STALLED]
    assert {(seen.outcome, seen.if_enough) for seen in asked} == {("won", True)}, "two seats, four who would get one"


def test_of_a_night_the_word_on_scarce_things_is_read(tell: Tell) -> None:
    story = with_seats(tell)
    story.nightly("2026-04-07 02:00")
    asked = {account: of_rule(story, account, "invite", "2026-04-07 02:00") for account in STALLED}
    assert {account: (seen.outcome, seen.if_enough) for account, seen in asked.items()} == {
        "fuyu": ("won", False),
        "haru": ("won", False),
        "aki": ("gated", False),
        "kita": ("gated", False),
    }


# --- the rules of then ------------------------------------------------------------------------------------------------


def test_a_night_that_had_nothing_to_decide_on_an_account_is_told_by_its_own_rules(tell: Tell) -> None:
    story = tell(rules=WRITE, order="push: [write]")
    story.given(a_customer(AZURE, applied="2026-03-20 10:00"))
    story.nightly("2026-04-07 02:00")
    assert story.decisions(AZURE) == {}
    rules = Path(story.config.workspace) / "rules" / "rules.yaml"
    rules.write_text(rules.read_text(encoding="utf-8").replace("at_least: 90", "at_least: 2"), encoding="utf-8")
    story.system._looked_at = story.system._read_at = -1e9  # whoever asks has just saved
    seen = of_rule(story, AZURE, "write", "2026-04-07 02:00")
    assert (seen.outcome, seen.conditions[-1].written) == ("not_matched", {"stalled_days": {"at_least": 90}})


# --- lane by lane -----------------------------------------------------------------------------------------------------

LANED = """
  ring: {when: [{quiet: {at_least: 90}}], do: {task: call, script: call/note, due_business_days: 2, hold: [push]}, goal: talked}
  draft: {stage: plan, when: [{next_step: set_up}], do: {send: mail, from: desk, template: mail/plain, lead_to: {setting: next_step}}}
  soon: {when: [{stalled_days: {at_least: 20}}], do: {send: mail, from: desk, template: mail/plain, lead_to: {setting: next_step}}}
  write: {when: [{next_step: set_up}], do: {send: mail, from: desk, template: mail/plain, lead_to: {setting: next_step}}}
  greet: {trigger: {event: product.login}, when: [{next_step: set_up}], do: {show: popup, template: popup/note, lead_to: {setting: next_step}}}
  note: {when: [{ahead: {at_most: 3}}], do: {task: crm, script: crm/note, due_business_days: 3}}
"""


def test_each_lane_says_who_wins_or_what_best_says_why_nobody_does(tell: Tell) -> None:
    story = tell(rules=LANED, order="human: [ring], push: [draft, soon, write], pull: [greet], internal: [note]", facts=FACTS)
    story.given(a_customer(AZURE, applied="2026-04-03 10:00"))
    lanes = {each.lane: each for each in explain(story.system, AZURE, at("2026-04-07 02:00")).lanes}
    assert {lane: (seen.won, seen.nobody, seen.waits) for lane, seen in lanes.items()} == {
        "human": ([], "ring", []),
        "push": (["write"], "soon", []),
        "pull": ([], None, ["greet"]),
        "internal": ([], "note", []),
    }
    story.nightly("2026-04-07 02:00")
    story.heard("2026-04-08 02:00")
    (push,) = (each for each in explain(story.system, AZURE, at("2026-04-08 02:00")).lanes if each.lane == "push")
    assert (push.won, push.nobody) == ([], "write"), "one that was stopped goes before one that is near, and a plan is no reason"


# --- what is near -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fact", "value", "wanted", "days"),
    [
        pytest.param("quiet", 4, {"at_least": 6}, 2, id="rises"),
        pytest.param("quiet", 9, {"at_most": 6}, None, id="rises away"),
        pytest.param("ahead", 22, {"between": [3, 20]}, 2, id="falls into a range"),
        pytest.param("ahead", -22, {"between": [3, 20]}, None, id="has fallen through it"),
        pytest.param("ahead", 22, {"at_least": 30}, None, id="falls away"),
        pytest.param("ahead", 3, 0, 3, id="falls to a value"),
        pytest.param("ahead_business", 7, {"at_most": 3}, 6, id="business days: Wednesday to Friday, Monday"),
        pytest.param("ahead", 400, {"at_most": 3}, None, id="too far to be near"),
        pytest.param("ahead", None, {"at_most": 3}, None, id="unknown"),
        pytest.param("next_step", 1, {"at_least": 3}, None, id="no count of days"),
    ],
)
def test_a_rule_is_near_if_days_alone_bring_it_about(tell: Tell, fact: str, value: int | None, wanted: object, days: int | None) -> None:
    workspace = tell(rules=WRITE, order="push: [write]", facts=FACTS).system.workspace
    condition = ConditionSeen("when", {fact: wanted}, verdict=False if value is not None else None, values={fact: value})
    assert days_until_match(workspace, [condition], TUESDAY) == days


def test_what_holds_today_must_still_hold_on_the_day(tell: Tell) -> None:
    workspace = tell(rules=WRITE, order="push: [write]", facts=FACTS).system.workspace
    soon = ConditionSeen("when", {"quiet": {"at_least": 6}}, verdict=False, values={"quiet": 4})
    passing = ConditionSeen("when", {"ahead": {"at_least": 9}}, verdict=True, values={"ahead": 10})
    kept_out = ConditionSeen("unless", {"ahead": {"at_least": 9}}, verdict=True, values={"ahead": 10})
    other = ConditionSeen("when", {"next_step": "set_up"}, verdict=False, values={"next_step": "go_live"})
    assert days_until_match(workspace, [soon, passing], TUESDAY) is None
    assert days_until_match(workspace, [soon, kept_out], TUESDAY) == 2
    assert days_until_match(workspace, [soon, other], TUESDAY) is None


def test_the_nearest_miss_comes_true(story: Story) -> None:
    story.given(a_stalled_customer())
    days = ["2026-03-31", *(f"2026-04-0{number}" for number in range(1, 8))]
    seen = []
    for day in days:
        story.heard(f"{day} 12:00")
        seen.append(of_rule(story, AZURE, "next-setting", f"{day} 12:00"))
    assert [each.nearest for each in seen] == [6, 5, 4, 3, 2, 1, None, None]
    assert [each.verdict for each in seen] == [False] * 6 + [True] * 2
