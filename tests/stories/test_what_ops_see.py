"""What ops people see of what waits, what failed and how fresh the sources are, and what they may put back."""

import json

import pytest
from sqlalchemy import update

from engine.calendar import MINUTE, SECOND
from engine.cli.app import main
from engine.ledger.overview import Wanted
from engine.ledger.records import add_quarantine
from engine.ledger.tables import slots
from engine.pipeline import ops
from engine.pipeline.ops.by_hand import Retried, to_retry
from engine.pipeline.ops.life import LONGEST_TASK
from engine.pipeline.sweep import sweep
from engine.touches.delivery import DeliveryReason
from engine.touches.touch import State
from tests.builders import AZURE, a_record, a_stalled_customer, at
from tests.inbox import CUT, Inbox
from tests.story import Story

TANAKA = "tanaka@aozora.example.jp"
SPAM = "554 5.6.0 content refused"


def banso(story: Story, *words: str, language: str = "en") -> int:
    place = ["-w", str(story.config.workspace), "--state", str(story.config.state_folder), "--lang", language]
    return main([*place, *words])


@pytest.fixture
def refused(story: Story, inbox: Inbox) -> Story:
    """One mail that the receiver refused for its content, on 7 April at nine."""
    inbox.answer_content(TANAKA, SPAM)
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    story.dispatch("2026-04-07 09:00")
    assert story.states() == [("next-setting", "failed", "refused")]
    return story


def retry(story: Story, touch_id: str | None = None, *, rules: tuple[str, ...] = (), reason: str | None = None) -> Retried:
    return ops.retry(story.system, to_retry(touch_id, rules, reason), "sato")


# --- what waits -------------------------------------------------------------------------------------------------------


def test_the_queue_says_what_waits_and_why_the_oldest_first(story: Story, inbox: Inbox, capsys: pytest.CaptureFixture[str]) -> None:
    inbox.answer("tanaka@a.example.jp", "451 4.7.1 later")
    for account in ("a", "b", "c"):
        story.given(a_stalled_customer(account))
    story.nightly("2026-04-07 02:00")
    (before,) = ops.queue(story.system).waiting
    assert (before.rule, before.state, before.reason, before.number, before.due) == ("next-setting", "pending", None, 3, 0)
    story.pause("account", "c", since="2026-04-07 08:00")
    story.dispatch("2026-04-07 09:00")
    waiting = ops.queue(story.system).waiting
    assert [(each.channel, each.reason, each.number) for each in waiting] == [("mail", DeliveryReason.HELD, 1), ("mail", DeliveryReason.LATER, 1)]
    assert [each.oldest_due for each in waiting] == sorted(each.oldest_due for each in waiting)
    assert banso(story, "ops", "queue", "--at", "2026-04-07T09:00") == 0
    said = capsys.readouterr().out
    assert "held by a pause" in said
    assert "try again later" in said
    assert banso(story, "ops", "queue", "--json") == 0
    assert {each["rule"] for each in json.loads(capsys.readouterr().out)["waiting"]} == {"next-setting"}


def test_an_empty_queue_says_so(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    assert banso(story, "ops", "queue", language="ja") == 0
    assert "待っているものはありません" in capsys.readouterr().out


def test_a_run_that_never_finished_is_seen_with_what_it_holds(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    with story.system.ledger.write() as connection:
        connection.execute(update(slots).values(finished_at=None))
    (run,) = ops.queue(story.system).unfinished
    assert (run.slot, run.held) == ("nightly/2026-04-07", 1)
    for command in ("queue", "status"):
        assert banso(story, "ops", command) == 0
        assert "nightly/2026-04-07 began" in capsys.readouterr().out


# --- what failed ------------------------------------------------------------------------------------------------------


@pytest.fixture
def failed(story: Story, inbox: Inbox) -> Story:
    """One refused, one unknown, one that expired a week later, one sent."""
    inbox.answer_content("tanaka@a.example.jp", SPAM)
    inbox.answer_content("tanaka@b.example.jp", CUT)
    for account in ("a", "b", "c", "d"):
        story.given(a_stalled_customer(account))
    story.nightly("2026-04-07 02:00")
    story.pause("account", "c", since="2026-04-07 08:00")
    story.dispatch("2026-04-07 09:00")
    story.dispatch("2026-04-14 09:00")
    return story


def seen(story: Story, **wanted: object) -> list[tuple[str, str]]:
    return [(touch.account_id, touch.state.value) for touch in ops.failures(story.system, Wanted(**wanted))]


def test_failures_are_newest_first_and_hide_what_went_well(failed: Story) -> None:
    assert seen(failed)[0] == ("c", "expired")
    assert sorted(seen(failed)) == [("a", "failed"), ("b", "unknown"), ("c", "expired")]
    assert seen(failed, limit=1) == [("c", "expired")]
    assert seen(failed, since=at("2026-04-08 00:00")) == [("c", "expired")]
    assert seen(failed, states=("unknown",)) == [("b", "unknown")]
    assert seen(failed, rules=("another",)) == []


def test_failures_are_told_with_reason_and_reply(failed: Story, capsys: pytest.CaptureFixture[str]) -> None:
    assert banso(failed, "ops", "failures") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "refused by the" in said
    assert "5.6.0" in said
    assert banso(failed, "ops", "failures", "--only", "failed", "--rule", "next-setting", "--since", "2026-04-07", "--json") == 0
    (only,) = json.loads(capsys.readouterr().out)
    assert (only["account_id"], only["reason"], only["reply"], only["at"]) == ("a", "refused", SPAM, at("2026-04-07 09:00"))
    assert banso(failed, "ops", "failures", "--only", "sent") == 64


# --- what may be put back ---------------------------------------------------------------------------------------------


def test_what_was_refused_goes_out_again_under_the_same_message_id(refused: Story, inbox: Inbox) -> None:
    before = refused.touch()
    refused.clock.set(at("2026-04-07 11:00"))
    assert retry(refused, before.id).again == [before.id]
    after = refused.touch()
    assert (after.state, after.reason, after.detail, after.reply) == (State.PENDING, DeliveryReason.RETRIED, "by:sato", None)
    refused.dispatch("2026-04-07 11:00")
    assert refused.states() == [("next-setting", "sent", None)]
    assert [mail.message_id for mail in inbox.mails] == [before.message_id]
    assert refused.touch().attempt == before.attempt + 1


def test_who_put_it_back_stays_in_the_log_of_records(refused: Story) -> None:
    retry(refused, refused.touch().id)
    refused.dispatch("2026-04-07 11:00")
    with refused.system.records(accounts=[AZURE]) as records:
        (said,) = records.duck.execute("SELECT properties FROM records WHERE event = 'mail.retried'").fetchone() or ("{}",)
    assert json.loads(said)["by"] == "sato"
    assert json.loads(said)["after"] == "refused"


NO_ADDRESS = "田中@青空.jp"  # a mail to it cannot be written


def test_what_could_not_be_written_is_written_when_that_is_mended(story: Story, inbox: Inbox) -> None:
    story.given(a_stalled_customer(email=NO_ADDRESS))
    story.nightly("2026-04-07 02:00")
    story.dispatch("2026-04-07 09:00")
    assert story.states() == [("next-setting", "failed", "unwritable")]
    story.given(a_record("contact.email", value=TANAKA, contact="tanaka", at="2026-04-07 10:00"))
    assert retry(story, rules=("next-setting",)).again == [story.touch().id]
    story.dispatch("2026-04-07 11:00")
    assert (story.states(), inbox.recipients()) == ([("next-setting", "sent", None)], [TANAKA])


def left(story: Story, touch_id: str) -> list[str]:
    done = retry(story, touch_id)
    assert done.again == []
    return [why for _, why in done.left]


def test_what_was_sent_or_waits_is_never_put_back(story: Story, inbox: Inbox) -> None:
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    assert left(story, story.touch().id) == ["not_failed"]
    story.dispatch("2026-04-07 09:00")
    assert left(story, story.touch().id) == ["may_be_sent"]
    assert len(inbox.mails) == 1


def test_what_is_unknown_is_never_put_back(story: Story, inbox: Inbox) -> None:
    inbox.answer_content(TANAKA, CUT)
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    story.dispatch("2026-04-07 09:00")
    assert left(story, story.touch().id) == ["may_be_sent"]


def test_what_was_unknown_once_is_not_put_back_although_the_last_attempt_was_refused(story: Story, inbox: Inbox) -> None:
    """The first letter may have arrived, whatever became of the second."""
    inbox.answer_content(TANAKA, CUT, SPAM)
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    story.dispatch("2026-04-07 09:00")
    ops.settle(story.system, story.touch().id, was_sent=False)
    story.dispatch("2026-04-07 10:00")
    assert story.states() == [("next-setting", "failed", "refused")]
    assert left(story, story.touch().id) == ["may_be_sent"]


def test_what_is_too_late_stays(refused: Story) -> None:
    refused.clock.set(refused.touch().deadline + 1)
    assert left(refused, refused.touch().id) == ["too_late"]


def test_a_mailbox_that_is_none_is_not_tried_again(story: Story, inbox: Inbox) -> None:
    inbox.answer(TANAKA, "550 5.1.1 no such user")
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    story.dispatch("2026-04-07 09:00")
    assert left(story, story.touch().id) == ["no_mailbox"]


def test_what_another_was_decided_in_place_of_stays(story: Story, inbox: Inbox) -> None:
    """What could not be written counts for nothing, so that the next night decides anew; both must not go out."""
    story.given(a_stalled_customer(email=NO_ADDRESS))
    story.nightly("2026-04-07 02:00")
    story.dispatch("2026-04-07 09:00")
    first = story.touch()
    story.nightly("2026-04-08 02:00")
    assert left(story, first.id) == ["replaced"]


def test_a_touch_put_back_twice_is_put_back_once(refused: Story) -> None:
    touch_id = refused.touch().id
    assert retry(refused, reason="refused").again == [touch_id]
    assert retry(refused, reason="refused").again == []


def test_the_command_says_what_it_put_back_and_what_it_left(refused: Story, capsys: pytest.CaptureFixture[str]) -> None:
    touch_id = refused.touch().id
    assert banso(refused, "ops", "retry", touch_id, "--at", "2026-04-07T10:00", "--as", "sato") == 0
    assert "1 touches wait again" in capsys.readouterr().out
    assert banso(refused, "ops", "retry", touch_id, "--at", "2026-04-07T10:00") == 1
    assert "it has not failed" in capsys.readouterr().out
    assert banso(refused, "ops", "retry", "never-heard-of") == 1
    assert "E649" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["t1", "--rule", "next-setting"], ["--reason", "bounced"]], ids=["nothing", "two ways", "no such reason"])
def test_an_order_that_names_nothing_clearly_is_not_understood(story: Story, words: list[str]) -> None:
    assert banso(story, "ops", "retry", *words) == 64


# --- sources ----------------------------------------------------------------------------------------------------------


def test_a_stale_source_stands_first_with_the_rules_it_makes_unsure(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    story.clock.set(at("2026-04-07 09:00"))
    story.heard("2026-04-07 09:00", stale=["crm"])
    first, *others = ops.sources(story.system)
    assert (first.name, first.stale, first.load) == ("crm", True, None)
    assert first.unsure
    assert set(first.unsure) <= set(story.system.workspace.rules)
    assert not any(each.stale for each in others)
    assert banso(story, "ops", "sources", "--at", "2026-04-07T09:00") == 0
    assert f"While crm is stale, {len(first.unsure)} rules" in capsys.readouterr().out


# --- processes --------------------------------------------------------------------------------------------------------


def test_a_process_is_alive_silent_or_hangs(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    story.clock.set(at("2026-04-07 09:00"))
    ops.sign_of_life(story.system, "frozen")
    story.clock.advance(2 * MINUTE)
    ops.sign_of_life(story.system, "stuck", busy_since=story.clock.now() - LONGEST_TASK - SECOND)
    ops.sign_of_life(story.system, "busy", busy_since=story.clock.now() - LONGEST_TASK)
    ops.sign_of_life(story.system, "clock", "scheduler")
    ops.sign_of_life(story.system, "gone")
    ops.farewell(story.system, "gone")
    seen = {each.name: each.condition for each in ops.status(story.system).workers}
    assert seen == {"frozen": "silent", "stuck": "hanging", "busy": "alive", "clock": "alive"}
    assert banso(story, "ops", "status", "--at", "2026-04-07T09:02") == 0
    said = capsys.readouterr().out
    assert "silent" in said
    assert "hangs" in said


def test_who_is_silent_for_more_than_a_day_is_missed_no_more(story: Story) -> None:
    story.clock.set(at("2026-04-07 09:00"))
    ops.sign_of_life(story.system, "frozen")
    story.clock.set(at("2026-04-08 09:01"))
    assert ops.status(story.system).workers == []


# --- receivers and the unknown ----------------------------------------------------------------------------------------


def test_status_names_the_relay_that_is_left_alone_and_the_unknown(story: Story, inbox: Inbox, capsys: pytest.CaptureFixture[str]) -> None:
    inbox.answer_content("tanaka@a.example.jp", CUT)
    for account in ("a", "b", "c", "d"):
        story.given(a_stalled_customer(account))
        inbox.answer(f"tanaka@{account}.example.jp", *(["421 4.3.2 closing"] * 9 if account != "a" else []))
    story.nightly("2026-04-07 02:00")
    story.clock.set(at("2026-04-07 09:00"))
    for _ in range(4):
        sweep_and_wait(story)
    found = ops.status(story.system)
    assert "relay:mail" in {each.name for each in found.breakers}
    assert banso(story, "ops", "status", "--at", "2026-04-07T09:04") == 0
    said = capsys.readouterr().out
    assert "failures in a row" in said
    assert ("nobody can tell" in said) == bool(found.unknown)


def sweep_and_wait(story: Story) -> None:
    story.sweep_and_send()
    story.clock.advance(MINUTE)


def test_the_oldest_due_touch_is_seen_until_it_is_sent(story: Story, inbox: Inbox) -> None:
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    assert ops.lateness(story.system).seconds == 0
    due = story.touch().due_at
    story.clock.set(due + 899 * SECOND)
    assert (ops.lateness(story.system).seconds, ops.lateness(story.system).is_late) == (899, False)
    story.clock.set(due + 901 * SECOND)
    assert ops.lateness(story.system).is_late
    sweep(story.system, lambda *_: None)
    assert ops.lateness(story.system).is_late
    story.dispatch("2026-04-07 11:00")
    assert ops.lateness(story.system).seconds == 0


def test_what_hangs_on_a_run_that_never_finished_is_late_too(story: Story) -> None:
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    with story.system.ledger.write() as connection:
        connection.execute(update(slots).values(finished_at=None))
    story.clock.set(at("2026-04-07 12:00"))
    assert ops.lateness(story.system).is_late


def test_what_was_kept_aside_is_shown_with_its_place_and_its_words(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    assert banso(story, "ops", "refused") == 0
    assert "Nothing is kept aside." in capsys.readouterr().out
    rows = [{"file": "crm.csv", "line": 7, "reason": "bad_time", "body": '{"at": "yesterday [red]"}'}]
    with story.system.ledger.write() as connection:
        add_quarantine(connection, "crm", rows, at("2026-04-07 10:00"))
        add_quarantine(connection, "product", [{"file": "http:app", "line": None, "reason": "structure", "body": "{}"}], at("2026-04-07 11:00"))
    assert banso(story, "ops", "refused") == 0
    told = capsys.readouterr().out
    assert told.index("http:app") < told.index("crm.csv:7"), "the newest first"
    assert "yesterday [red]" in told
    assert banso(story, "ops", "refused", "crm") == 0
    told = capsys.readouterr().out
    assert ("crm.csv:7" in told, "http:app" in told) == (True, False)
