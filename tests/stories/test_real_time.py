"""In real time: a record comes in, the rules that wait for it are judged at once, or later where they say so."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from threading import Barrier, Thread
from typing import Any

import pytest

from engine.pipeline import folds
from engine.pipeline.realtime import Reaction, judge_dues, on_event, take_in
from engine.pipeline.system import System
from engine.records.record import Record
from engine.touches.touch import State
from tests.builders import CHANNELS, a_contact, a_customer, a_record, at
from tests.stories.conftest import Tell
from tests.story import Story

GREET = """
  greet: {trigger: {event: product.login}, when: [{next_step: set_up}], again: {at_most: 9},
          do: {show: popup, template: popup/note, lead_to: {setting: next_step}}}
"""
REPLY = """
  hurry: {trigger: {event: product.applied, after: 60m}, when: [{unanswered: {at_least: 1}}], again: {at_most: 9},
          do: {send: mail, from: desk, template: mail/plain, lead_to: {setting: next_step}, urgent: true}}
"""
UNANSWERED = "  unanswered: {label: 未返信, open_items: {opened: product.applied, closed: product.answered, key: case_id}}\n"


def outcomes(reaction: Reaction) -> dict[str, str]:
    return {each.candidate.rule_id: each.outcome for each in reaction.decisions}


def saying(record: Record, **properties: object) -> Record:
    return replace(record, properties=json.dumps(properties))


def with_popup(tell: Tell, changed: Sequence[tuple[str, str]] = (), **written: str) -> Story:
    rules = GREET
    for old, new in changed:
        rules = rules.replace(old, new)
    story = tell(rules=rules, order="pull: [greet]", **written)
    story.given(a_customer())
    return story


def test_an_account_that_cannot_be_judged_holds_up_nobody_elses_mail(tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    story = tell(rules=REPLY, facts=UNANSWERED, order="push: [hurry]")
    for account in ("bad", "good"):
        story.given(a_customer(account))
        story.happens(a_record("product.applied", account=account, key="k1", at="2026-04-07 10:00"))
    story.clock.set(at("2026-04-07 11:05"))
    honest = folds.judge_one

    def judge_one(system: System, account: str, *args: Any, **named: Any) -> Any:
        if account == "bad":
            raise ArithmeticError(account)
        return honest(system, account, *args, **named)

    monkeypatch.setattr(folds, "judge_one", judge_one)
    story.heard("2026-04-07 11:05")
    story.sweep_and_send()
    assert [(touch.account_id, touch.state) for touch in story.touches()] == [("good", "sent")]
    monkeypatch.undo()
    story.dispatch("2026-04-07 12:06")
    assert {touch.account_id: touch.state for touch in story.touches()} == {"bad": "sent", "good": "sent"}


# --- popups -----------------------------------------------------------------------------------------------------------


def test_a_popup_is_for_the_person_on_the_screen(tell: Tell) -> None:
    """Not for the main contact, whom a mail would reach."""
    story = with_popup(tell)
    story.given(a_contact("suzuki", email="suzuki@aozora.example.jp"), a_contact("tanaka", main=True))
    [shown] = story.happens(a_record("product.login", contact="suzuki", at="2026-04-07 10:00")).touches
    assert (shown.contact_id, shown.address, shown.due_at, shown.deadline) == (
        *("suzuki", "suzuki@aozora.example.jp"),
        *(at("2026-04-07 10:00"), at("2026-04-07 10:01")),
    )


def test_a_popup_needs_no_office_hours(tell: Tell) -> None:
    story = with_popup(tell)
    [shown] = story.happens(a_record("product.login", at="2026-04-11 23:30")).touches
    assert (shown.due_at, shown.state) == (at("2026-04-11 23:30"), State.PENDING)


def test_nobody_dispatches_a_popup_and_what_was_not_shown_in_time_never_was(tell: Tell) -> None:
    """The next login is greeted although `at_most` is one."""
    story = with_popup(tell, [("again: {at_most: 9}", "again: {at_most: 1}")])
    story.happens(a_record("product.login", at="2026-04-07 10:00"))
    assert not story.dispatch("2026-04-07 10:01")
    assert story.touch().state is State.PENDING
    assert not story.dispatch("2026-04-07 10:02")
    assert (story.touch().state, story.touch().reason) == (State.EXPIRED, "expired")
    assert outcomes(story.happens(a_record("product.login", at="2026-04-07 10:03"))) == {"greet": "won"}


def test_a_popup_kept_back_for_comparison_is_not_shown(tell: Tell) -> None:
    story = with_popup(tell, [("greet: {", "greet: {holdout: {percent: 50}, ")])
    story.given(a_customer("kawa"))  # in the draw of this rule kawa is among the first two percent
    reaction = story.happens(a_record("product.login", account="kawa", at="2026-04-07 10:00"))
    assert (outcomes(reaction), reaction.touches) == ({"greet": "withheld"}, [])
    assert [touch.state for touch in story.touches("kawa")] == [State.WITHHELD]


def test_a_trigger_may_ask_for_the_records_properties(tell: Tell) -> None:
    story = with_popup(tell, [("{event: product.login}", "{event: product.page_viewed, where: {page: settings, visit: 3}}")])
    seen = [
        story.happens(saying(a_record("product.page_viewed", at=f"2026-04-07 10:0{minute}"), **properties))
        for minute, properties in enumerate(({"page": "home", "visit": 3}, {"page": "settings"}, {"page": "settings", "visit": "3"}))
    ]
    assert [outcomes(each) for each in seen] == [{}, {}, {}]
    assert outcomes(story.happens(saying(a_record("product.page_viewed", at="2026-04-07 10:05"), page="settings", visit=3, more=1))) == {
        "greet": "won"
    }


def test_a_popup_may_be_for_people_of_one_role(tell: Tell) -> None:
    story = with_popup(tell, [("template: popup/note", "template: popup/note, where: {role: admin}")])
    story.given(
        a_contact("suzuki"), a_record("contact.role", value="admin", contact="suzuki"), a_record("contact.role", value="staff", contact="tanaka")
    )
    logins = [a_record("product.login", contact=contact, at=f"2026-04-07 10:0{minute}") for minute, contact in enumerate((None, "tanaka", "suzuki"))]
    assert [outcomes(story.happens(login)) for login in logins] == [{}, {}, {"greet": "won"}]


def test_one_popup_wins_and_posts_to_the_team_go_beside_it(tell: Tell) -> None:
    second = "  second: {trigger: [{event: product.login}, {event: product.error}], when: [{errors: {at_least: 1}}], do: {show: popup, template: popup/note, lead_to: {setting: next_step}}}\n"
    post = "  cheer: {trigger: {event: product.login}, when: [{next_step: set_up}], do: {post: team, text: slack/note}}\n"
    story = tell(rules=GREET + second + post, order="pull: [second, greet], internal: [cheer]", settings='notify: {team: "slack:#team"}\n')
    story.given(a_customer())
    assert outcomes(story.happens(a_record("product.login", at="2026-04-07 10:00"))) == {"greet": "won", "cheer": "won"}
    assert outcomes(story.happens(a_record("product.error", at="2026-04-07 10:05"))) == {"second": "won"}
    assert outcomes(story.happens(a_record("product.login", at="2026-04-08 10:10"))) == {"second": "gated", "greet": "won", "cheer": "gated"}
    story.nightly("2026-04-09 02:00")
    assert story.decisions(slot="2026-04-09") == {}


# --- the same record, and two at once ---------------------------------------------------------------------------------


def test_the_same_record_twice_adds_nothing(tell: Tell) -> None:
    story = with_popup(tell)
    login = a_record("product.login", at="2026-04-07 10:00")
    assert outcomes(story.happens(login)) == {"greet": "won"}
    story.clock.set(at("2026-04-07 10:20"))
    again = on_event(story.system, login)
    assert (again.decisions, again.touches, len(story.touches())) == ([], [], 1)


def test_a_record_told_again_does_not_look_anew(tell: Tell) -> None:
    """Its rule was not true when it came; that it is true by now is nothing that this record brought."""
    story = with_popup(tell, [("{next_step: set_up}", "{errors: {at_least: 1}}")])
    login = a_record("product.login", at="2026-04-07 10:00")
    assert outcomes(story.happens(login)) == {}
    story.given(a_record("product.error", at="2026-04-07 10:10"))
    story.clock.set(at("2026-04-07 10:20"))
    assert (outcomes(on_event(story.system, login)), story.touches()) == ({}, [])


def test_events_at_the_same_moment_do_not_break_a_cap(tell: Tell) -> None:
    story = with_popup(tell, channels=CHANNELS.replace("deliver_within: 1m", "deliver_within: 1m, caps: {per_day: 1}"))
    story.clock.set(at("2026-04-07 10:00"))
    systems = [System(story.config, story.clock, look_seconds=0.0) for _ in range(3)]
    gate, answers = Barrier(len(systems)), []

    def log_in(number: int, system: System) -> None:
        gate.wait()
        answers.append(on_event(system, a_record("product.login", at="2026-04-07 10:00", key=f"{number}")))

    threads = [Thread(target=log_in, args=each) for each in enumerate(systems)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for system in systems:
        system.close()
    assert sorted((each.decisions[0].outcome, each.decisions[0].reason) for each in answers) == [("gated", "cap"), ("gated", "cap"), ("won", None)]
    assert len(story.touches()) == 1


# --- a door that dies -------------------------------------------------------------------------------------------------


class Killed(Exception):
    """The process that took the record in ended here."""


@dataclass
class Watched:
    """The story's clock; something happens when it is looked at the second time: the record is in, and about to be judged."""

    story: Story
    happens: Callable[[], object]
    looks: int = 0

    def now(self) -> int:
        self.looks += 1
        if self.looks == 2:
            self.happens()
        return self.story.clock.now()


def answered_by(story: Story, record: Record, happens: Callable[[], object]) -> Reaction:
    """A door of its own takes the record in, while something else happens."""
    story.clock.set(record.occurred_at)
    door = System(story.config, Watched(story, happens), look_seconds=0.0)
    try:
        return on_event(door, record)
    finally:
        door.close()


def dies() -> None:
    raise Killed


def test_a_record_whose_door_died_before_it_was_answered_is_answered_by_the_sweep(tell: Tell) -> None:
    story = tell(rules=REPLY.replace(", after: 60m", ""), order="push: [hurry]", facts=UNANSWERED)
    story.given(a_customer())
    with pytest.raises(Killed):
        answered_by(story, a_record("product.applied", at="2026-04-07 14:00", key="c1"), dies)
    assert story.touches() == []
    assert story.dispatch("2026-04-07 14:05") == {"sent": 1}
    assert not story.dispatch("2026-04-07 14:30")
    assert len(story.touches()) == 1


def test_the_sweep_leaves_a_record_to_the_door_that_is_answering_it(tell: Tell) -> None:
    """However often it looks before and after, the record is answered once."""
    story = tell(rules=REPLY.replace(", after: 60m", ""), order="push: [hurry]", facts=UNANSWERED)
    story.given(a_customer())
    swept = list[int]()
    reaction = answered_by(story, a_record("product.applied", at="2026-04-07 14:00", key="c1"), lambda: swept.append(judge_dues(story.system)))
    assert (outcomes(reaction), swept) == ({"hurry": "won"}, [0])
    story.clock.set(at("2026-04-07 14:05"))
    assert (judge_dues(story.system), len(story.touches())) == (0, 1)


def test_a_door_that_was_slower_than_the_sweep_adds_nothing(tell: Tell) -> None:
    story = tell(rules=REPLY.replace(", after: 60m", ""), order="push: [hurry]", facts=UNANSWERED)
    story.given(a_customer())

    def sweep_much_later() -> None:
        story.clock.set(at("2026-04-07 14:02"))
        assert judge_dues(story.system) == 1

    reaction = answered_by(story, a_record("product.applied", at="2026-04-07 14:00", key="c1"), sweep_much_later)
    assert (outcomes(reaction), len(story.touches())) == ({}, 1)


def test_a_popup_whose_moment_is_over_is_not_made_up_for(tell: Tell) -> None:
    story = with_popup(tell)
    with pytest.raises(Killed):
        answered_by(story, a_record("product.login", at="2026-04-07 10:00"), dies)
    story.dispatch("2026-04-07 10:05")
    assert story.touches() == []


# --- later, and urgent ------------------------------------------------------------------------------------------------


@pytest.fixture
def applied(tell: Tell) -> Story:
    """An application came in on Tuesday 7 April at ten; after an hour without an answer a mail is to go out."""
    story = tell(rules=REPLY, order="push: [hurry]", facts=UNANSWERED)
    story.given(a_customer())
    reaction = story.happens(a_record("product.applied", at="2026-04-07 10:00", key="c1"))
    assert (reaction.decisions, reaction.later) == ([], ["hurry"])
    return story


def test_what_waits_an_hour_is_judged_when_the_hour_is_over(applied: Story) -> None:
    assert not applied.dispatch("2026-04-07 10:59")
    assert applied.touches() == []
    assert applied.dispatch("2026-04-07 11:00") == {"sent": 1}
    assert applied.touch().sent_at == at("2026-04-07 11:00")
    assert not applied.dispatch("2026-04-07 11:30")
    assert len(applied.touches()) == 1


def test_what_is_no_longer_true_after_an_hour_is_not_sent(applied: Story) -> None:
    applied.given(a_record("product.answered", at="2026-04-07 10:40", key="c1"))
    assert not applied.dispatch("2026-04-07 11:00")
    applied.given(a_record("product.applied", at="2026-04-07 11:10", key="c2"))  # not through the door that answers at once
    assert not applied.dispatch("2026-04-07 12:30")
    assert applied.touches() == []


def test_the_same_record_twice_waits_once(applied: Story) -> None:
    applied.clock.set(at("2026-04-07 10:30"))
    again = on_event(applied.system, a_record("product.applied", at="2026-04-07 10:00", key="c1"))
    assert not again.later
    assert applied.dispatch("2026-04-07 11:30") == {"sent": 1}
    assert len(applied.touches()) == 1


@pytest.mark.parametrize(
    ("came", "goes"),
    [
        pytest.param("2026-04-07 14:00", "2026-04-07 14:00", id="at once in the afternoon"),
        pytest.param("2026-04-07 19:30", "2026-04-08 09:00", id="in the morning after the quiet hours"),
        pytest.param("2026-04-11 12:00", "2026-04-13 09:00", id="on Monday after the weekend"),
    ],
)
def test_an_urgent_mail_goes_at_once_but_within_hours(tell: Tell, came: str, goes: str) -> None:
    story = tell(rules=REPLY.replace(", after: 60m", ""), order="push: [hurry]", facts=UNANSWERED)
    story.given(a_customer())
    [touch] = story.happens(a_record("product.applied", at=came, key="c1")).touches
    assert (touch.due_at, touch.contact_id) == (at(goes), "tanaka")
    if came != goes:
        assert not story.dispatch(came)
    assert story.dispatch(goes) == {"sent": 1}


def test_of_two_rules_that_look_at_the_same_moment_one_wins(tell: Tell) -> None:
    second = REPLY.replace("hurry: {", "second: {goal: booked, ")
    story = tell(rules=REPLY + second, order="push: [second, hurry]", facts=UNANSWERED)
    story.given(a_customer())
    assert sorted(story.happens(a_record("product.applied", at="2026-04-07 10:00", key="c1")).later) == ["hurry", "second"]
    story.dispatch("2026-04-07 11:00")
    assert [touch.rule for touch in story.touches()] == ["second"]


@pytest.mark.parametrize(("named", "sent"), [("faster: {", {}), ("faster: {was: [hurry], ", {"sent": 1})])
def test_a_rule_taken_away_while_it_waited_is_not_judged_and_a_renamed_one_is(applied: Story, named: str, sent: dict[str, int]) -> None:
    applied.change_rules("rules/rules.yaml", "hurry: {", named)
    applied.change_rules("rules/order.yaml", "hurry", "faster")
    assert applied.dispatch("2026-04-07 11:00") == sent


def test_a_record_that_is_told_again_is_answered_once(tell: Tell) -> None:
    story = tell(rules=REPLY.replace(", after: 60m", ""), facts=UNANSWERED, order="push: [hurry]")
    story.given(a_customer())
    record = a_record("product.applied", key="c1", at="2026-04-07 10:00")
    told = []
    for minute in range(2):
        with story.system.ledger.write() as connection:
            told.append(take_in(connection, story.system.workspace, [record], at(f"2026-04-07 10:0{minute}")))
    assert [[due.rule for dues in answers for due in dues] for answers in told] == [["hurry"], []]
