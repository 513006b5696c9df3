"""`banso mail receive`: yes only after the commit, later while nothing can be kept, no to what is not for us; one answer a recipient in LMTP."""

import asyncio
import smtplib
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Thread

import pytest
from sqlalchemy import text

from tests.builders import AZURE, a_stalled_customer
from tests.inbox import Inbox
from tests.returns.corpus import BAD, KNOWN, Sent
from tests.returns.posted import aside, letters, set_up, suppressed, told
from tests.story import Story
from workers import receiver
from workers.supervisor import PARTS, processes_of

TANAKA, DESK = f"tanaka@{AZURE}.example.jp", "cs@example.jp"


@contextmanager
def listening(story: Story, scheme: str = "lmtp") -> Iterator[int]:
    """The port on which the story's receiver listens."""
    story.config = story.config.model_copy(update={"mail_receive": f"{scheme}://127.0.0.1:0"})
    story.restart()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    ready = loop.create_future()
    thread = Thread(target=loop.run_until_complete, args=(receiver.listen(story.system, stop, ready),))
    thread.start()
    try:
        while not ready.done():
            thread.join(0.01)
            assert thread.is_alive()
        yield ready.result()
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


@pytest.fixture
def sent(story: Story, inbox: Inbox) -> Sent:
    set_up(story)
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    story.dispatch("2026-04-07 11:31")
    return letters(inbox)[TANAKA]


def answers(client: smtplib.SMTP, recipients: list[str], raw: bytes) -> list[int]:
    """The code of each RCPT that failed, else those after the dot: one for each recipient in LMTP."""
    client.ehlo_or_helo_if_needed()
    client.mail("")
    refused = [code for each in recipients if (code := client.rcpt(each)[0]) not in {250, 251}]
    if refused:
        client.rset()
        return refused
    code, _ = client.docmd("DATA")
    assert code == 354
    client.send(raw.replace(b"\n.", b"\n..") + b"\r\n.\r\n")
    number = len(recipients) if isinstance(client, smtplib.LMTP) else 1
    return [client.getreply()[0] for _ in range(number)]


def test_what_is_kept_is_answered_with_yes_once_for_each_recipient(story: Story, sent: Sent) -> None:
    with listening(story) as port, smtplib.LMTP("127.0.0.1", port) as client:
        assert answers(client, [sent.verp], KNOWN["Postfix: no such user"].of(sent)) == [250]
        assert answers(client, [sent.verp, DESK], KNOWN["Postfix: no such user"].of(sent)) == [250, 250]
        assert answers(client, [DESK], KNOWN["reply, Gmail in Japanese"].of(sent)) == [250]
        assert answers(client, ["feedback@bounce.example.jp"], BAD["parts within parts"][1]) == [250]
    assert suppressed(story) == [(TANAKA, "bounced")]
    assert told(story) == {"mail.bounced": 1, "mail.replied": 1}
    assert aside(story) == {"too_deep": 1}


def test_a_message_without_a_word_about_its_letter_is_known_by_the_address_it_came_to(story: Story, sent: Sent) -> None:
    bare = Sent(sent.to, "mailer@x.example", "<none@x.example>", "none", "")
    with listening(story) as port, smtplib.LMTP("127.0.0.1", port) as client:
        assert answers(client, [sent.verp], KNOWN["Postfix: no such user"].of(bare)) == [250]
    assert suppressed(story) == [(TANAKA, "bounced")]


@pytest.mark.parametrize("address", ["sato@example.jp", "bounce@bounce.example.jp", "nobody@bounce.example.jp", "bounce+x=y@bounce.example.jp"])
def test_mail_that_is_not_for_us_is_refused_before_it_is_sent(story: Story, sent: Sent, address: str) -> None:
    guessed = sent.verp.replace("=", "=0", 1).replace("@", "", 1)[:64]
    with listening(story) as port, smtplib.LMTP("127.0.0.1", port) as client:
        assert answers(client, [address], b"") == [550]
        assert answers(client, [f"{guessed}@bounce.example.jp"], b"") == [550]


def test_while_the_ledger_takes_nothing_the_sender_is_asked_to_come_again(story: Story, sent: Sent) -> None:
    with listening(story) as port, smtplib.LMTP("127.0.0.1", port) as client:
        with story.system.ledger.write() as connection:
            connection.execute(text("ALTER TABLE suppressions RENAME TO away"))
        assert answers(client, [sent.verp], KNOWN["Postfix: no such user"].of(sent)) == [451]
        assert told(story) == {}
        with story.system.ledger.write() as connection:
            connection.execute(text("ALTER TABLE away RENAME TO suppressions"))
        assert answers(client, [sent.verp], KNOWN["Postfix: no such user"].of(sent)) == [250]
    assert suppressed(story) == [(TANAKA, "bounced")]


def test_while_the_disk_is_nearly_full_nothing_is_taken(story: Story, sent: Sent) -> None:
    set_up(story, disk_min_mb=10**9)
    with listening(story) as port, smtplib.LMTP("127.0.0.1", port) as client:
        assert answers(client, [sent.verp], KNOWN["Postfix: no such user"].of(sent)) == [452]


def test_a_message_that_is_too_large_is_refused_for_each_recipient(story: Story, sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver, "LARGEST", 10_000)
    with listening(story) as port, smtplib.LMTP("127.0.0.1", port) as client:
        assert answers(client, [sent.verp, DESK], b"Subject: x\r\n\r\n" + b"x" * 60 + b"\r\n" * 10_000) == [552, 552]
        assert answers(client, [sent.verp], b"Subject: x\r\n\r\n" + b"x" * (receiver.LINE_MAX + 10)) == [552]
        assert answers(client, [sent.verp], KNOWN["Postfix: no such user"].of(sent)) == [250], "the conversation goes on"


def test_plain_smtp_is_answered_once(story: Story, sent: Sent) -> None:
    with listening(story, "smtp") as port, smtplib.SMTP("127.0.0.1", port) as client:
        assert answers(client, [sent.verp, DESK], KNOWN["Postfix: no such user"].of(sent)) == [250]
        assert answers(client, ["sato@elsewhere.example"], b"") == [550], "it relays nothing"


def test_too_many_recipients_and_connections_are_asked_to_come_again(story: Story, sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver, "CONNECTIONS_MAX", 2)
    with listening(story) as port, smtplib.LMTP("127.0.0.1", port) as client, smtplib.LMTP("127.0.0.1", port):
        assert answers(client, [DESK] * 25, b"") == [452] * 5
        with socket.create_connection(("127.0.0.1", port), 10) as third:
            assert third.recv(100).startswith(b"421 ")
        assert answers(client, [sent.verp], KNOWN["Postfix: no such user"].of(sent)) == [250]


def test_one_report_through_many_connections_at_once_counts_once(story: Story, sent: Sent) -> None:
    def post(_: int) -> list[int]:
        with smtplib.LMTP("127.0.0.1", port) as client:
            return answers(client, [sent.verp], KNOWN["Postfix: no such user"].of(sent))

    with listening(story) as port, ThreadPoolExecutor(8) as crowd:
        assert list(crowd.map(post, range(8))) == [[250]] * 8
    assert told(story) == {"mail.bounced": 1}


def test_up_starts_a_receiver_only_where_it_is_asked_for(story: Story) -> None:
    assert "mail receive" not in [process.name for process in processes_of(story.config, PARTS)]
    asked_for = story.config.model_copy(update={"mail_receive": "lmtp://127.0.0.1:8024"})
    assert "mail receive" in [process.name for process in processes_of(asked_for, PARTS)]
