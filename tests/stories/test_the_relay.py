"""What relays say, and what becomes of the mail: later, never, or nobody can tell."""

import pytest

from engine.calendar import SECOND
from engine.ledger import touches as ledger_touches
from engine.pipeline import ops
from engine.touches.touch import State
from tests.builders import a_contact, a_record, a_stalled_customer, at
from tests.inbox import CUT, Inbox
from tests.story import Story

TANAKA = "tanaka@aozora.example.jp"
LATER = "451 4.3.0 come back later"


@pytest.fixture
def planned(story: Story) -> Story:
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    return story


@pytest.mark.parametrize("when", ["at the recipient", "at the final dot"])
def test_a_relay_that_says_later_is_asked_again(planned: Story, inbox: Inbox, when: str) -> None:
    (inbox.answer if when == "at the recipient" else inbox.answer_content)(TANAKA, LATER)
    planned.dispatch("2026-04-07 09:00")
    assert (planned.states(), planned.touch().reply, inbox.mails) == ([("next-setting", "pending", "later")], LATER, [])
    planned.dispatch("2026-04-07 09:00")
    assert inbox.mails == []
    planned.dispatch("2026-04-07 09:05")
    assert (planned.states(), len(inbox.mails)) == ([("next-setting", "sent", None)], 1)


def test_the_waits_grow_to_an_hour_and_are_spread(story: Story, inbox: Inbox) -> None:
    for number in range(8):
        story.given(a_stalled_customer(f"c{number}"))
        inbox.answer(f"tanaka@c{number}.example.jp", *[LATER] * 20)
    story.nightly("2026-04-07 02:00")
    waits, seen = dict[int, list[int]](), set[tuple[str, int]]()
    story.clock.set(at("2026-04-07 09:00"))
    for _ in range(200):
        story.sweep_and_send()
        asked = [touch for touch in story.touches() if touch.reason == "later" and touch.attempt <= 8]
        for touch in asked:
            if (touch.id, touch.attempt) not in seen:
                waits.setdefault(touch.attempt, []).append((touch.due_at - story.clock.now()) // SECOND)
                seen.add((touch.id, touch.attempt))
        if not asked:
            break
        story.clock.set(min(touch.due_at for touch in asked))
    longest = {attempt: max(found) for attempt, found in waits.items()}
    assert all(30 <= wait <= min(30 * 2**attempt, 3600) for attempt, found in waits.items() for wait in found)
    assert longest[7] > longest[4] > longest[1]
    assert len(set(waits[6])) > 4


def test_a_retry_is_the_very_same_mail(planned: Story, inbox: Inbox) -> None:
    """Bytes are frozen before the first final dot, so that a receiver can recognise a repeat."""
    inbox.answer_content(TANAKA, LATER)
    planned.dispatch("2026-04-07 09:00")
    with planned.system.ledger.read() as connection:
        frozen = ledger_touches.messages_of(connection, [planned.touch().id])[planned.touch().id]
    planned.dispatch("2026-04-08 11:00")
    assert [mail.body.rstrip(b"\r\n") for mail in inbox.mails] == [frozen.rstrip(b"\r\n")]
    assert inbox.mails[0].message_id == planned.touch().message_id


def test_a_letter_refused_for_now_is_written_anew_for_who_took_over(planned: Story, inbox: Inbox) -> None:
    """The frozen letter speaks to Tanaka; it must not go to Sato."""
    inbox.answer_content(TANAKA, LATER)
    planned.dispatch("2026-04-07 09:00")
    planned.given(a_contact("sato", email="sato@aozora.example.jp", name="佐藤", main=True, at="2026-04-07 09:30"))
    planned.dispatch("2026-04-07 10:00")
    assert inbox.recipients() == ["sato@aozora.example.jp"]
    assert "佐藤 様" in inbox.mails[0].text
    assert str(inbox.mails[0].message["To"]).endswith("<sato@aozora.example.jp>")


@pytest.mark.parametrize("when", ["at the recipient", "at the final dot"])
def test_a_relay_that_says_no_ends_the_touch(planned: Story, inbox: Inbox, when: str) -> None:
    (inbox.answer if when == "at the recipient" else inbox.answer_content)(TANAKA, "554 5.7.1 not wanted")
    planned.dispatch("2026-04-07 09:00")
    planned.dispatch("2026-04-08 09:00")
    assert (planned.states(), planned.touch().reply) == ([("next-setting", "failed", "refused")], "554 5.7.1 not wanted")
    assert inbox.mails == []


def test_a_mailbox_that_does_not_exist_is_never_tried_again(planned: Story, inbox: Inbox) -> None:
    inbox.answer(TANAKA, "550 5.1.1 no such user")
    planned.dispatch("2026-04-07 09:00")
    planned.nightly("2026-04-08 02:00")
    planned.dispatch("2026-04-08 09:00")
    assert planned.decisions()["next-setting"] == ("gated", "bounced", "bounced")
    assert inbox.mails == []


def test_the_address_that_bounced_is_the_one_that_was_tried(planned: Story, inbox: Inbox) -> None:
    """Sato took over after the night; that Sato's mailbox is gone says nothing of Tanaka's."""
    inbox.answer("sato@aozora.example.jp", "550 5.1.1 no such user")
    planned.given(a_contact("sato", email="sato@aozora.example.jp", name="佐藤", main=True, at="2026-04-07 08:00"))
    planned.dispatch("2026-04-07 09:00")
    planned.given(a_contact("tanaka", main=True, email=None, name=None, at="2026-04-07 12:00"))
    planned.nightly("2026-04-08 02:00")
    planned.dispatch("2026-04-08 09:00")
    assert inbox.recipients() == [TANAKA]


def test_a_connection_cut_after_the_final_dot_is_never_sent_again(planned: Story, inbox: Inbox) -> None:
    inbox.answer_content(TANAKA, CUT)
    planned.dispatch("2026-04-07 09:00")
    assert planned.states() == [("next-setting", "unknown", "no_reply")]
    for day in ("08", "09", "10", "13"):
        planned.nightly(f"2026-04-{day} 02:00")
        planned.dispatch(f"2026-04-{day} 09:00")
    assert len(inbox.mails) == 1
    assert planned.states() == [("next-setting", "unknown", "no_reply")]


def test_one_bad_mailbox_does_not_hold_up_the_others_of_its_wave(story: Story, inbox: Inbox) -> None:
    accounts = [f"c{number:02d}" for number in range(20)]
    for account in accounts:
        story.given(a_stalled_customer(account))
    inbox.answer("tanaka@c03.example.jp", LATER)
    inbox.answer("tanaka@c07.example.jp", "550 5.1.1 no such user")
    inbox.answer_content("tanaka@c11.example.jp", CUT)
    inbox.answer_content("tanaka@c13.example.jp", "554 5.7.1 not wanted")
    story.nightly("2026-04-07 02:00")
    counts = story.dispatch("2026-04-07 09:00")
    assert counts == {"sent": 16, "pending": 1, "failed": 2, "unknown": 1}
    assert set(inbox.times_taken().values()) == {1}
    assert all(len(mail.to) == 1 for mail in inbox.mails)


def test_a_relay_that_is_away_only_delays(planned: Story, inbox: Inbox) -> None:
    from tests.inbox import free_port

    working, planned.config = planned.config, planned.config.model_copy(update={"smtp_url": f"smtp://127.0.0.1:{free_port()}"})
    planned.restart()
    assert planned.dispatch("2026-04-07 09:00") == {"pending": 1}
    planned.config = working
    planned.restart()
    assert planned.dispatch("2026-04-07 10:00") == {"sent": 1}
    assert planned.touch().sent_at == at("2026-04-07 10:00")


def test_a_mail_put_off_at_the_final_dot_is_still_under_way(planned: Story, inbox: Inbox) -> None:
    """Nothing was sent, so no window is open; another mail for the goal waits all the same."""
    inbox.answer_content(TANAKA, *[LATER] * 50)
    planned.dispatch("2026-04-07 18:30")
    planned.given(*(a_record("product.setting_error", at=f"2026-04-07 1{hour}:00") for hour in range(3)))
    planned.nightly("2026-04-08 02:00")
    assert planned.decisions()["support-guide"] == ("gated", "window_open", "under_way:next-setting")


def test_a_touch_of_which_nobody_can_tell_is_settled_by_a_person(planned: Story, inbox: Inbox) -> None:
    inbox.answer_content(TANAKA, CUT)
    planned.dispatch("2026-04-07 09:00")
    (touch,) = planned.touches()
    assert [ops.settle(planned.system, touch.id, was_sent=True) for _ in range(2)] == [State.SENT, None]
    assert planned.touch().state == "sent"
    assert planned.facts("2026-04-07 09:00")["mails_7"] == 1


def test_a_mail_that_a_person_says_was_not_sent_goes_out_in_the_same_bytes(planned: Story, inbox: Inbox) -> None:
    inbox.answer_content(TANAKA, CUT)
    planned.dispatch("2026-04-07 09:00")
    assert ops.settle(planned.system, planned.touch().id, was_sent=False)
    planned.dispatch("2026-04-07 10:00")
    assert planned.touch().state == "sent"
    assert inbox.mails[0].body == inbox.mails[1].body
