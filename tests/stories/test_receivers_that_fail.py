"""A relay or a domain that keeps failing is left alone for a while, and nobody is written to faster than the limits say."""

from collections import Counter

import pytest

from engine.calendar import MINUTE, SECOND
from engine.ledger import relays
from engine.pipeline.rationing import put_off
from engine.touches.breaker import Breaker
from engine.touches.delivery import DeliveryReason
from tests.builders import a_stalled_customer, at
from tests.inbox import Inbox, free_port
from tests.story import Story

LATER = "450 4.2.0 greylisted"
POLICY = "450 4.7.1 too many messages from you"


def breakers(story: Story) -> dict[str, Breaker]:
    with story.system.ledger.read() as connection:
        return {breaker.name: breaker for breaker in relays.all_breakers(connection)}


def customers(story: Story, number: int, domain: str = "{}.example.jp") -> list[str]:
    """Accounts with one main contact each; returns their addresses."""
    for index in range(number):
        story.given(a_stalled_customer(f"c{index:02d}"))
    story.nightly("2026-04-07 02:00")
    return [f"tanaka@{domain.format(f'c{index:02d}')}" for index in range(number)]


def test_a_relay_that_is_gone_is_asked_less_and_less_and_again_when_it_is_back(story: Story, inbox: Inbox) -> None:
    customers(story, 32)
    working, gone = story.config, story.config.model_copy(update={"smtp_url": f"smtp://127.0.0.1:{free_port()}"})
    story.config = gone
    story.restart()
    story.dispatch("2026-04-07 09:00")
    breaker = breakers(story)["relay:mail"]
    assert breaker.failures == 3
    assert breaker.open_until == at("2026-04-07 09:00") + 30 * SECOND
    reasons = Counter(touch.reason for touch in story.touches())
    assert reasons == {"later": 24, "left_alone": 8}
    assert {touch.detail for touch in story.touches() if touch.reason == "left_alone"} == {"relay:mail"}
    story.dispatch("2026-04-07 09:03")
    assert breakers(story)["relay:mail"].open_until == at("2026-04-07 09:03") + 60 * SECOND
    story.config = working
    story.restart()
    for minute in (5, 8, 11, 20):
        story.dispatch(f"2026-04-07 09:{minute:02d}")
    assert {touch.state for touch in story.touches()} == {"sent"}
    assert breakers(story) == {}
    assert set(inbox.times_taken().values()) == {1}


def test_a_relay_that_objects_to_us_is_left_alone_by_all(story: Story, inbox: Inbox) -> None:
    for address in customers(story, 32):
        inbox.answer(address, *[POLICY] * 3)
    story.dispatch("2026-04-07 09:00")
    assert breakers(story)["relay:mail"].reason == POLICY
    assert Counter(touch.reason for touch in story.touches())["left_alone"] == 8


def test_one_domain_that_says_not_now_does_not_hold_up_the_others(story: Story, inbox: Inbox) -> None:
    slow, well = customers(story, 2)
    inbox.answer(slow, *[LATER] * 50)
    for hour in range(9, 19):
        story.dispatch(f"2026-04-07 {hour:02d}:00")
    found = breakers(story)
    assert list(found) == ["domain:c00.example.jp"]
    assert found["domain:c00.example.jp"].failures >= 5
    assert inbox.recipients() == [well]


def test_a_mailbox_that_is_none_says_nothing_against_its_domain(story: Story, inbox: Inbox) -> None:
    (address,) = customers(story, 1)
    inbox.answer(address, "550 5.1.1 no such user")
    story.dispatch("2026-04-07 09:00")
    assert breakers(story) == {}


@pytest.mark.parametrize(("setting", "sent"), [("mails_per_minute", 8 + 2 * 10), ("mails_per_minute_domain", 30)])
def test_letters_go_no_faster_than_the_limit(story: Story, inbox: Inbox, setting: str, sent: int) -> None:
    customers(story, 30)
    story.config = story.config.model_copy(update={setting: 10})
    story.restart()
    story.dispatch("2026-04-07 09:00")
    first = len(inbox.mails)
    story.clock.set(at("2026-04-07 09:00"))
    while story.clock.now() < at("2026-04-07 09:02"):
        story.clock.advance(MINUTE // 10)
        story.sweep_and_send()
    assert (first, len(inbox.mails)) == (8 if setting == "mails_per_minute" else 30, sent)
    story.dispatch("2026-04-07 09:30")
    story.dispatch("2026-04-07 10:30")
    assert set(inbox.times_taken().values()) == {1}


def test_who_would_wait_past_the_deadline_expires(story: Story) -> None:
    customers(story, 1)
    touch = story.touches()[0]
    in_time = put_off(touch, DeliveryReason.TOO_FAST, "relay:mail", touch.deadline)
    too_late = put_off(touch, DeliveryReason.TOO_FAST, "relay:mail", touch.deadline + 1)
    assert (in_time.change["state"], too_late.change["state"], too_late.change["detail"]) == ("pending", "expired", "relay:mail")
