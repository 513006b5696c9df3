"""What people of ops say is taken at its word, and refused where it would do nothing: addresses, pauses, touches that are unknown."""

import json
from collections.abc import Callable

import pytest

from engine.cli.app import main
from engine.errors import BansoError
from engine.pipeline import ops
from engine.touches.delivery import DeliveryReason
from engine.touches.touch import State
from tests.builders import AZURE, a_stalled_customer
from tests.inbox import CUT, Inbox
from tests.story import Story

TANAKA = "tanaka@aozora.example.jp"


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises(BansoError) as refused:
        act()
    return refused.value.faults[0].code


# --- addresses --------------------------------------------------------------------------------------------------------


def test_lifting_a_bounce_leaves_the_wish_not_to_be_written_to(story: Story, inbox: Inbox) -> None:
    story.given(a_stalled_customer())
    story.suppress(TANAKA, "opted_out", when="2026-04-01 08:00")
    story.suppress(TANAKA, "bounced", when="2026-04-02 08:00")
    assert ops.unsuppress(story.system, TANAKA, "bounced") == 1
    story.nightly("2026-04-07 02:00")
    story.dispatch("2026-04-07 09:00")
    assert story.decisions()["next-setting"] == ("gated", "opted_out", "opted_out")
    assert inbox.mails == []


@pytest.mark.parametrize("typed", [f" {TANAKA}", f"{TANAKA} ", f"\t{TANAKA.upper()}\n"], ids=["before", "after", "around"])
def test_blanks_around_an_address_do_not_let_it_through(story: Story, inbox: Inbox, typed: str) -> None:
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    story.suppress(typed, "opted_out", when="2026-04-07 08:00")
    story.dispatch("2026-04-07 09:00")
    assert (story.states(), inbox.mails) == ([("next-setting", "dropped", "opted_out")], [])


@pytest.mark.parametrize("typed", ["notanaddress", "", "田中@青空.jp", "a@x.jp, b@x.jp", "Tanaka <tanaka@aozora.example.jp>"])
def test_what_is_no_address_is_refused(story: Story, typed: str) -> None:
    assert code_of(lambda: ops.suppress(story.system, typed, "opted_out", "by hand")) == "E645"
    assert code_of(lambda: ops.unsuppress(story.system, typed, "opted_out")) == "E645"


def test_to_lift_one_must_say_what(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["-w", str(story.config.workspace), "--state", str(story.config.state_folder), "--lang", "en", "suppress", TANAKA]
    assert main(command) == 0
    assert main([*command, "--lift"]) == 64
    assert main([*command, "--lift", "--kind", "bounced"]) == 0
    assert "0 suppressions" in capsys.readouterr().out
    assert main([*command, "--lift", "--kind", "opted_out"]) == 0
    assert "1 suppressions" in capsys.readouterr().out


# --- pauses -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "typed", "near"),
    [("rule", "next-seting", "next-setting"), ("channel", "mial", "mail"), ("account", "aozra", AZURE)],
    ids=["rule", "channel", "account"],
)
def test_a_pause_of_a_mistyped_name_is_refused_with_the_near_one(
    story: Story, capsys: pytest.CaptureFixture[str], scope: str, typed: str, near: str
) -> None:
    story.given(a_stalled_customer(), a_stalled_customer("midori"))
    place = ["-w", str(story.config.workspace), "--state", str(story.config.state_folder), "--lang", "en"]
    assert main([*place, "ops", "pause", scope, typed, "--until", "2099-01-01", "--reason", "x"]) == 1
    said = capsys.readouterr().err
    assert f"{typed} E646 " in said
    assert f"Did you mean `{near}`?" in said


def test_an_account_that_looks_like_no_other_is_refused_without_a_guess(story: Story) -> None:
    story.given(a_stalled_customer())
    assert ops.nearest_account(story.system, "0000") is None


def test_a_pause_that_is_over_is_refused(story: Story) -> None:
    assert code_of(lambda: story.pause("all", since="2026-04-07 09:00", until="2026-04-07 09:00")) == "E647"


def test_the_end_of_a_pause_is_shown_with_its_year(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    place = ["-w", str(story.config.workspace), "--state", str(story.config.state_folder), "--lang", "en"]
    assert main([*place, "ops", "pause", "all", "--until", "2099-01-02", "--reason", "x"]) == 0
    assert "2099-01-02" in capsys.readouterr().out
    assert main([*place, "ops", "status"]) == 0
    assert "2099-01-02" in capsys.readouterr().out


# --- touches of which nobody can tell ---------------------------------------------------------------------------------


def test_a_touch_settled_after_its_deadline_expires_and_that_is_said(story: Story, inbox: Inbox, capsys: pytest.CaptureFixture[str]) -> None:
    inbox.answer_content(TANAKA, CUT)
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    story.dispatch("2026-04-07 09:00")
    place = ["-w", str(story.config.workspace), "--state", str(story.config.state_folder), "--lang", "en"]
    assert main([*place, "ops", "settle", story.touch().id, "not-sent", "--at", "2026-04-13T09:00"]) == 0
    assert "deadline has passed" in capsys.readouterr().out
    story.dispatch("2026-04-13 09:00")
    assert (story.states(), len(inbox.mails)) == ([("next-setting", "expired", "expired")], 1)


def test_what_is_settled_tells_the_state_it_is_in(story: Story, inbox: Inbox) -> None:
    inbox.answer_content(TANAKA, CUT)
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    story.dispatch("2026-04-07 09:00")
    settled = [ops.settle(story.system, story.touch().id, was_sent=False) for _ in range(2)]
    assert settled == [State.PENDING, None]


# --- why touches wait or ended ----------------------------------------------------------------------------------------


def test_status_says_why_touches_wait_or_ended(story: Story, inbox: Inbox, capsys: pytest.CaptureFixture[str]) -> None:
    inbox.answer_content("tanaka@a.example.jp", "554 5.7.1 spam")
    inbox.answer_content("tanaka@b.example.jp", CUT)
    for account in ("a", "b", "c"):
        story.given(a_stalled_customer(account))
    story.nightly("2026-04-07 02:00")
    story.pause("account", "c", since="2026-04-07 08:00")
    story.dispatch("2026-04-07 09:00")
    assert ops.status(story.system).reasons == {
        "failed": {DeliveryReason.REFUSED: 1},
        "pending": {DeliveryReason.HELD: 1},
        "unknown": {DeliveryReason.NO_REPLY: 1},
    }
    place = [
        "-w",
        str(story.config.workspace),
        "--state",
        str(story.config.state_folder),
        "--lang",
        "en",
        "ops",
        "status",
        "--at",
        "2026-04-07T09:00",
    ]
    assert main(place) == 0
    said = capsys.readouterr().out
    assert "refused by the receiving server" in said
    assert "held by a pause" in said
    assert main([*place, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["reasons"]["unknown"] == {"no_reply": 1}


def test_lifting_a_pause_needs_no_name_that_still_exists(story: Story) -> None:
    assert ops.resume(story.system, "rule", "renamed-since") == 0
