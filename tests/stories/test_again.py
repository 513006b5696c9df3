"""How often: at most so many for one value of `per`, so many days apart, none while a window is open; and who wins when many match."""

from collections.abc import Sequence

import pytest

from engine.ledger import touches as ledger_touches
from engine.touches.touch import State
from tests.builders import a_record, a_stalled_customer, at
from tests.inbox import CUT, Inbox
from tests.story import Story

SUPPORT_GUIDE = """    do: {send: mail, from: cs-desk, template: mail/support-guide, lead_to: {support: desk}}
    goal: step_forward"""
NEXT_SETTING = "        else: mail/next-setting\n"


def nights(story: Story, *days: str) -> None:
    """Each a night at two and a morning at nine."""
    for day in days:
        story.nightly(f"{day} 02:00")
        story.dispatch(f"{day} 09:00")


def won_on(story: Story, days: Sequence[str]) -> list[str]:
    """Runs these days; returns those on which something won."""
    found = []
    for day in days:
        nights(story, day)
        found += [day for outcome, _, _ in story.decisions(slot=day).values() if outcome == "won"]
    return found


def test_a_second_mail_comes_seven_days_after_the_first_and_a_third_never(story: Story, inbox: Inbox) -> None:
    story.given(a_stalled_customer())
    nights(story, "2026-04-07", "2026-04-13")
    assert story.decisions()["next-setting"] == ("gated", "again", "after:2026-04-14")
    nights(story, "2026-04-14", "2026-04-21")
    assert story.decisions()["next-setting"] == ("gated", "again", "at_most:2")
    assert [(touch.ordinal, touch.per_value) for touch in story.touches()] == [(1, "initial_settings"), (2, "initial_settings")]
    assert len(inbox.mails) == 2


def test_after_days_counts_from_the_day_of_sending(story: Story) -> None:
    """Decided on Saturday, sent on Monday 13 April: the next one comes on Monday 20."""
    story.given(a_stalled_customer())
    story.nightly("2026-04-11 02:00")
    story.dispatch("2026-04-13 09:00")
    assert won_on(story, ["2026-04-19", "2026-04-20"]) == ["2026-04-20"]


def test_a_new_step_starts_the_count_afresh(story: Story, inbox: Inbox) -> None:
    story.given(a_stalled_customer(), a_record("hearing.recruit_kind", value="new_grad", at="2026-03-24 10:00"))
    nights(story, "2026-04-07", "2026-04-14", "2026-04-21")
    story.given(a_record("product.settings_completed", at="2026-04-21 10:00"), a_record("product.flow_published", at="2026-04-21 11:00"))
    nights(story, "2026-04-30")
    assert [(touch.rule, touch.per_value, touch.ordinal) for touch in story.touches()] == [
        ("next-setting", "initial_settings", 1),
        ("next-setting", "initial_settings", 2),
        ("next-setting", "briefing_guided", 1),
    ]
    assert len(inbox.mails) == 3


@pytest.mark.parametrize(
    ("again", "days", "won"),
    [
        pytest.param("{at_most: 1, per: account}", ["2026-04-28", "2026-05-01", "2026-05-07"], ["2026-04-28"], id="once for an account"),
        pytest.param("{at_most: 1, per: month}", ["2026-04-24", "2026-04-30", "2026-05-01"], ["2026-04-24", "2026-05-01"], id="once a month"),
        pytest.param("{at_most: 1, per: year}", ["2026-04-24", "2026-05-07"], ["2026-04-24"], id="once a year"),
        pytest.param(
            "{at_most: 2, after_days: 5, per: month}", ["2026-04-06", "2026-04-10", "2026-04-13"], ["2026-04-06", "2026-04-13"], id="five days apart"
        ),
    ],
)
def test_again(story: Story, again: str, days: list[str], won: list[str]) -> None:
    story.change_rules("rules/push.yaml", "{at_most: 1, per: guidance_start}", again)
    story.change_rules("rules/push.yaml", "{between: [3, 20]}}, {done", "{between: [1, 40]}}, {done")
    story.change_rules("rules/order.yaml", "    - next-setting\n", "")
    story.change_rules("rules/push.yaml", "  next-setting:\n    title", "  next-setting:\n    stage: plan\n    title")
    story.change_rules("rules/order.yaml", "    - flow-by-will\n", "    - flow-by-will\n    - next-setting\n")
    story.given(a_stalled_customer(since="2026-03-30 10:00"), a_record("hearing.guidance_start", value="2026-05-20", at="2026-03-24 10:00"))
    assert won_on(story, days) == won


def test_the_business_year_begins_when_the_workspace_says(story: Story) -> None:
    """With `year_starts: 4`, 31 March and 1 April lie in different years."""
    story.change_rules("rules/push.yaml", "{at_most: 1, per: guidance_start}", "{at_most: 1, per: year}")
    story.change_rules("rules/workspace.yaml", "language: ja}", "language: ja, year_starts: 4}")
    story.given(a_stalled_customer(since="2026-03-25 10:00"), a_record("hearing.guidance_start", value="2026-04-20", at="2026-03-24 10:00"))
    assert won_on(story, ["2026-03-27", "2026-03-31", "2026-04-01"]) == ["2026-03-27", "2026-04-01"]
    assert [touch.per_value for touch in story.touches()] == ["2025", "2026"]


def test_a_date_that_changed_is_asked_about_once_more(story: Story, inbox: Inbox) -> None:
    """readiness is `per: guidance_start`."""
    story.given(a_stalled_customer(), a_record("hearing.guidance_start", value="2026-04-20", at="2026-03-24 10:00"))
    nights(story, "2026-04-07", "2026-04-10")
    assert story.decisions()["readiness"] == ("gated", "again", "at_most:1")
    story.given(a_record("hearing.guidance_start", value="2026-04-27", at="2026-04-10 15:00"))
    nights(story, "2026-04-13")
    assert [touch.per_value for touch in story.touches() if touch.rule == "readiness"] == ["2026-04-20", "2026-04-27"]


# --- windows ----------------------------------------------------------------------------------------------------------


def errors(*days: str) -> list[object]:
    return [a_record("product.setting_error", at=f"{day} 1{minute}:00") for minute, day in enumerate(days)]


def test_no_other_mail_for_the_same_goal_until_the_windows_last_day_is_over(story: Story) -> None:
    """Sent on 7 April with three days: 9 April is the last day of the window."""
    story.given(a_stalled_customer())
    nights(story, "2026-04-07")
    story.given(errors("2026-04-07", "2026-04-07", "2026-04-07"))
    nights(story, "2026-04-08", "2026-04-09")
    assert story.decisions()["support-guide"] == ("gated", "window_open", "until:2026-04-09")
    nights(story, "2026-04-10")
    assert story.decisions()["support-guide"][0] == "won"


def test_while_a_mail_is_still_to_be_sent_there_is_no_other_for_its_goal(story: Story) -> None:
    story.given(a_stalled_customer())
    story.nightly("2026-04-11 02:00")
    story.given(errors("2026-04-11", "2026-04-11", "2026-04-11"))
    story.nightly("2026-04-12 02:00")
    assert story.decisions()["support-guide"] == ("gated", "window_open", "under_way:next-setting")


def test_reaching_the_goal_closes_the_window(story: Story) -> None:
    story.given(a_stalled_customer())
    nights(story, "2026-04-07")
    story.given(a_record("product.settings_completed", at="2026-04-07 10:00"))
    story.given(errors("2026-04-07", "2026-04-07", "2026-04-07"))
    nights(story, "2026-04-09")
    assert story.decisions()["support-guide"][0] == "won"


def test_a_goal_reached_before_the_mail_closes_nothing(story: Story) -> None:
    """The login of 30 March was a step forward too, but it came before the mail."""
    story.given(a_stalled_customer())
    nights(story, "2026-04-07")
    story.given(a_record("product.account_issued", at="2026-04-07 08:00", source_id="late"))
    story.given(errors("2026-04-07", "2026-04-07", "2026-04-07"))
    nights(story, "2026-04-09")
    assert story.decisions()["support-guide"][:2] == ("gated", "window_open")


# --- the order --------------------------------------------------------------------------------------------------------


def test_the_written_order_decides_and_the_losers_name_the_winner(story: Story, inbox: Inbox) -> None:
    story.given(a_stalled_customer(), a_record("hearing.guidance_start", value="2026-04-20", at="2026-03-24 10:00"))
    story.given(errors("2026-04-01", "2026-04-02", "2026-04-03"))
    nights(story, "2026-04-07")
    assert story.decisions() == {
        "support-guide": ("won", None, None),
        "readiness": ("lost", "lost_to", "support-guide"),
        "next-setting": ("lost", "lost_to", "support-guide"),
    }
    assert len(inbox.mails) == 1


def test_a_gated_rule_leaves_its_place_to_the_next(story: Story) -> None:
    story.given(a_stalled_customer(), a_record("hearing.guidance_start", value="2026-04-20", at="2026-03-24 10:00"))
    story.given(errors("2026-04-01", "2026-04-02", "2026-04-03"))
    story.pause("rule", "support-guide", since="2026-04-06 18:00")
    story.nightly("2026-04-07 02:00")
    assert story.decisions() == {
        "support-guide": ("gated", "paused", "rule:support-guide:story"),
        "readiness": ("won", None, None),
        "next-setting": ("lost", "lost_to", "readiness"),
    }


def test_the_touch_carries_what_was_decided(story: Story) -> None:
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    touch = story.touch()
    assert (touch.lane, touch.channel, touch.goal, touch.contact_id, touch.valid_days) == ("push", "mail", "step_forward", "tanaka", 3)
    assert (touch.slot, touch.decided_at, touch.due_at) == ("nightly/2026-04-07", at("2026-04-07 02:00"), at("2026-04-07 09:00"))
    assert touch.deadline == at("2026-04-10 00:00") - 1


def test_what_the_receiver_refused_counts_and_is_not_tried_every_night(story: Story, inbox: Inbox) -> None:
    inbox.answer_content("tanaka@aozora.example.jp", *["554 5.7.1 spam"] * 9)
    story.given(a_stalled_customer())
    nights(story, *[f"2026-04-{day:02d}" for day in (7, 8, 9, 10, 14, 15, 21)])
    assert [(touch.state, touch.reason, touch.ordinal) for touch in story.touches()] == [("failed", "refused", 1), ("failed", "refused", 2)]
    assert story.decisions()["next-setting"] == ("gated", "again", "at_most:2")


def test_what_the_receiver_refused_opens_no_window(story: Story, inbox: Inbox) -> None:
    inbox.answer_content("tanaka@aozora.example.jp", "554 5.7.1 spam")
    story.given(a_stalled_customer())
    nights(story, "2026-04-07")
    story.given(a_record("product.setting_error", at=f"2026-04-07 1{hour}:00") for hour in range(3))
    nights(story, "2026-04-08")
    assert story.decisions()["support-guide"][0] == "won"


def test_two_nights_that_wait_for_the_same_morning_keep_to_the_cap_of_a_day(story: Story, inbox: Inbox) -> None:
    """Saturday's and Sunday's touches are both due on Monday at nine, and their goals differ."""
    story.change_rules("rules/push.yaml", SUPPORT_GUIDE, SUPPORT_GUIDE.replace("step_forward", "talked"))
    story.change_rules(
        "rules/workspace.yaml",
        "  mail: {label: 1to1メール, valid_days: 3, touch",
        "  mail: {label: 1to1メール, valid_days: 3, caps: {per_day: 1}, touch",
    )
    story.given(a_stalled_customer())
    story.nightly("2026-04-11 02:00")
    story.given(a_record("product.setting_error", at=f"2026-04-11 1{hour}:00") for hour in range(3))
    story.nightly("2026-04-12 02:00")
    assert story.decisions()["support-guide"] == ("gated", "cap", "per_day:1")
    story.dispatch("2026-04-13 09:00")
    assert len(inbox.mails) == 1


def test_a_touch_that_nobody_swept_does_not_block_the_next_night(story: Story) -> None:
    """The workers were away for ten days; the touch is long overdue and will never go out."""
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    story.nightly("2026-04-17 02:00")
    assert [(touch.state, touch.slot) for touch in story.touches()] == [("expired", "nightly/2026-04-07"), ("pending", "nightly/2026-04-17")]


def test_no_two_touches_share_a_number(story: Story, inbox: Inbox) -> None:
    """The first is unknown, the second is sent; then a person says the first was not sent, and it is dropped."""
    inbox.answer_content("tanaka@aozora.example.jp", CUT)
    story.given(a_stalled_customer())
    nights(story, "2026-04-07", "2026-04-14")
    first = story.touches()[0]
    story.clock.set(at("2026-04-15 09:00"))
    with story.system.ledger.write() as connection:
        ledger_touches.settle(connection, first.id, first.attempt, story.clock.now(), state=State.DROPPED, reason="no_longer_true")
    night = story.nightly("2026-04-21 02:00")
    assert night.won == 1
    assert [(touch.state, touch.ordinal) for touch in story.touches()] == [("dropped", 1), ("sent", 2), ("pending", 3)]


def test_a_date_that_moved_before_the_morning_is_asked_about_once(story: Story, inbox: Inbox) -> None:
    """`per: guidance_start`: the mail that was decided asks about a date that is no more; the new one is asked about in its own time."""
    story.given(a_stalled_customer(), a_record("hearing.guidance_start", value="2026-04-20", at="2026-03-24 10:00"))
    story.nightly("2026-04-07 02:00")
    story.given(a_record("hearing.guidance_start", value="2026-04-27", at="2026-04-07 08:00"))
    story.dispatch("2026-04-07 09:00")
    assert [each for each in story.states() if each[0] == "readiness"] == [("readiness", "dropped", "no_longer_true")]
    nights(story, "2026-04-10", "2026-04-13")
    sent = [(touch.rule, touch.per_value) for touch in story.touches() if touch.state == "sent" and touch.rule == "readiness"]
    assert sent == [("readiness", "2026-04-27")]


def test_a_last_day_that_moved_nearer_before_the_morning_is_kept(story: Story, inbox: Inbox) -> None:
    """`not_after: guidance_start`: what would come after the day is not sent any more."""
    story.change_rules("rules/push.yaml", NEXT_SETTING, f"{NEXT_SETTING}      not_after: guidance_start\n")
    story.given(a_stalled_customer(), a_record("hearing.guidance_start", value="2026-05-18", at="2026-03-24 10:00"))
    story.nightly("2026-04-07 02:00")
    story.given(a_record("hearing.guidance_start", value="2026-04-06", at="2026-04-07 08:00"))
    story.dispatch("2026-04-07 09:00")
    assert (story.states(), inbox.mails) == ([("next-setting", "expired", "expired")], [])
