"""P7: a relay that says "later" is asked again until the deadline, one that says no is not asked again, and what nobody can tell is not guessed.

A relay with TLS and a password gives each kind of bad answer at each phase of the conversation, from CONNECT to QUIT; the mail then meets a good
relay, and what the relay took is counted.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.channels.mail import transport
from engine.ledger import relays
from engine.pipeline.dispatch import dispatch
from engine.touches.touch import Touch
from tests.builders import a_stalled_customer, at
from tests.inbox import Inbox
from tests.promises.conftest import Tell
from tests.promises.relay import OF_TLS, PHASES, REPLIES, Scripted, scripted_relay
from tests.story import Story

CELLS = [*((phase, reply) for reply in REPLIES for phase in PHASES), *(("STARTTLS", reply) for reply in OF_TLS)]
OF_THE_RELAY = {"CONNECT", "EHLO", "STARTTLS", "AUTH"}  # whatever is said there is said of us, not of the letter
WELL = {"2yz", "2yz in single bytes"}
NO = {"5yz", "5.7.x"}
LATER = {"4yz", "421", "4.7.x"}
SILENT = {"timeout", "no handshake"}
SHORT_SECONDS, LONG_SECONDS = 0.3, 60  # the patience with a relay that will say nothing, and with one that will
TANAKA = "tanaka@aozora.example.jp"


def after(phase: str, reply: str) -> str:
    """What the bad answer makes of a touch: the table that the product promises."""
    if reply in WELL or phase == "QUIT":
        return "sent"
    if reply in NO and phase not in OF_THE_RELAY:
        return "failed"
    return "pending" if phase != "dot" or reply in LATER else "unknown"


@pytest.fixture
def relay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "trusted.pem"))
    with scripted_relay(tmp_path) as relay:
        yield relay


def test_every_bad_answer_at_every_phase(relay: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reached: Tell) -> None:
    story = Story(tmp_path, smtp_url=f"smtp://banso:secret@127.0.0.1:{relay.port}")
    story.system.look_seconds = 3600.0
    story.given(*(a_stalled_customer(f"c{number:03d}") for number in range(len(CELLS))))
    assert story.nightly("2026-04-07 02:00").won == len(CELLS)
    story.heard("2026-04-07 09:00")
    story.clock.set(at("2026-04-07 09:00"))
    touches, worker = story.touches(), story.worker()
    for cell, touch in zip(CELLS, touches, strict=True):
        relay.script = cell
        for name in ("COMMAND_SECONDS", "FINAL_REPLY_SECONDS"):
            monkeypatch.setattr(transport, name, SHORT_SECONDS if cell[1] in SILENT else LONG_SECONDS)
        dispatch(worker, [touch.id])
        worker.transport("mail", 0).close()
        with story.system.ledger.write() as connection:  # whom a breaker spares is another promise
            relays.close_breakers(connection, {"relay:mail"})
    monkeypatch.undo()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "trusted.pem"))
    worker.close()
    first, asked = story.touches(), Counter(relay.asked)
    story.dispatch("2026-04-07 09:30")
    second = story.touches()
    story.close()
    wrong = [fault for number, cell in enumerate(CELLS) for fault in faults(cell, first[number], second[number], relay, asked)]
    assert wrong == []
    assert {touch.state for touch in second} == {"sent", "failed", "unknown"}
    reached(len(CELLS), f"cells of {len(PHASES)} phases and {len(REPLIES) + len(OF_TLS)} replies", faults=len(CELLS))


def faults(cell: tuple[str, str], first: Touch, second: Touch, relay: Scripted, asked: Counter[str]) -> Iterator[str]:
    """Where a touch did not become what the table says, or the relay saw what it should not."""
    expected = after(*cell)
    at_last = "sent" if expected == "pending" else expected
    taken, address = relay.taken[second.message_id], str(second.address)
    if (first.state, second.state) != (expected, at_last):
        yield f"{cell}: {first.state} ({first.reply}), then {second.state}, instead of {expected}, then {at_last}"
    if at_last == "sent" and taken != 1:
        yield f"{cell}: taken {taken} times"
    if at_last == "failed" and taken:
        yield f"{cell}: failed and taken"
    if expected != "pending" and relay.asked[address] != asked[address]:
        yield f"{cell}: asked again though it is {expected}"


def test_a_relay_that_always_says_later_is_asked_until_the_deadline(story: Story, inbox: Inbox) -> None:
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    inbox.answer(TANAKA, *["451 4.3.0 come back later"] * 500)
    for day in ("07", "08", "09"):
        for hour in range(9, 19):
            story.dispatch(f"2026-04-{day} {hour:02d}:00")
    assert story.states() == [("next-setting", "pending", "later")]
    story.dispatch("2026-04-10 09:00")
    assert story.states() == [("next-setting", "expired", "expired")]
    assert inbox.mails == []


@pytest.mark.parametrize("said", [b"", b"421 4.4.2 idle for too long\r\n"])
def test_a_connection_that_the_relay_closed_meanwhile_delays_nobody(relay: Scripted, tmp_path: Path, said: bytes) -> None:
    story = Story(tmp_path, smtp_url=f"smtp://banso:secret@127.0.0.1:{relay.port}")
    story.given(*(a_stalled_customer(f"c{number}") for number in range(2)))
    story.nightly("2026-04-07 02:00")
    story.heard("2026-04-07 09:00")
    story.clock.set(at("2026-04-07 09:00"))
    worker = story.worker()
    for touch in story.touches():
        dispatch(worker, [touch.id])
        relay.hang_up(said)
    worker.close()
    assert [touch.state for touch in story.touches()] == ["sent", "sent"]
    assert sorted(relay.taken.values()) == [1, 1]
    story.close()
