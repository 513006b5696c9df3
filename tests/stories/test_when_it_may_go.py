"""Quiet hours, holidays and the company's own calendar move the sending; what cannot go out in time is not planned at all."""

import pytest

from tests.builders import a_customer, a_record, a_stalled_customer, at
from tests.inbox import Inbox
from tests.story import Story


@pytest.mark.parametrize(
    ("stalled_since", "night", "due_at"),
    [
        pytest.param("2026-03-30", "2026-04-07 02:00", "2026-04-07 09:00", id="a working day: when the quiet hours end"),
        pytest.param("2026-03-30", "2026-04-07 08:59", "2026-04-07 09:00", id="the last quiet minute"),
        pytest.param("2026-03-30", "2026-04-07 09:00", "2026-04-07 09:00", id="the first minute of the day"),
        pytest.param("2026-03-30", "2026-04-07 18:59", "2026-04-07 18:59", id="the last minute of the day"),
        pytest.param("2026-03-30", "2026-04-07 19:00", "2026-04-08 09:00", id="the first quiet minute waits for tomorrow"),
        pytest.param("2026-03-30", "2026-04-10 19:00", None, id="a Friday evening cannot be sent within three days"),
        pytest.param("2026-03-30", "2026-04-11 02:00", "2026-04-13 09:00", id="a Saturday waits for Monday, day three"),
        pytest.param("2026-04-06", "2026-04-29 02:00", "2026-04-30 09:00", id="Showa Day"),
        pytest.param("2026-04-06", "2026-05-03 02:00", None, id="Golden Week is longer than three days"),
        pytest.param("2026-04-06", "2026-05-05 02:00", "2026-05-07 09:00", id="the substitute holiday of Golden Week, day three after it"),
        pytest.param("2026-07-01", "2026-08-12 02:00", "2026-08-12 09:00", id="the day before the company closes"),
        pytest.param("2026-07-01", "2026-08-13 02:00", None, id="the company is closed for Obon"),
        pytest.param("2026-07-01", "2026-08-15 02:00", "2026-08-17 09:00", id="the end of Obon"),
        pytest.param("2025-12-01", "2026-01-01 02:00", None, id="New Year"),
        pytest.param("2025-12-01", "2026-01-03 02:00", "2026-01-05 09:00", id="the last day of the New Year holidays"),
    ],
)
def test_the_calendar_moves_the_sending(story: Story, inbox: Inbox, stalled_since: str, night: str, due_at: str | None) -> None:
    since = f"{stalled_since} 10:00"
    story.given(a_customer(applied=since), a_record("product.login", at=since))
    story.nightly(night)
    if due_at is None:
        assert story.decisions()["next-setting"] == ("gated", "past_deadline", "too_late")
        assert story.touches() == []
        return
    assert story.touch().due_at == at(due_at)
    assert story.sweep_and_send() == ({"sent": 1} if due_at == night else {})
    assert len(inbox.mails) == (due_at == night)


def test_nothing_goes_out_before_the_morning_and_everything_in_it(story: Story, inbox: Inbox) -> None:
    story.given(a_stalled_customer(), a_stalled_customer("midori"))
    story.nightly("2026-04-07 02:00")
    story.dispatch("2026-04-07 08:59")
    assert inbox.mails == []
    story.dispatch("2026-04-07 09:00")
    assert len(inbox.mails) == 2


def test_a_worker_that_comes_in_the_evening_waits_for_the_next_morning(story: Story, inbox: Inbox) -> None:
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    story.dispatch("2026-04-07 19:00")
    assert (story.states(), story.touch().due_at) == ([("next-setting", "pending", None)], at("2026-04-08 09:00"))
    story.dispatch("2026-04-08 09:00")
    assert len(inbox.mails) == 1


@pytest.mark.parametrize(
    ("worker_comes", "state"),
    [
        pytest.param("2026-04-09 18:59", ("next-setting", "sent", None), id="the last minute of day three"),
        pytest.param("2026-04-10 09:00", ("next-setting", "expired", "expired"), id="day four"),
    ],
)
def test_a_mail_that_is_too_late_expires(story: Story, inbox: Inbox, worker_comes: str, state: tuple[str, str, str | None]) -> None:
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    story.dispatch(worker_comes)
    assert story.states() == [state]
    assert len(inbox.mails) == (state[1] == "sent")


def test_a_mail_about_a_date_never_goes_out_after_the_date(story: Story) -> None:
    """`not_after: guidance_start`: the day itself is the last, however long the window is."""
    story.change_rules("rules/push.yaml", "{between: [3, 20]}}, {done", "{between: [1, 20]}}, {done")
    story.given(a_stalled_customer(), a_record("hearing.guidance_start", value="2026-04-08", at="2026-03-24 10:00"))
    story.nightly("2026-04-07 02:00")
    assert (story.touch().rule, story.touch().deadline) == ("readiness", at("2026-04-09 00:00") - 1)
