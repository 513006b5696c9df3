"""`send_between`: what a night decides does not all go out at nine, but to each account at a time of its own."""

from collections.abc import Mapping

from engine.calendar import HOUR, MINUTE
from tests.builders import CHANNELS, a_customer, a_record, at
from tests.stories.conftest import Tell
from tests.story import Story

SPREAD = CHANNELS.replace("valid_days: 3,", 'valid_days: 3, send_between: {from: "10:00", to: "11:30"},', 1)
MAIL = "do: {send: mail, from: desk, template: mail/plain, lead_to: {setting: next_step}"
RULES = f"""
  write: {{when: [{{next_step: set_up}}], {MAIL}}}}}
  hurry: {{when: [{{errors: {{at_least: 1}}}}], {MAIL}, urgent: true}}}}
  reply: {{trigger: {{event: product.page_viewed, after: 60m}}, when: [{{next_step: set_up}}], goal: booked, {MAIL}}}}}
"""
MANY = [f"c{number:02d}" for number in range(60)]


def a_story(tell: Tell, accounts: list[str]) -> Story:
    story = tell(rules=RULES, order="push: [hurry, write, reply]", channels=SPREAD)
    story.given([record for account in accounts for record in a_customer(account)])
    return story


def due(story: Story) -> Mapping[str, int]:
    return {touch.account_id: touch.due_at for touch in story.touches()}


def test_each_account_has_a_time_of_its_own_within_the_hours(tell: Tell) -> None:
    story = a_story(tell, MANY)
    story.nightly("2026-04-07 02:00")
    begin, end = at("2026-04-07 10:00"), at("2026-04-07 11:30")
    assert all(begin <= each < end for each in due(story).values())
    thirds = [sum(begin + share * 30 * MINUTE <= each < begin + (share + 1) * 30 * MINUTE for each in due(story).values()) for share in range(3)]
    assert sum(thirds) == len(MANY)
    assert min(thirds) >= len(MANY) // 6, "evenly enough"


def test_it_is_the_same_time_every_day_and_on_business_days_only(tell: Tell) -> None:
    tuesday, saturday = a_story(tell, MANY), a_story(tell, MANY)
    tuesday.nightly("2026-04-07 02:00")
    saturday.nightly("2026-04-11 02:00")
    assert {account: each - at("2026-04-07 00:00") for account, each in due(tuesday).items()} == {
        account: each - at("2026-04-13 00:00") for account, each in due(saturday).items()
    }


def test_what_cannot_wait_does_not(tell: Tell) -> None:
    story = a_story(tell, ["aki"])
    story.given(a_record("product.error", account="aki", at="2026-04-06 10:00"))
    story.nightly("2026-04-07 02:00")
    assert [(touch.rule, touch.due_at) for touch in story.touches()] == [("hurry", at("2026-04-07 09:00"))]


def test_a_worker_goes_by_it_and_comes_again_where_it_was_late(tell: Tell) -> None:
    story = a_story(tell, ["aki"])
    story.nightly("2026-04-07 02:00")
    (touch,) = story.touches()
    story.dispatch("2026-04-07 10:00")
    assert story.states("aki") == [("write", "pending", None)]
    story.dispatch("2026-04-07 19:30")
    assert story.states("aki") == [("write", "pending", None)]
    (later,) = story.touches()
    assert later.due_at - touch.due_at == 24 * HOUR
    story.dispatch("2026-04-08 11:30")
    assert story.states("aki") == [("write", "sent", None)]


def test_what_a_record_triggers_after_the_hours_goes_at_once(tell: Tell) -> None:
    story = a_story(tell, ["aki"])
    story.happens(a_record("product.page_viewed", account="aki", at="2026-04-07 13:00"))
    story.clock.set(at("2026-04-07 14:00"))
    story.sweep_and_send()
    assert [(touch.rule, touch.due_at) for touch in story.touches()] == [("reply", at("2026-04-07 14:00"))]
