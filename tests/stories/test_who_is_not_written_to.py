"""Opted out, bounced, excluded, paused, only planned, or nobody can tell: no mail, and the reason is kept."""

import pytest

from tests.builders import AZURE, a_contact, a_customer, a_record, a_stalled_customer, at
from tests.inbox import Inbox
from tests.story import Story

TANAKA = "tanaka@aozora.example.jp"


@pytest.mark.parametrize("kind", ["opted_out", "bounced"])
def test_a_suppressed_address_is_not_planned_for(story: Story, inbox: Inbox, kind: str) -> None:
    story.given(a_stalled_customer())
    story.suppress("Tanaka@Aozora.example.jp", kind, when="2026-04-01 10:00")
    story.nightly("2026-04-07 02:00")
    story.dispatch("2026-04-07 09:00")
    assert story.decisions() == {"next-setting": ("gated", kind, kind)}
    assert (story.touches(), inbox.mails) == ([], [])


@pytest.mark.parametrize("kind", ["opted_out", "bounced"])
def test_a_wish_between_decision_and_sending_is_kept(story: Story, inbox: Inbox, kind: str) -> None:
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    story.suppress(TANAKA, kind, when="2026-04-07 08:59")
    story.dispatch("2026-04-07 09:00")
    assert story.states() == [("next-setting", "dropped", kind)]
    assert inbox.mails == []


def test_an_address_allowed_again_is_written_to(story: Story, inbox: Inbox) -> None:
    from engine.pipeline import ops

    story.given(a_stalled_customer())
    story.suppress(TANAKA, "opted_out", when="2026-04-01 10:00")
    story.nightly("2026-04-07 02:00")
    story.clock.set(at("2026-04-07 12:00"))
    assert ops.unsuppress(story.system, TANAKA, "opted_out") == 1
    story.nightly("2026-04-08 02:00")
    story.dispatch("2026-04-08 09:00")
    assert inbox.recipients() == [TANAKA]


def test_an_account_whose_main_contact_opted_out_gets_no_mail_through_another(story: Story, inbox: Inbox) -> None:
    story.given(a_stalled_customer(), a_contact("tanaka", main=True, at="2026-03-03 10:00"))
    story.given(a_contact("sato", email="sato@aozora.example.jp", name="佐藤"))
    story.suppress(TANAKA, "opted_out", when="2026-04-01 10:00")
    story.nightly("2026-04-07 02:00")
    assert story.decisions()["next-setting"][:2] == ("gated", "opted_out")
    assert inbox.mails == []


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(a_record("sfa.contract", value="closed", at="2026-04-01 10:00"), id="never: the contract is closed"),
        pytest.param(a_record("sfa.lost", at="2026-04-01 10:00"), id="closed_by: the customer was lost"),
    ],
)
def test_an_excluded_account_gets_nothing(story: Story, told: object) -> None:
    story.given(a_stalled_customer(), [told])
    story.nightly("2026-04-07 02:00")
    assert story.decisions() == {"next-setting": ("gated", "excluded", "never")}


def test_a_contract_closed_after_the_night_stops_the_mail(story: Story, inbox: Inbox) -> None:
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    story.given(a_record("sfa.contract", value="closed", at="2026-04-07 08:00"))
    story.dispatch("2026-04-07 09:00")
    assert (story.states(), story.touch().detail) == ([("next-setting", "dropped", "excluded")], "never")
    assert inbox.mails == []


@pytest.mark.parametrize(
    ("scope", "name"),
    [("all", ""), ("channel", "mail"), ("rule", "next-setting"), ("account", AZURE)],
    ids=["everything", "the channel", "the rule", "the account"],
)
def test_a_pause_in_force_at_night_is_a_reason(story: Story, scope: str, name: str) -> None:
    story.given(a_stalled_customer())
    story.pause(scope, name, since="2026-04-06 18:00")
    story.nightly("2026-04-07 02:00")
    assert story.decisions()["next-setting"][:2] == ("gated", "paused")


@pytest.mark.parametrize("scope_name", [("rule", "readiness"), ("account", "midori")], ids=lambda each: each[1])
def test_a_pause_of_something_else_stops_nobody(story: Story, scope_name: tuple[str, str]) -> None:
    story.given(a_stalled_customer(), a_stalled_customer("midori"))
    story.pause(*scope_name, since="2026-04-06 18:00")
    story.nightly("2026-04-07 02:00")
    assert story.decisions()["next-setting"][0] == "won"


def test_a_pause_during_dispatch_holds_and_resume_sends(story: Story, inbox: Inbox) -> None:
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    story.pause("rule", "next-setting", since="2026-04-07 08:30")
    story.dispatch("2026-04-07 09:00")
    assert (story.states(), inbox.mails) == ([("next-setting", "pending", "held")], [])
    story.resume("rule", "next-setting", when="2026-04-07 10:00")
    story.dispatch("2026-04-07 10:00")
    assert story.states() == [("next-setting", "sent", None)]
    assert len(inbox.mails) == 1


def test_a_pause_ends_by_itself(story: Story, inbox: Inbox) -> None:
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    story.pause("all", since="2026-04-07 08:30", until="2026-04-07 13:00")
    story.dispatch("2026-04-07 12:59")
    assert inbox.mails == []
    story.dispatch("2026-04-07 13:00")
    assert len(inbox.mails) == 1


def test_a_rule_in_stage_plan_reaches_nobody_and_is_counted(story: Story, inbox: Inbox) -> None:
    story.given(a_customer(applied="2026-03-02 10:00"), a_record("product.login", at="2026-03-30 10:00"))
    story.given(a_record("product.settings_completed", at="2026-04-06 10:00"))
    night = story.nightly("2026-04-07 02:00")
    story.dispatch("2026-04-07 09:00")
    assert story.decisions() == {"keep-in-touch": ("gated", "stage", "plan")}
    assert night.outcomes["keep-in-touch"]["stage"] == 1
    assert (story.touches(), inbox.mails) == ([], [])


def test_a_rule_set_back_to_plan_after_the_night_sends_nothing(story: Story, inbox: Inbox) -> None:
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    story.change_rules("rules/push.yaml", "defaults: {stage: share, owner: sato}", "defaults: {stage: plan, owner: sato}")
    story.dispatch("2026-04-07 09:00")
    assert (story.states(), story.touch().detail) == ([("next-setting", "dropped", "stage")], "plan")
    assert inbox.mails == []


# --- what nobody knows ------------------------------------------------------------------------------------------------


def test_a_silent_product_log_proves_no_stall(story: Story, inbox: Inbox) -> None:
    story.given(a_stalled_customer())
    night = story.nightly("2026-04-07 02:00", stale=["product"])
    assert (story.decisions(), night.outcomes["next-setting"]) == ({}, {"match": 0, "unknown": 1})
    story.dispatch("2026-04-07 09:00")
    assert inbox.mails == []


def test_a_product_log_that_fell_silent_after_the_night_stops_the_mail(story: Story, inbox: Inbox) -> None:
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    for day in ("07", "08"):
        story.heard(f"2026-04-{day} 02:00", stale=["product"])
    story.dispatch("2026-04-08 15:00", stale=["product"])
    assert story.states() == [("next-setting", "dropped", "no_longer_true")]
    assert inbox.mails == []


@pytest.mark.parametrize(
    "silent",
    [pytest.param("sfa", id="SFA"), pytest.param("help", id="the help site")],
)
@pytest.mark.parametrize(
    "finished",
    [pytest.param((), id="initial settings"), pytest.param(("product.settings_completed",), id="the selection flow")],
)
def test_sfa_silent_for_ten_days_changes_nothing_for_setting_mails(story: Story, inbox: Inbox, silent: str, finished: tuple[str, ...]) -> None:
    story.given(a_stalled_customer(since="2026-03-26 10:00"), *(a_record(event, at="2026-03-30 10:00") for event in finished))
    story.heard("2026-03-27 02:00")
    story.nightly("2026-04-07 02:00", stale=[silent])
    story.dispatch("2026-04-07 09:00", stale=[silent])
    assert [outcome for outcome, _, _ in story.decisions().values() if outcome == "won"] == ["won"]
    assert len(inbox.mails) == 1


def test_a_silent_cti_may_hide_an_open_case(story: Story) -> None:
    """Absence of a case proves nothing while nobody can hear of one, so nobody is written to."""
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00", stale=["cti"])
    assert story.decisions() == {}


def test_a_weekend_is_no_outage_of_a_batch_source(story: Story) -> None:
    """36 business hours: what was heard on Friday evening is fresh on Monday morning, though 56 hours went by."""
    story.given(a_stalled_customer(since="2026-03-26 10:00"))
    story.heard("2026-04-03 18:00")
    story.nightly("2026-04-06 02:00", stale=["cti", "crm", "sfa"])
    assert story.decisions()["next-setting"][0] == "won"


def test_a_date_that_was_never_heard_matches_no_rule_about_it(story: Story) -> None:
    story.given(a_stalled_customer())
    night = story.nightly("2026-04-07 02:00")
    assert "readiness" not in story.decisions()
    assert night.outcomes["readiness"] == {"match": 0, "unknown": 1}


@pytest.mark.parametrize(
    ("said", "unknown"),
    [pytest.param("そのうち", 1, id="no date"), pytest.param("", 1, id="cleared"), pytest.param("2026年4月20日", 0, id="a date as people write it")],
)
def test_a_value_that_is_no_date_counts_as_unknown(story: Story, said: str, unknown: int) -> None:
    story.given(a_stalled_customer(), a_record("hearing.guidance_start", value=said, at="2026-03-20 10:00"))
    night = story.nightly("2026-04-07 02:00")
    assert night.outcomes["readiness"].get("unknown", 0) == unknown


def test_nobody_whose_guidance_starts_in_months_is_pushed(story: Story) -> None:
    story.given(a_stalled_customer(), a_record("hearing.guidance_start", value="2026-09-01", at="2026-03-20 10:00"))
    story.nightly("2026-04-07 02:00")
    assert story.decisions() == {}


# --- to whom ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "written_to"),
    [
        pytest.param([], "abe@aozora.example.jp", id="nothing known: the smallest id"),
        pytest.param([a_record("product.login", contact="sato", at="2026-03-30 10:00")], "sato@aozora.example.jp", id="who logged in last"),
        pytest.param(
            [
                *a_contact("tanaka", main=True, email=None, name=None, at="2026-03-05 10:00"),
                a_record("product.login", contact="sato", at="2026-03-30 10:00"),
            ],
            TANAKA,
            id="who was said to be the main one, before a login",
        ),
        pytest.param(
            [
                *a_contact("tanaka", main=True, email=None, name=None, at="2026-03-05 10:00"),
                *a_contact("sato", main=True, email=None, name=None, at="2026-03-06 10:00"),
            ],
            "sato@aozora.example.jp",
            id="of two main ones the later",
        ),
        pytest.param(
            [
                *a_contact("tanaka", main=True, email=None, name=None, at="2026-03-05 10:00"),
                *a_contact("tanaka", main=False, email=None, name=None, at="2026-03-06 10:00"),
            ],
            "abe@aozora.example.jp",
            id="no longer the main one",
        ),
    ],
)
def test_the_main_contact_is_written_to(story: Story, inbox: Inbox, more: list[object], written_to: str) -> None:
    story.given(a_customer(), a_record("product.login", at="2026-03-30 10:00"))
    story.given(a_contact("abe", email="abe@aozora.example.jp", name="阿部"), a_contact("sato", email="sato@aozora.example.jp", name="佐藤"))
    story.given(more)
    story.nightly("2026-04-07 02:00")
    story.dispatch("2026-04-07 09:00")
    assert inbox.recipients() == [written_to]


def test_a_main_contact_without_an_address_is_gated(story: Story) -> None:
    story.given(a_stalled_customer(), a_contact("sato", email=None, name="佐藤", main=True))
    story.nightly("2026-04-07 02:00")
    assert story.decisions() == {"next-setting": ("gated", "bounced", "no_address")}


def test_an_address_that_is_none_fails_the_touch_and_not_the_worker(story: Story, inbox: Inbox) -> None:
    story.given(a_stalled_customer(email="田中@青空.jp"), a_stalled_customer("midori"))
    story.nightly("2026-04-07 02:00")
    story.dispatch("2026-04-07 09:00")
    assert inbox.recipients() == ["tanaka@midori.example.jp"]
    assert story.states()[0][1:] == ("failed", "unwritable")
    assert story.touch().detail == "not_an_address:田中@青空.jp"


def test_who_took_over_since_the_night_gets_the_mail(story: Story, inbox: Inbox) -> None:
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    story.given(a_contact("sato", email="sato@aozora.example.jp", name="佐藤", main=True, at="2026-04-07 08:00"))
    story.dispatch("2026-04-07 09:00")
    assert inbox.recipients() == ["sato@aozora.example.jp"]
    assert "佐藤 様" in inbox.mails[0].text
    assert "田中" not in inbox.mails[0].text
