"""The brake: a rule that would reach many times its usual night waits until a person looked."""

from collections import Counter
from datetime import date, timedelta

import pytest

from engine.ledger import approvals
from engine.ledger import decisions as ledger_decisions
from engine.ledger import touches as ledger_touches
from engine.pipeline.nightly import nightly
from engine.touches.touch import State
from tests.builders import a_customer, a_touch, at
from tests.stories.conftest import Tell
from tests.story import Story

WRITE = "\n  write: {when: [{next_step: set_up}], do: {send: mail, from: desk, template: mail/plain, lead_to: {setting: next_step}}}\n"
BRAKE = "brake: {times: 3, at_least: 5}\n"
PAUSED = ("gated", "paused", "rule:write:brake%3A 8 > 3 x 2")


def crowded(tell: Tell, accounts: int, *, rules: str = WRITE, order: str = "push: [write]", settings: str = "") -> Story:
    """So many customers for whom the rule is right."""
    story = tell(rules=rules, order=order, settings=BRAKE + settings)
    story.given([record for number in range(accounts) for record in a_customer(f"c{number}")])
    return story


def nights_before(story: Story, last: str, *numbers: int, rule: str = "write") -> None:
    """Nights one day after another until `last`, each of which made so many touches of the rule, long sent."""
    days = [date.fromisoformat(last) - timedelta(days=back) for back in reversed(range(len(numbers)))]
    for day, number in zip(days, numbers, strict=True):
        when = f"{day} 02:00"
        sent = [
            a_touch(f"{day}/{each}", account=f"old-{day}-{each}", rule=rule, decided_at=when, due_at=f"{day} 09:00", state=State.SENT)
            for each in range(number)
        ]
        with story.system.ledger.write() as connection:
            slot = ledger_decisions.open_slot(connection, "nightly", f"{day}", at(when), story.system.workspace.hash, at(when))
            ledger_touches.add_touches(connection, sent)
            ledger_decisions.finish_slot(connection, slot, at(when), {})


def allow(story: Story, accounts: int, *, on: str) -> None:
    """Somebody approved the rule as it stands, having seen how many it would reach."""
    with story.system.ledger.write() as connection:
        approvals.approve(connection, "write", story.system.workspace.contents["write"], "sato", at(on), accounts)


# --- stopped, and what becomes of its touches -------------------------------------------------------------------------


def test_a_rule_that_reaches_four_times_its_usual_night_waits_for_a_person(tell: Tell) -> None:
    story = crowded(tell, 8)
    nights_before(story, "2026-04-08", *[2] * 10)
    assert story.nightly("2026-04-09 02:00").braked == ["write"]
    assert not story.dispatch("2026-04-09 09:00")["sent"]
    assert {touch.state for touch in story.touches()} == {State.PENDING}
    story.resume("rule", "write", when="2026-04-09 11:00")
    assert story.dispatch("2026-04-09 11:01") == {"sent": 8}


def test_touches_of_a_braked_rule_are_never_sent_late(tell: Tell) -> None:
    story = crowded(tell, 8)
    nights_before(story, "2026-04-08", *[2] * 10)
    story.nightly("2026-04-09 02:00")
    story.nightly("2026-04-10 02:00")
    assert story.decisions("c0")["write"] == PAUSED
    story.dispatch("2026-04-12 12:00")
    assert {(touch.state, touch.reason) for touch in story.touches()} == {(State.EXPIRED, "expired")}
    story.resume("rule", "write", when="2026-04-12 18:00")
    assert story.nightly("2026-04-13 02:00").won == 8


def test_nothing_of_a_night_goes_out_before_the_brake_looked_at_it(tell: Tell) -> None:
    """A night that is late decides in office hours, when its mails are due at once and workers are awake."""
    story = crowded(tell, 8)
    nights_before(story, "2026-04-08", *[2] * 10)
    story.heard("2026-04-09 11:00")
    story.clock.set(at("2026-04-09 11:00"))
    sent = Counter[str]()
    night = nightly(story.system, at("2026-04-09 11:00"), lambda *_: sent.update(story.sweep_and_send()))
    assert (night.braked, sent) == (["write"], {})
    story.resume("rule", "write", when="2026-04-09 11:05")
    assert story.dispatch("2026-04-09 11:06") == {"sent": 8}


def test_what_a_person_let_go_on_is_what_is_usual_from_then_on(tell: Tell) -> None:
    story = crowded(
        tell, 8, rules=WRITE.replace("lead_to: {setting: next_step}}", "lead_to: {setting: next_step}}, again: {at_most: 9, after_days: 3}")
    )
    nights_before(story, "2026-04-08", *[2] * 10)
    assert story.nightly("2026-04-09 02:00").braked == ["write"]
    story.resume("rule", "write", when="2026-04-09 11:00")
    assert story.dispatch("2026-04-09 11:01") == {"sent": 8}
    night = story.nightly("2026-04-12 02:00")
    assert (night.won, night.braked) == (8, [])


def test_the_end_of_a_pause_that_ops_set_themselves_says_nothing_of_what_is_usual(tell: Tell) -> None:
    story = crowded(tell, 8)
    nights_before(story, "2026-04-08", *[2] * 10)
    story.pause("rule", "write", since="2026-04-08 10:00", until="2026-04-30 00:00")
    story.resume("rule", "write", when="2026-04-08 11:00")
    assert story.nightly("2026-04-09 02:00").braked == ["write"]


# --- what is usual ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accounts", "usual", "braked"),
    [
        pytest.param(6, 2, [], id="three times its usual night is still usual"),
        pytest.param(7, 2, ["write"], id="more than three times is not"),
        pytest.param(4, 0, [], id="so few never matter"),
        pytest.param(5, 0, ["write"], id="enough to matter, from none at all"),
    ],
)
def test_three_times_the_usual_night_and_at_least_five(tell: Tell, accounts: int, usual: int, braked: list[str]) -> None:
    story = crowded(tell, accounts)
    nights_before(story, "2026-04-08", *[usual] * 7)
    assert story.nightly("2026-04-09 02:00").braked == braked


def test_one_wild_night_is_not_what_is_usual(tell: Tell) -> None:
    story = crowded(tell, 8)
    nights_before(story, "2026-04-08", 2, 2, 2, 90, 2, 2, 2)
    assert story.nightly("2026-04-09 02:00").braked == ["write"]


def test_nights_after_closed_days_are_compared_with_each_other(tell: Tell) -> None:
    """Sundays and Mondays decide after a closed day: nine each in the last weeks, all other days none."""
    story = crowded(tell, 8)
    weeks = [0, 0, 0, 0, 9, 9, 0] * 2  # from Wednesday 25 March to Tuesday 7 April
    nights_before(story, "2026-04-07", *weeks)
    assert story.nightly("2026-04-12 02:00").braked == []


def test_who_is_kept_back_for_comparison_is_not_reached(tell: Tell) -> None:
    """Of seven customers the draw keeps two back; seven would be more than three times two."""
    story = crowded(tell, 7, rules=WRITE.replace("write: {", "write: {holdout: {percent: 50}, "))
    nights_before(story, "2026-04-08", *[2] * 7)
    night = story.nightly("2026-04-09 02:00")
    assert (len(story.touches()), night.won, night.braked) == (7, 5, [])


def test_in_its_first_week_a_rule_is_measured_by_the_count_at_its_approval(tell: Tell) -> None:
    story = crowded(tell, 8)
    allow(story, 3, on="2026-04-08 12:00")
    assert story.nightly("2026-04-09 02:00").braked == []
    other = crowded(tell, 8)
    allow(other, 2, on="2026-04-08 12:00")
    assert other.nightly("2026-04-09 02:00").braked == ["write"]


def test_nights_before_its_approval_say_nothing_about_a_rule(tell: Tell) -> None:
    """The workspace is old, the rule is new: that it never wrote to anybody is no reason to stop it on its first night."""
    story = crowded(tell, 8)
    nights_before(story, "2026-04-08", *[0] * 20)
    allow(story, 8, on="2026-04-08 12:00")
    assert story.nightly("2026-04-09 02:00").braked == []


def test_a_renamed_rule_keeps_its_usual_night(tell: Tell) -> None:
    story = crowded(tell, 8, rules=WRITE.replace("write: {", "write: {was: [send], "))
    nights_before(story, "2026-04-08", *[8] * 7, rule="send")
    assert story.nightly("2026-04-09 02:00").braked == []
