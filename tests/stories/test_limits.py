"""Not too much for one customer: caps of a channel in local days, the load over all channels, and appointments ahead."""

import pytest

from engine.ledger import touches as ledger_touches
from engine.touches.touch import State
from tests.builders import AZURE, CHANNELS, a_customer, a_record, a_touch
from tests.stories.conftest import Tell
from tests.story import Story

# Three mails with goals of their own, so that only limits stand between them: from one error on, from two on, from three on.
MAILS = """
  first: {when: [{errors: {at_least: 1}}], do: {send: mail, from: desk, template: mail/plain, lead_to: {setting: next_step}}}
  second: {when: [{errors: {at_least: 2}}], do: {send: mail, from: desk, template: mail/plain, lead_to: {setting: next_step}}, goal: booked}
  third: {when: [{errors: {at_least: 3}}], do: {send: mail, from: desk, template: mail/plain, lead_to: {setting: next_step}}, goal: talked}
"""
PUSH = "push: [first, second, third]"
LOADS = CHANNELS.replace("touch: mail.sent", "touch: mail.sent, load: 1").replace("touch: call.talked", "touch: call.talked, load: 3")
LOADS += "  course: {label: 講習, valid_days: 21, touch: course.held, load: 2}\n"
LIMIT = "load_limit: {points: 6, within_days: 7}\n"


def capped(caps: str) -> str:
    return CHANNELS.replace("touch: mail.sent", f"touch: mail.sent, caps: {{{caps}}}")


def error_then_night(story: Story, *days: str) -> None:
    """On each day one more error, and a night after it."""
    for day in days:
        story.given(a_record("product.error", at=f"{day} 01:00"))
        story.nightly(f"{day} 02:00")


def fate(story: Story, rule: str, day: str) -> tuple[str, str | None, str | None]:
    return story.decisions(slot=day)[rule]


# --- caps -------------------------------------------------------------------------------------------------------------


def test_saturdays_and_sundays_mails_would_arrive_on_the_same_monday(tell: Tell) -> None:
    """What waits counts on the day it will go out; on Tuesday there is room again."""
    story = tell(rules=MAILS, order=PUSH, channels=capped("per_day: 1"))
    story.given(a_customer())
    error_then_night(story, "2026-04-11", "2026-04-12", "2026-04-13")
    assert fate(story, "first", "2026-04-11")[0] == "won"
    assert fate(story, "second", "2026-04-12") == ("gated", "cap", "per_day:1")
    assert fate(story, "second", "2026-04-13") == ("gated", "cap", "per_day:1")
    story.dispatch("2026-04-13 09:00")
    story.nightly("2026-04-14 02:00")
    assert fate(story, "second", "2026-04-14")[0] == "won"


def test_seven_days_are_counted_between_the_days_of_sending(tell: Tell) -> None:
    """Two went out on Monday 13: a third is for Monday 20, which a night before it may well decide."""
    story = tell(rules=MAILS, order=PUSH, channels=capped("per_7_days: 2"))
    story.given(a_customer())
    error_then_night(story, "2026-04-11", "2026-04-12", "2026-04-13")
    assert story.dispatch("2026-04-13 09:00") == {"sent": 2}
    assert fate(story, "third", "2026-04-13") == ("gated", "cap", "per_7_days:2")
    story.nightly("2026-04-17 02:00")
    assert fate(story, "third", "2026-04-17") == ("gated", "cap", "per_7_days:2")
    story.nightly("2026-04-18 02:00")
    assert fate(story, "third", "2026-04-18")[0] == "won"


def test_a_mail_that_was_dropped_takes_no_room(tell: Tell) -> None:
    story = tell(rules=MAILS.replace("{errors: {at_least: 1}}", "{errors: {between: [1, 1]}}"), order=PUSH, channels=capped("per_day: 1"))
    story.given(a_customer())
    error_then_night(story, "2026-04-07")
    story.given(a_record("product.error", at="2026-04-07 08:00"))
    assert story.dispatch("2026-04-07 09:00") == {"dropped": 1}
    story.nightly("2026-04-08 02:00")
    assert fate(story, "second", "2026-04-08")[0] == "won"


# --- the load ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def laden(tell: Tell) -> Story:
    """A customer who talked on the phone on 3 April and had a course on the 6th: five of six points."""
    story = tell(rules=MAILS, order=PUSH, channels=LOADS, settings=LIMIT)
    story.given(a_customer(), a_record("call.talked", at="2026-04-03 15:00"), a_record("course.held", at="2026-04-06 15:00"))
    return story


def test_the_load_is_felt_over_all_channels_and_wears_off(laden: Story) -> None:
    error_then_night(laden, "2026-04-07")
    assert laden.dispatch("2026-04-07 09:00") == {"sent": 1}
    error_then_night(laden, "2026-04-08")
    assert fate(laden, "second", "2026-04-08") == ("gated", "load", "points:7:6")
    laden.nightly("2026-04-09 02:00")
    assert fate(laden, "second", "2026-04-09") == ("gated", "load", "points:7:6")
    laden.nightly("2026-04-10 02:00")
    assert fate(laden, "second", "2026-04-10")[0] == "won"


def test_a_mail_that_waits_is_load_already(tell: Tell) -> None:
    story = tell(rules=MAILS, order=PUSH, channels=LOADS, settings=LIMIT)
    story.given(a_customer(), a_record("call.talked", at="2026-04-09 15:00"), a_record("course.held", at="2026-04-10 15:00"))
    error_then_night(story, "2026-04-11", "2026-04-12")
    assert fate(story, "second", "2026-04-12") == ("gated", "load", "points:7:6")


def test_a_call_won_in_the_same_night_is_load_already(tell: Tell) -> None:
    """Else the mail would be decided at night and fall at its re-check in the morning."""
    call = "  ring-up: {when: [{errors: {at_least: 1}}], do: {task: call, script: call/note, due_business_days: 2}, goal: talked}\n"
    story = tell(rules=MAILS + call, order=f"human: [ring-up], {PUSH}", channels=LOADS, settings=LIMIT.replace("6", "3"))
    story.given(a_customer())
    error_then_night(story, "2026-04-07")
    assert {rule: found[:2] for rule, found in story.decisions().items()} == {"ring-up": ("won", None), "first": ("gated", "load")}


def test_a_call_on_the_list_is_load_until_its_outcome(tell: Tell) -> None:
    call = "  ring-up: {when: [{errors: {at_least: 1}}], do: {task: call, script: call/note, due_business_days: 2}, goal: talked}\n"
    story = tell(rules=MAILS + call, order=f"human: [ring-up], {PUSH}", channels=LOADS, settings=LIMIT.replace("6", "3"))
    story.given(a_customer())
    error_then_night(story, "2026-04-07")
    story.dispatch("2026-04-07 09:00")
    story.nightly("2026-04-08 02:00")
    assert fate(story, "first", "2026-04-08") == ("gated", "load", "points:4:3")
    story.given(a_record("call.absent", at="2026-04-08 15:00"))
    story.nightly("2026-04-09 02:00")
    assert fate(story, "first", "2026-04-09")[0] == "won"


def test_a_mail_of_which_nobody_can_tell_is_load_for_as_long_as_a_sent_one(laden: Story) -> None:
    lost = a_touch(rule="old", decided_at="2026-04-01 02:00", due_at="2026-04-01 09:00", deadline="2026-04-03 23:59", state=State.UNKNOWN)
    with laden.system.ledger.write() as connection:
        ledger_touches.add_touches(connection, [lost])
    error_then_night(laden, "2026-04-07")
    assert fate(laden, "first", "2026-04-07") == ("gated", "load", "points:7:6")
    laden.nightly("2026-04-08 02:00")
    assert fate(laden, "first", "2026-04-08")[0] == "won"


# --- what skips them --------------------------------------------------------------------------------------------------


def test_an_urgent_mail_goes_over_caps_load_and_open_windows(tell: Tell) -> None:
    rules = MAILS.replace("lead_to: {setting: next_step}}, goal: booked", "lead_to: {setting: next_step}, urgent: true}, goal: forward")
    story = tell(rules=rules, order=PUSH, channels=LOADS.replace("load: 1", "load: 1, caps: {per_day: 1}"), settings=LIMIT.replace("6", "1"))
    story.given(a_customer())
    error_then_night(story, "2026-04-11", "2026-04-12")
    assert (fate(story, "first", "2026-04-11")[0], fate(story, "second", "2026-04-12")[0]) == ("won", "won")
    story.dispatch("2026-04-13 09:00")
    assert {rule: state for rule, state, _ in story.states()}["second"] == "sent"


@pytest.mark.parametrize(("in_response", "fate_of_second"), [("", ("gated", "cap", "per_day:1")), (", in_response: true", ("won", None, None))])
def test_a_popup_that_answers_an_error_goes_over_the_cap(tell: Tell, in_response: str, fate_of_second: tuple[str, str | None, str | None]) -> None:
    popup = "{{trigger: {{event: {}}}, when: [{{errors: {{at_least: 0}}}}], do: {{show: popup, template: popup/note, lead_to: {{setting: next_step}}{}}}}}"
    rules = f"\n  greet: {popup.format('product.login', '')}\n  explain: {popup.format('product.error', in_response)}\n"
    story = tell(
        rules=rules, order="pull: [explain, greet]", channels=CHANNELS.replace("deliver_within: 1m", "deliver_within: 1m, caps: {per_day: 1}")
    )
    story.given(a_customer())
    assert [each.outcome for each in story.happens(a_record("product.login", at="2026-04-07 10:00")).decisions] == ["won"]
    [answer] = story.happens(a_record("product.error", at="2026-04-07 10:00")).decisions
    assert (answer.outcome, answer.reason, answer.detail) == fate_of_second


# --- appointments -----------------------------------------------------------------------------------------------------


def test_with_an_appointment_ahead_there_are_reminders_only(tell: Tell) -> None:
    mail = "{{when: [{{errors: {{at_least: 1}}}}], do: {{send: mail, from: desk, template: mail/plain, lead_to: {{setting: next_step}}{}}}}}"
    rules = f"""
  ring-up: {{when: [{{errors: {{at_least: 1}}}}], do: {{task: call, script: call/note, due_business_days: 2}}}}
  hurry: {mail.format(", urgent: true")}
  write: {mail.format("")}
  remind: {mail.format(", reminder: true")}
  tidy: {{when: [{{errors: {{at_least: 1}}}}], do: {{task: crm, script: crm/note, due_business_days: 2}}}}
"""
    facts = """
  course_on: {label: 講習日, attribute: crm.course_on, type: date}
  days_to_course: {label: 講習までの日数, days_until: course_on}
"""
    order = "human: [ring-up], push: [hurry, write, remind], internal: [tidy]"
    story = tell(rules=rules, order=order, facts=facts, settings="appointment: [{days_to_course: {between: [0, 30]}}]\n")
    story.given(a_customer(AZURE), a_record("crm.course_on", value="2026-04-07", at="2026-04-01 10:00"))
    error_then_night(story, "2026-04-07", "2026-04-08")
    ahead = ("gated", "appointment_ahead")
    assert {rule: found[:2] for rule, found in story.decisions(slot="2026-04-07").items()} == {
        "ring-up": ahead,
        "hurry": ahead,
        "write": ahead,
        "remind": ("won", None),
        "tidy": ("won", None),
    }
    assert fate(story, "ring-up", "2026-04-08")[0] == "won"
