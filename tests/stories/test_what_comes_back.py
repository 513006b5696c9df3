"""What comes back by mail: a bounce stops the address, a complaint stops it at once, a reply brings a person, and nobody can forge any of it."""

import json
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import text

from engine.cli.app import main
from engine.clock import SystemClock
from engine.ledger.open import StoreError
from engine.pipeline import ops
from engine.pipeline.compact import compact
from engine.pipeline.maildrop import take_drop
from engine.pipeline.returns import ANSWERS_MAX, Arrived, replies_of, take_mail
from tests.builders import AZURE, a_customer, a_record, a_stalled_customer, at
from tests.inbox import CUT, Inbox
from tests.returns.corpus import BAD, KNOWN, Sent
from tests.returns.posted import FORGERIES, aside, asked, comes_back, forged, letters, new_message, set_up, suppressed, told
from tests.stories.conftest import Tell
from tests.story import Story, quiet
from workers.scheduler import look_into_drop

TANAKA = f"tanaka@{AZURE}.example.jp"
HARD, SOFT, POLICY = "Postfix: no such user", "Postfix: mailbox full", "Postfix: blocked, though it speaks of users"
COMPLAINT, REPLY, ABSENCE = "complaint with the whole message", "reply, Gmail in Japanese", "absence, Exchange"


@pytest.fixture
def morning(story: Story) -> Story:
    """On Tuesday 7 April a mail went to Tanaka of Aozora, with tags."""
    set_up(story)
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    assert story.dispatch("2026-04-07 11:31") == Counter(sent=1)
    return story


@pytest.fixture
def sent(morning: Story, inbox: Inbox) -> Sent:
    return letters(inbox)[TANAKA]


def records(story: Story, event: str) -> list[dict[str, object]]:
    rows = asked(story, f"SELECT properties FROM tail WHERE event = '{event}' ORDER BY id")
    return [json.loads(str(properties)) for (properties,) in rows]


# --- bounces ----------------------------------------------------------------------------------------------------------


def test_a_hard_bounce_stops_the_address_and_the_letter_stays_sent(morning: Story, sent: Sent) -> None:
    fate = comes_back(morning, HARD, sent)
    assert (fate.word, fate.kind, fate.touch) == ("kept", "hard", sent.envelope)
    assert suppressed(morning) == [(TANAKA, "bounced")]
    assert morning.states() == [("next-setting", "sent", None)]
    assert records(morning, "mail.bounced") == [{"touch": sent.envelope, "rule": "next-setting", "kind": "hard", "status": "5.1.1"}]
    morning.nightly("2026-04-14 02:00")
    assert morning.decisions()["next-setting"][:2] == ("gated", "bounced")


def test_a_bounce_told_twice_late_and_by_other_words_counts_once(morning: Story, sent: Sent) -> None:
    assert comes_back(morning, HARD, sent).word == "kept"
    assert comes_back(morning, HARD, sent, door="lmtp", recipient=sent.verp).word == "repeated"
    assert comes_back(morning, "Gmail: no such account", sent, number=2).word == "repeated", "another report of the same letter"
    morning.clock.set(at("2026-05-14 10:00"))
    compact(morning.system, quiet)
    assert comes_back(morning, HARD, sent).word == "repeated"
    assert told(morning) == Counter({"mail.bounced": 1})


def test_an_address_that_is_mended_by_hand_stays_so_when_the_old_bounce_comes_again(morning: Story, sent: Sent) -> None:
    comes_back(morning, HARD, sent)
    ops.unsuppress(morning.system, TANAKA, "bounced")
    comes_back(morning, HARD, sent)
    assert suppressed(morning) == []


@pytest.mark.parametrize(("letters_back", "stopped"), [(2, False), (3, True)])
def test_letters_that_cannot_be_delivered_now_stop_the_address_when_they_are_many(
    story: Story, inbox: Inbox, letters_back: int, stopped: bool
) -> None:
    set_up(story)
    story.given(*(a_stalled_customer(f"c{number}", email=TANAKA) for number in range(3)))
    story.nightly("2026-04-07 02:00")
    story.dispatch("2026-04-07 11:31")
    for mail in inbox.mails[:letters_back]:
        for number in range(5):  # one letter counts once, however often it is told
            comes_back(story, SOFT, Sent.of(mail), number=number)
    assert suppressed(story) == ([(TANAKA, "bounced")] if stopped else [])
    assert told(story) == Counter({"mail.bounced": letters_back})


@pytest.mark.parametrize("shape", [POLICY, "Exchange: bulk sender unauthenticated", "Postfix: delayed", "Postfix: somebody of a list"])
def test_what_is_not_about_the_address_stops_nothing(morning: Story, sent: Sent, shape: str) -> None:
    assert comes_back(morning, shape, sent).kind == KNOWN[shape].kind
    assert suppressed(morning) == []


def test_a_letter_that_comes_back_was_taken(story: Story, inbox: Inbox) -> None:
    """The relay took it and hung up before its answer; the report is evidence."""
    set_up(story)
    inbox.answer_content(TANAKA, CUT)
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    assert story.dispatch("2026-04-07 11:31") == Counter(unknown=1)
    comes_back(story, SOFT, letters(inbox)[TANAKA])
    assert story.states() == [("next-setting", "sent", "evidence_taken")]
    assert len(asked(story, "SELECT 1 FROM tail WHERE event = 'mail.sent'")) == 1


# --- forged -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", FORGERIES)
@pytest.mark.parametrize("shape", [HARD, SOFT, POLICY, COMPLAINT, "complaint without names, known by its link", "Exim"])
def test_a_forged_report_changes_nothing(story: Story, inbox: Inbox, shape: str, how: str) -> None:
    set_up(story)
    story.given(a_stalled_customer(), a_stalled_customer("other"))
    story.nightly("2026-04-07 02:00")
    story.dispatch("2026-04-07 11:31")
    known = letters(inbox)
    fate = comes_back(story, shape, forged(known[TANAKA], known["tanaka@other.example.jp"].verp, how=how))
    assert (fate.word, fate.reason) == ("aside", "unproven")
    assert (suppressed(story), told(story), asked(story, "SELECT 1 FROM returns")) == ([], Counter(), [])
    assert aside(story) == Counter(unproven=1)


def test_a_bounce_is_not_proven_by_the_tag_of_refusal(morning: Story, sent: Sent) -> None:
    """Whoever a mail is forwarded to has its link; with it he may refuse, and nothing else."""
    fate = comes_back(morning, HARD, Sent(sent.to, "cs@example.jp", sent.message_id, sent.envelope, sent.refuse))
    assert (fate.reason, suppressed(morning)) == ("unproven", [])


def test_a_letter_that_never_went_out_cannot_come_back(story: Story, inbox: Inbox) -> None:
    set_up(story)
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    touch = story.touch()
    sent = Sent(TANAKA, "cs@example.jp", touch.message_id, touch.id, "")
    assert comes_back(story, REPLY, sent).reason == "never_sent"


# --- complaints -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [COMPLAINT, "complaint without names, known by its link"])
def test_a_complaint_stops_all_mail_at_once(morning: Story, sent: Sent, shape: str) -> None:
    assert comes_back(morning, shape, sent).word == "kept"
    assert comes_back(morning, shape, sent, number=1).word == "repeated"
    assert suppressed(morning) == [(TANAKA, "opted_out")]
    assert records(morning, "mail.complained") == [{"touch": sent.envelope, "rule": "next-setting", "type": "abuse"}]


def test_many_complaints_hold_the_senders_advertising_until_a_person_looked(
    story: Story, inbox: Inbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(story)
    story.given(*(a_stalled_customer(f"c{number}") for number in range(6)))
    story.nightly("2026-04-07 02:00")
    story.dispatch("2026-04-07 11:31")
    for mail in inbox.mails[:2]:
        comes_back(story, COMPLAINT, Sent.of(mail))
    assert ops.status(story.system).pauses == [], "two are no rate"
    comes_back(story, COMPLAINT, Sent.of(inbox.mails[2]))
    paused = {pause.name: pause.reason for pause in ops.status(story.system).pauses}
    assert paused["next-setting"] == "complaints: 3 of 6 letters from example.jp in 7 days"
    assert set(paused) == {name for name, rule in story.system.workspace.rules.items() if rule.do.channel == "mail"}
    levels = {check.name: check.level for check in ops.doctor(story.system, (3, 14, 3))}
    assert levels["complaints"] == "bad"
    gauges = {gauge.name: gauge.values for gauge in ops.gauges(story.system)}
    assert (gauges["complaint_rate"][()], gauges["returned"]["complaint",]) == (0.5, 3)
    monkeypatch.setenv("BANSO_MOVED_BY", str(story.clock.now() - SystemClock().now()))
    for word in (["doctor"], ["ops", "status"]):
        main(["-w", str(story.config.workspace), "--state", str(story.config.state_folder), "--lang", "en", *word])
    said = capsys.readouterr().out
    assert "example.jp: 3 complaints about 6 letters in 7 days" in said
    ops.resume(story.system, "rule", "next-setting")
    comes_back(story, COMPLAINT, Sent.of(inbox.mails[3]))
    assert "next-setting" not in {pause.name for pause in ops.status(story.system).pauses}, "somebody looked, and let it go on"


# --- answers ----------------------------------------------------------------------------------------------------------

RULES = """
  write: {when: [{errors: {at_least: 1}}], do: {send: mail, from: desk, template: mail/plain, lead_to: {setting: next_step}},
          again: {at_most: 9, after_days: 3}}
  answer: {trigger: {event: mail.replied}, when: [{errors: {at_least: 1}}],
           do: {task: crm, because: skill, script: crm/note, due_business_days: 5, hold: [push]}, goal: talked, again: {after_days: 1, at_most: 50}}
"""


@pytest.fixture
def replied(tell: Tell) -> tuple[Story, Sent]:
    """A mail of the small workspace, and its reply."""
    story = tell(rules=RULES, order="human: [answer], push: [write]")
    set_up(story, bounce_domain=None)
    story.given(a_customer(), a_record("product.error", at="2026-04-06 10:00"))
    story.nightly("2026-04-07 02:00")
    assert story.dispatch("2026-04-07 09:00") == Counter(sent=1)
    touch = story.touch()
    return story, Sent(TANAKA, "desk@example.jp", touch.message_id, touch.id, "")


def test_a_reply_brings_a_person_and_holds_what_is_pushed(replied: tuple[Story, Sent]) -> None:
    story, sent = replied
    story.clock.set(at("2026-04-07 13:00"))
    assert comes_back(story, REPLY, sent).word == "kept"
    assert comes_back(story, REPLY, sent, door="lmtp", recipient="desk@example.jp").word == "repeated"
    assert records(story, "mail.replied") == [{"touch": sent.envelope, "rule": "write"}]
    story.dispatch("2026-04-07 13:01")
    assert [touch.rule for touch in story.touches()] == ["write", "answer"]
    story.given(a_record("product.error", at="2026-04-09 10:00"))
    story.nightly("2026-04-10 02:00")
    assert story.decisions()["write"] == ("gated", "human_hold", "held_by:answer")


def test_what_a_person_wrote_stands_in_one_place_and_not_for_ever(replied: tuple[Story, Sent]) -> None:
    story, sent = replied
    comes_back(story, REPLY, sent)
    (answer,) = replies_of(story.system, AZURE, 5)
    assert (answer.writer, answer.subject, answer.text) == (TANAKA, "Re: 次の設定", "承知しました。来週から使います。")
    assert replies_of(story.system, "other", 5) == []
    everything = {name for (name,) in asked(story, "SELECT name FROM sqlite_master WHERE type = 'table'")}
    holding = {name for name in everything if any("来週から" in str(row) for row in asked(story, f'SELECT * FROM "{name}"'))}
    assert holding == {"returns"}
    story.clock.set(at("2026-10-20 10:00"))
    compact(story.system, quiet)
    (answer,) = replies_of(story.system, None, 5)
    assert (answer.writer, answer.subject, answer.text) == (None, None, None)


def test_a_robots_answer_is_kept_and_brings_nobody(replied: tuple[Story, Sent]) -> None:
    story, sent = replied
    assert comes_back(story, ABSENCE, sent).kind == "automatic"
    story.dispatch("2026-04-07 13:01")
    assert [touch.rule for touch in story.touches()] == ["write"]
    assert told(story) == Counter({"mail.auto_replied": 1})


def test_two_robots_that_answer_each_other_fill_nothing(replied: tuple[Story, Sent]) -> None:
    story, sent = replied
    words = Counter(comes_back(story, ABSENCE, sent, number=number).word for number in range(ANSWERS_MAX + 5))
    assert words == Counter(kept=ANSWERS_MAX, aside=5)


# --- the mailbox drop -------------------------------------------------------------------------------------------------


def test_what_lies_in_the_mailbox_drop_is_taken_and_put_by(morning: Story, sent: Sent) -> None:
    drop = morning.folder / "drop"
    set_up(morning, mail_drop=drop)
    new_message(drop, "1775525465.M1P2.mx", KNOWN[HARD].of(sent))
    new_message(drop, "1775525466.M1P2.mx", BAD["parts within parts"][1])
    new_message(drop, "1775525467.M1P2.mx", BAD["more than 20 MB"][1])
    assert take_drop(morning.system) == Counter(kept=1, aside=2)
    assert sorted(path.name for path in (drop / "cur").iterdir()) == [f"177552546{number}.M1P2.mx:2,S" for number in (5, 6, 7)]
    assert (list((drop / "new").iterdir()), take_drop(morning.system)) == ([], Counter())
    assert aside(morning) == Counter(too_deep=1, too_large=1)
    assert suppressed(morning) == [(TANAKA, "bounced")]


def test_while_the_ledger_takes_nothing_the_message_stays_where_it_is(morning: Story, sent: Sent) -> None:
    drop = morning.folder / "drop"
    set_up(morning, mail_drop=drop)
    new_message(drop, "1", KNOWN[HARD].of(sent))
    with morning.system.ledger.write() as connection:
        connection.execute(text("ALTER TABLE suppressions RENAME TO away"))
    with pytest.raises(StoreError):
        take_drop(morning.system)
    look_into_drop(morning.system)  # as the scheduler does: told in the log, and looked at again
    assert [path.name for path in (drop / "new").iterdir()] == ["1"]
    assert told(morning) == Counter()
    with morning.system.ledger.write() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO suppressions"))
    look_into_drop(morning.system)
    assert (list((drop / "new").iterdir()), suppressed(morning)) == ([], [(TANAKA, "bounced")])


def test_a_drop_that_is_no_maildir_is_told(morning: Story, tmp_path: Path) -> None:
    set_up(morning, mail_drop=tmp_path / "nowhere")
    assert {check.name: check.level for check in ops.doctor(morning.system, (3, 14, 3))}["returns"] == "bad"
    look_into_drop(morning.system)


def test_what_is_kept_aside_is_told_by_the_doctor_and_has_an_end(morning: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.pipeline.returns.ASIDE_MAX", 3)
    for number in range(5):
        take_mail(morning.system, f"From: a@b.example\r\nSubject: {number}\r\n\r\nhi".encode(), Arrived("lmtp"))
    (check,) = [check for check in ops.doctor(morning.system, (3, 14, 3)) if check.name == "returns"]
    assert (check.level, list(check.details)) == ("warn", ["aside:not_ours:3"])
    assert ops.status(morning.system).quarantine == {"mail": 3}
