"""A night says the same before, while and after it runs: plan, a run interrupted and resumed, and explain of a night long past."""

import pytest

from engine.pipeline import matched, ops
from engine.pipeline.explain import explain
from engine.pipeline.nightly import nightly
from engine.pipeline.plan import plan
from engine.records.record import Record
from tests.builders import AZURE, a_customer, a_record, a_stalled_customer, at
from tests.inbox import Inbox
from tests.story import Story, quiet


def a_crowd(number: int = 30) -> list[list[Record]]:
    """Companies at many points of the route; some with errors, dates, closed contracts or open cases."""
    crowd = []
    for index in range(number):
        account = f"c{index:02d}"
        records = a_stalled_customer(account) if index % 7 else a_customer(account)
        if index % 3 == 0:
            records += [a_record("product.setting_error", account=account, at=f"2026-04-0{day} 10:00") for day in (1, 2, 3)]
        if index % 4 == 0:
            records += [a_record("hearing.guidance_start", account=account, value="2026-04-20", at="2026-03-25 10:00")]
        if index % 5 == 0:
            records += [a_record("product.settings_completed", account=account, at="2026-03-31 10:00")]
        if index % 11 == 0:
            records += [a_record("sfa.contract", account=account, value="closed", at="2026-04-01 10:00")]
        if index % 13 == 0:
            records += [a_record("support.case_opened", account=account, key="k", at="2026-04-02 10:00")]
        crowd.append(records)
    return crowd


def test_plan_says_what_the_night_will_do(story: Story) -> None:
    story.given(*a_crowd())
    story.heard("2026-04-07 02:00")
    planned = plan(story.system, at("2026-04-07 02:00"), quiet)
    night = story.nightly("2026-04-07 02:00")
    won: dict[str, list[str]] = {}
    for touch in story.touches():
        won.setdefault(touch.rule, []).append(touch.account_id)
    assert {rule.rule_id: sorted(rule.winners) for rule in planned.rules if rule.winners} == {
        rule: sorted(accounts) for rule, accounts in won.items()
    }
    assert (planned.accounts, planned.won) == (night.accounts, night.won) == (30, len(story.touches()))
    for rule in planned.rules:
        counted = night.outcomes[rule.rule_id]
        gated_and_lost = sum(number for word, number in counted.items() if word not in {"match", "unknown", "won"})
        assert (rule.matched, rule.unknown, rule.won, rule.gated + rule.lost) == (
            counted["match"],
            counted["unknown"],
            counted.get("won", 0),
            gated_and_lost,
        )
    assert len(won) >= 3


def test_plan_writes_nothing(story: Story) -> None:
    story.given(*a_crowd(8))
    story.heard("2026-04-07 02:00")
    first = plan(story.system, at("2026-04-07 02:00"), quiet)
    assert (story.touches(), story.decisions("c01")) == ([], {})
    assert plan(story.system, at("2026-04-07 02:00"), quiet) == first


# --- a night interrupted ----------------------------------------------------------------------------------------------


class PowerCut(Exception):
    """The machine went down."""


def interrupted(story: Story, when: str, after_batches: int) -> None:
    """A night that ends in the middle."""
    seen = 0

    def cut(_what: str, _done: int, _total: int) -> None:
        nonlocal seen
        seen += 1
        if seen > after_batches:
            raise PowerCut

    story.clock.set(at(when))
    story.heard(when)
    with pytest.raises(PowerCut):
        nightly(story.system, story.clock.now(), cut)
    story.restart()


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matched, "BATCH", 7)


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("after_batches", [0, 2])
def test_a_night_interrupted_and_resumed_decides_what_an_uninterrupted_one_does(
    story: Story, tmp_path_factory: pytest.TempPathFactory, after_batches: int
) -> None:
    whole = Story(tmp_path_factory.mktemp("whole"))
    for each in (story, whole):
        each.given(*a_crowd())
    interrupted(story, "2026-04-07 02:00", after_batches)
    decided_before_the_cut = story.all_decisions()
    resumed = story.nightly("2026-04-07 05:00")
    uncut = whole.nightly("2026-04-07 02:00")
    assert bool(decided_before_the_cut) == bool(after_batches)
    assert story.all_decisions() == whole.all_decisions()
    assert story.touches() == whole.touches()
    assert (resumed.instant, resumed.accounts, resumed.matched, resumed.won, resumed.outcomes) == (
        *(uncut.instant, uncut.accounts, uncut.matched, uncut.won, uncut.outcomes),
    )
    whole.close()


@pytest.mark.usefixtures("small_batches")
def test_what_came_between_the_cut_and_the_resumption_belongs_to_the_next_night(story: Story) -> None:
    story.given(a_stalled_customer(), a_stalled_customer("midori"))
    interrupted(story, "2026-04-07 02:00", 0)
    story.given(a_record("product.settings_completed", at="2026-04-06 18:00", known="2026-04-07 03:00"))
    story.nightly("2026-04-07 05:00")
    assert {touch.account_id for touch in story.touches()} == {AZURE, "midori"}
    assert explain(story.system, AZURE, at("2026-04-07 02:00")).next_step == "initial_settings"


def test_records_that_a_resumed_night_saw_coming_are_not_counted_twice(story: Story, inbox: Inbox) -> None:
    """Three errors made the rule true; one day later they are out of its week, and two that came after the cut are not three."""
    story.given(a_stalled_customer())
    story.given(*(a_record("product.setting_error", at=f"2026-04-01 1{hour}:00") for hour in range(3)))
    interrupted(story, "2026-04-07 02:00", 0)
    story.given(*(a_record("product.setting_error", at=f"2026-04-07 02:1{minute}") for minute in range(2)))
    story.nightly("2026-04-07 05:00")
    assert story.states() == [("support-guide", "pending", None)]
    story.dispatch("2026-04-08 09:00")
    assert story.facts("2026-04-08 09:00")["errors_7"] == 2
    assert (story.states(), inbox.mails) == ([("support-guide", "dropped", "no_longer_true")], [])


# --- a night long past ------------------------------------------------------------------------------------------------


def seen(story: Story, when: str, account: str = AZURE) -> dict[str, tuple[str, str | None, str | None]]:
    """What explain says of every rule that matched."""
    rules = explain(story.system, account, at(when)).rules
    return {rule.rule_id: (rule.outcome, rule.reason, rule.detail) for rule in rules if rule.outcome not in {"not_matched", "unknown"}}


def test_explain_of_a_past_night_says_what_that_night_said(story: Story) -> None:
    """Whatever became of the touches since, and whatever was told, wished or paused later."""
    story.given(*a_crowd(6), a_stalled_customer())
    nights = ("2026-04-07", "2026-04-08", "2026-04-11", "2026-04-12")
    for day in nights:
        story.nightly(f"{day} 02:00")
        if day != "2026-04-11":
            story.dispatch(f"{day} 09:00")
    story.given(a_record("product.settings_completed", at="2026-04-06 12:00", known="2026-04-20 10:00"))
    story.suppress("tanaka@aozora.example.jp", "opted_out", when="2026-04-20 10:00")
    story.pause("all", since="2026-04-20 10:00")
    ops.resume(story.system, "all", "")
    story.dispatch("2026-04-30 09:00")
    compared = 0
    for account in (AZURE, *(f"c{index:02d}" for index in range(6))):
        for day in nights:
            decided = story.decisions(account, slot=day)
            assert seen(story, f"{day} 02:00", account) == decided
            compared += len(decided)
    assert compared > 20


def test_explain_of_a_night_whose_mail_expired_still_says_it_was_under_way(story: Story) -> None:
    story.given(a_stalled_customer())
    story.nightly("2026-04-11 02:00")
    story.given(*(a_record("product.setting_error", at=f"2026-04-11 1{hour}:00") for hour in range(3)))
    story.nightly("2026-04-12 02:00")
    story.dispatch("2026-04-20 09:00")
    assert story.states()[0] == ("next-setting", "expired", "expired")
    assert seen(story, "2026-04-12 02:00")["support-guide"] == ("gated", "window_open", "under_way:next-setting")


def test_explain_between_nights_says_what_a_night_would_say(story: Story) -> None:
    story.given(a_stalled_customer())
    story.heard("2026-04-07 12:00")
    assert seen(story, "2026-04-07 12:00") == {"next-setting": ("won", None, None)}
    assert explain(story.system, AZURE, at("2026-04-07 12:00")).stored is None
    assert seen(story, "2026-03-31 12:00") == {}
