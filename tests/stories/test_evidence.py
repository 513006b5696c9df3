"""What nobody can tell is settled by evidence: the relay's log or a journal; and where there is none, by the kind of mail."""

import os
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from engine.calendar import MINUTE, SECOND, moment_of
from engine.errors import BansoError
from engine.ledger import touches as ledger_touches
from engine.pipeline.reconcile import Reconciled, reconcile
from engine.pipeline.sweep import sweep
from engine.touches.touch import Touch
from tests.builders import a_customer, a_record, a_stalled_customer, at
from tests.inbox import CUT, Inbox
from tests.stories.conftest import Tell
from tests.story import Story

TANAKA = "tanaka@aozora.example.jp"
TOKYO = ZoneInfo("Asia/Tokyo")


@pytest.fixture
def unclear(story: Story, inbox: Inbox) -> Story:
    """A mail of which nobody can tell: the line broke after the final dot, and the relay had taken it."""
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    inbox.answer_content(TANAKA, CUT)
    story.dispatch("2026-04-07 09:00")
    assert story.touch().state == "unknown"
    return story


def line(instant: int, part: str, queue: str, rest: str) -> str:
    return f"{moment_of(instant, TOKYO).isoformat()} relay postfix/{part}[812]: {queue}: {rest}\n"


def log_of(touch: Touch | None, until: str, *, since: str = "2026-04-07 08:00", active: bool = True) -> str:
    """A relay's log from a minute until another: other people's mail, and that of the touch unless it is None."""
    seen = at("2026-04-07 09:00")
    lines = [
        line(at(since), "master", "1A1A", "daemon started"),
        line(seen, "cleanup", "3F1A", "message-id=<somebody@else.example>"),
        line(seen, "qmgr", "3F1A", "from=<a@b.example>, size=1 (queue active)"),
    ]
    if touch is not None:
        lines.append(line(seen, "cleanup", "4B2C", f"message-id={touch.message_id}"))
        if active:
            lines.append(line(seen, "qmgr", "4B2C", "from=<cs@banso.example>, size=9 (queue active)"))
    return "".join([*lines, line(at(until), "qmgr", "9Z9Z", "removed")])


def with_log(story: Story, text: str) -> Path:
    path = story.folder / "mail.log"
    path.write_text(text, encoding="utf-8")
    story.config = story.config.model_copy(update={"relay_log": path})
    story.restart()
    return path


def test_a_letter_that_the_relay_logged_was_sent(unclear: Story, inbox: Inbox) -> None:
    with_log(unclear, log_of(unclear.touch(), until="2026-04-07 09:01"))
    unclear.dispatch("2026-04-07 09:02")
    touch = unclear.touch()
    assert (touch.state, touch.reason, touch.sent_at) == ("sent", "evidence_taken", at("2026-04-07 09:00"))
    assert unclear.facts("2026-04-07 09:02")["mails_7"] == 1
    assert len(inbox.mails) == 1


def test_a_letter_absent_from_a_complete_log_goes_out_again_in_the_same_bytes(unclear: Story, inbox: Inbox) -> None:
    first = inbox.mails.pop()  # the relay lost what it had taken
    path = with_log(unclear, log_of(None, until="2026-04-07 09:10"))
    unclear.dispatch("2026-04-07 09:30")
    assert unclear.touch().state == "unknown", "a frozen worker might still have handed it over after 9:10"
    path.write_text(log_of(None, until="2026-04-07 09:16"), encoding="utf-8")
    unclear.dispatch("2026-04-07 09:31")
    assert (unclear.touch().state, [mail.body for mail in inbox.mails]) == ("sent", [first.body])


def test_a_log_that_begins_after_the_letter_proves_nothing_by_silence(unclear: Story) -> None:
    """Logs are rotated: the line that tells of it may stand in the one before."""
    path = with_log(unclear, log_of(None, until="2026-04-07 09:20", since="2026-04-07 08:58"))
    unclear.dispatch("2026-04-07 09:30")
    assert unclear.touch().state == "unknown"
    path.with_name("mail.log.1").write_text(log_of(unclear.touch(), until="2026-04-07 09:01"), encoding="utf-8")
    unclear.dispatch("2026-04-07 09:32")
    assert (unclear.touch().state, unclear.touch().reason) == ("sent", "evidence_taken")


def test_evidence_is_read_once_a_minute_however_many_sweep(unclear: Story) -> None:
    path = with_log(unclear, log_of(None, until="2026-04-07 09:01"))
    unclear.dispatch("2026-04-07 09:30")
    path.write_text(log_of(unclear.touch(), until="2026-04-07 09:01"), encoding="utf-8")
    unclear.clock.set(at("2026-04-07 09:30") + 59 * SECOND)
    sweep(unclear.system, lambda _channel, _ids: None)
    assert unclear.touch().state == "unknown"
    unclear.clock.set(at("2026-04-07 09:31"))
    sweep(unclear.system, lambda _channel, _ids: None)
    assert unclear.touch().state == "sent"


def test_a_listing_of_which_nobody_can_tell_is_not_on_the_list(tell: Tell) -> None:
    """The ledger is the list: what was not committed as listed is not on it, and no relay's log knows of it."""
    ring_up = "\n  ring-up: {when: [{errors: {at_least: 1}}], do: {task: call, script: call/note, due_business_days: 2}, goal: talked}\n"
    story = tell(rules=ring_up, order="human: [ring-up]")
    story.given(a_customer("haru"), a_record("product.error", account="haru", at="2026-04-01 10:00"))
    story.nightly("2026-04-07 02:00")
    story.clock.set(at("2026-04-07 10:00"))
    with story.system.ledger.write() as connection:
        (taken,) = ledger_touches.claim(connection, [story.touch("haru").id], "worker-1", at("2026-04-07 10:00"), at("2026-04-07 10:01"), 1)
        assert ledger_touches.begin_sending(connection, [(taken, b"")], "worker-1", at("2026-04-07 10:00"), at("2026-04-07 10:01"))
    story.clock.set(at("2026-04-07 10:02"))
    sweep(story.system, lambda _channel, _ids: None)
    assert story.touch("haru").state == "unknown", "its worker died"
    story.dispatch("2026-04-07 10:04")
    assert (story.touch("haru").state, story.touch("haru").attempt) == ("sent", 2)


def test_a_letter_that_the_relay_began_to_read_and_dropped_is_no_proof(unclear: Story) -> None:
    with_log(unclear, log_of(unclear.touch(), until="2026-04-07 09:01", active=False))
    unclear.dispatch("2026-04-07 09:02")
    assert unclear.touch().state == "unknown"


def test_a_copy_in_the_journal_is_proof(unclear: Story, inbox: Inbox) -> None:
    journal = unclear.folder / "journal"
    (journal / "new").mkdir(parents=True)
    (journal / "new" / "1.copy").write_bytes(inbox.mails[0].body)
    unclear.config = unclear.config.model_copy(update={"journal": journal})
    unclear.restart()
    unclear.dispatch("2026-04-07 09:02")
    assert (unclear.touch().state, unclear.touch().reason) == ("sent", "evidence_taken")


def test_a_journal_without_it_is_proof_only_when_later_letters_are_there(unclear: Story, inbox: Inbox) -> None:
    journal = unclear.folder / "journal"
    (journal / "new").mkdir(parents=True)
    other = journal / "new" / "2.other"
    other.write_bytes(b"Message-ID: <other@else.example>\r\n\r\nhi\r\n")
    first = journal / "new" / "1.first"
    first.write_bytes(b"Message-ID: <first@else.example>\r\n\r\nhi\r\n")
    os.utime(first, (at("2026-04-07 08:00") / 1e6,) * 2)
    unclear.config = unclear.config.model_copy(update={"journal": journal})
    unclear.restart()
    for until, now, state in (("2026-04-07 09:05", "2026-04-07 09:40", "unknown"), ("2026-04-07 09:16", "2026-04-07 09:42", "sent")):
        os.utime(other, (at(until) / 1e6,) * 2)
        unclear.dispatch(now)
        assert unclear.touch().state == state
    assert len(inbox.mails) == 2


def test_without_evidence_advertising_waits_for_a_persons_word(unclear: Story, inbox: Inbox) -> None:
    unclear.clock.set(at("2026-04-08 10:00"))
    assert reconcile(unclear.system) == Reconciled(open=1)
    assert (unclear.touch().state, len(inbox.mails)) == ("unknown", 1)


def test_evidence_that_cannot_be_read_is_told_and_settles_nothing(unclear: Story) -> None:
    path = with_log(unclear, "")
    path.unlink()
    with pytest.raises(BansoError) as told:
        reconcile(unclear.system)
    assert [fault.code for fault in told.value.faults] == ["E638"]
    unclear.dispatch("2026-04-07 09:30")
    assert unclear.touch().state == "unknown"


def test_of_two_kinds_of_evidence_the_one_that_is_incomplete_forbids_a_resend(unclear: Story) -> None:
    journal = unclear.folder / "journal"
    (journal / "cur").mkdir(parents=True)
    old = journal / "cur" / "1.old"
    old.write_bytes(b"Message-ID: <old@else.example>\r\n\r\nhi\r\n")
    os.utime(old, (at("2026-04-07 08:00") / 1e6,) * 2)
    unclear.config = unclear.config.model_copy(update={"journal": journal})
    with_log(unclear, log_of(None, until="2026-04-07 09:30"))
    unclear.clock.set(at("2026-04-07 09:30") + MINUTE)
    assert reconcile(unclear.system) == Reconciled(open=1)
