"""A rule under another name: what is under way, paused or braked under its earlier one goes on under the new one."""

import pytest

from engine.errors import BansoError
from tests.builders import a_customer
from tests.stories.conftest import Tell
from tests.story import Story

WRITE = "\n  write: {when: [{next_step: set_up}], do: {send: mail, from: desk, template: mail/plain, lead_to: {setting: next_step}}}\n"
RING = "\n  ring-up: {when: [{next_step: set_up}], do: {task: call, script: call/note, due_business_days: 2}, goal: talked}\n"


def rename(story: Story, old: str, new: str) -> None:
    story.change_rules("rules/rules.yaml", f"  {old}: {{", f"  {new}: {{was: [{old}], ")
    story.change_rules("rules/order.yaml", old, new)


def decided(tell: Tell, rules: str = WRITE, order: str = "push: [write]") -> Story:
    """A touch was decided in the night and waits for the morning."""
    story = tell(rules=rules, order=order)
    story.given(a_customer())
    story.nightly("2026-04-07 02:00")
    return story


def test_a_mail_under_way_goes_out_under_the_new_name(tell: Tell) -> None:
    story = decided(tell)
    rename(story, "write", "invite")
    assert story.dispatch("2026-04-07 09:00") == {"sent": 1}


def test_a_call_under_way_is_listed_under_the_new_name(tell: Tell) -> None:
    story = decided(tell, RING, "human: [ring-up]")
    rename(story, "ring-up", "talk")
    assert story.dispatch("2026-04-07 09:00") == {"sent": 1}


def test_under_the_new_name_it_falls_all_the_same_if_it_is_no_longer_true(tell: Tell) -> None:
    story = decided(tell)
    rename(story, "write", "invite")
    story.change_rules("rules/rules.yaml", "{next_step: set_up}", "{next_step: booked}")
    assert story.dispatch("2026-04-07 09:00") == {"dropped": 1}
    assert story.states() == [("write", "dropped", "no_longer_true")]


@pytest.mark.parametrize("other", ["write: {", "third: {was: [write], "], ids=["a rule of today", "another that had it"])
def test_an_earlier_name_belongs_to_one_rule(tell: Tell, other: str) -> None:
    rules = WRITE.replace("write: {", "invite: {was: [write], ") + WRITE.replace("write: {", other)
    with pytest.raises(BansoError) as refused:
        decided(tell, rules, f"push: [invite, {other.partition(':')[0]}]")
    assert {fault.code for fault in refused.value.faults} == {"E409"}


def test_a_pause_of_the_earlier_name_holds_what_is_under_way_and_what_would_be_decided(tell: Tell) -> None:
    story = decided(tell)
    story.pause("rule", "write", since="2026-04-07 03:00")
    rename(story, "write", "invite")
    story.given(a_customer("midori"))
    story.dispatch("2026-04-07 09:00")
    assert story.states() == [("write", "pending", "held")]
    story.nightly("2026-04-08 02:00")
    assert story.decisions("midori")["invite"][:2] == ("gated", "paused")


def test_a_pause_of_the_new_name_holds_what_was_decided_under_the_earlier_one(tell: Tell) -> None:
    story = decided(tell)
    rename(story, "write", "invite")
    story.pause("rule", "invite", since="2026-04-07 03:00")
    story.dispatch("2026-04-07 09:00")
    assert story.states() == [("write", "pending", "held")]


def test_whoever_resumes_the_new_name_lifts_the_pause_of_the_earlier_one(tell: Tell) -> None:
    story = decided(tell)
    story.pause("rule", "write", since="2026-04-07 03:00")
    rename(story, "write", "invite")
    story.resume("rule", "invite", when="2026-04-07 08:00")
    assert story.dispatch("2026-04-07 09:00") == {"sent": 1}
