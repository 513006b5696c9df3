"""People come first: while a person is at it nothing else happens in the lanes that his task holds, in this night and until it is done."""

import pytest

from tests.builders import AZURE, a_customer, a_record
from tests.stories.conftest import Tell
from tests.story import Story

CALL = """
  ring-up: {when: [{errors: {at_least: 3}}], do: {task: call, script: call/note, due_business_days: 2, hold: [push]}, goal: talked}
"""
MAIL = """
  write: {when: [{errors: {at_least: 1}}], do: {send: mail, from: desk, template: mail/plain, lead_to: {setting: next_step}},
          again: {at_most: 9, after_days: 3}}
"""
CHORES = """
  tidy: {when: [{errors: {at_least: 1}}], do: {task: crm, script: crm/note, due_business_days: 3}}
  tell-team: {when: [{errors: {at_least: 1}}], do: {post: zenkai, text: slack/note}}
"""
HELD = ("gated", "human_hold", "held_by:ring-up")


@pytest.fixture
def story(tell: Tell) -> Story:
    """A customer with three errors on Monday 6 April, for whom a call, a mail, a chore and a post are right."""
    story = tell(
        rules=CALL + MAIL + CHORES,
        order="human: [ring-up], push: [write], internal: [tidy, tell-team]",
        settings='notify: {zenkai: "slack:#zenkai"}\n',
    )
    story.given(a_customer(), [a_record("product.error", at=f"2026-04-06 1{hour}:00") for hour in range(3)])
    return story


def mail_of(story: Story, night: str) -> tuple[str, str | None, str | None]:
    story.nightly(f"{night} 02:00")
    return story.decisions()["write"]


def test_a_task_that_holds_push_stops_the_mail_of_the_same_night(story: Story) -> None:
    story.nightly("2026-04-07 02:00")
    assert story.decisions()["ring-up"][0] == "won"
    assert story.decisions()["write"] == HELD


def test_in_the_internal_lane_everything_happens(story: Story) -> None:
    """A task in the CRM that holds nothing is internal: it neither stops the call nor the post, nor is it stopped."""
    story.nightly("2026-04-07 02:00")
    assert {touch.rule: touch.lane for touch in story.touches()} == {"ring-up": "human", "tidy": "internal", "tell-team": "internal"}


def test_a_task_holds_until_its_due_day_is_over(story: Story) -> None:
    """Listed on Tuesday with two business days: Thursday 9 April is its last."""
    story.nightly("2026-04-07 02:00")
    story.dispatch("2026-04-07 09:00")
    assert (mail_of(story, "2026-04-09"), mail_of(story, "2026-04-10")[0]) == (HELD, "won")


@pytest.mark.parametrize("outcome", ["call.talked", "call.absent"])
def test_a_task_holds_until_its_outcome(story: Story, outcome: str) -> None:
    story.nightly("2026-04-07 02:00")
    story.dispatch("2026-04-07 09:00")
    story.given(a_record(outcome, at="2026-04-07 15:00"))
    assert mail_of(story, "2026-04-08")[0] == "won"


def test_an_outcome_from_before_the_task_was_listed_ends_nothing(story: Story) -> None:
    story.given(a_record("call.talked", at="2026-04-06 15:00"))
    story.nightly("2026-04-07 02:00")
    story.dispatch("2026-04-07 09:00")
    assert mail_of(story, "2026-04-08") == HELD


def test_a_task_that_waits_for_monday_holds_over_the_weekend(story: Story) -> None:
    """Decided on Saturday, listed on Monday 13, due on Wednesday 15."""
    story.nightly("2026-04-11 02:00")
    assert mail_of(story, "2026-04-12") == HELD
    story.dispatch("2026-04-13 09:00")
    assert (mail_of(story, "2026-04-15"), mail_of(story, "2026-04-16")[0]) == (HELD, "won")


def test_a_task_that_was_never_listed_holds_nothing_any_more(story: Story) -> None:
    """The call list was paused until the task was too late."""
    story.nightly("2026-04-07 02:00")
    story.pause("channel", "call", since="2026-04-07 08:00", until="2026-04-10 12:00")
    story.dispatch("2026-04-09 18:00")
    assert mail_of(story, "2026-04-10")[0] == "won"
    story.dispatch("2026-04-10 09:00")
    assert ("ring-up", "expired", "expired") in story.states()


def test_an_urgent_mail_waits_for_people_too(tell: Tell) -> None:
    """Urgent skips caps, load and open windows, and nothing else."""
    story = tell(rules=CALL + MAIL.replace("mail/plain,", "mail/plain, urgent: true,"), order="human: [ring-up], push: [write]")
    story.given(a_customer(), [a_record("product.error", at=f"2026-04-06 1{hour}:00") for hour in range(3)])
    assert mail_of(story, "2026-04-07") == HELD


def test_an_excluded_account_gets_nothing_but_tasks_in_the_crm(story: Story) -> None:
    story.given(a_record("sfa.contract", value="closed", at="2026-04-06 18:00"))
    story.nightly("2026-04-07 02:00")
    assert {rule: found[:2] for rule, found in story.decisions().items()} == {
        "ring-up": ("gated", "excluded"),
        "write": ("gated", "excluded"),
        "tidy": ("won", None),
        "tell-team": ("gated", "excluded"),
    }


def test_where_push_is_not_held_the_mail_goes_beside_the_call(tell: Tell) -> None:
    story = tell(rules=CALL.replace(", hold: [push]", "") + MAIL, order="human: [ring-up], push: [write]")
    story.given(a_customer(AZURE), [a_record("product.error", at=f"2026-04-06 1{hour}:00") for hour in range(3)])
    story.nightly("2026-04-07 02:00")
    assert {rule: found[0] for rule, found in story.decisions().items()} == {"ring-up": "won", "write": "won"}
