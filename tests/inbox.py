"""A real SMTP server on a loopback port that keeps every mail it took, and can be told to answer as bad relays do."""

import asyncio
import email
import email.policy
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from functools import cached_property
from threading import Event, Lock

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

CUT = "cut"  # take the mail, then hang up before the reply


@dataclass
class Mail:
    """One mail as it was taken over."""

    sender: str
    to: tuple[str, ...]
    body: bytes

    @cached_property
    def message(self) -> EmailMessage:
        return email.message_from_bytes(self.body, policy=email.policy.default)

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def message_id(self) -> str:
        return str(self.message["Message-ID"])

    @property
    def text(self) -> str:
        part = self.message.get_body(("plain",))
        return part.get_content() if part is not None else ""


@dataclass
class Inbox:
    """`at_rcpt` and `at_dot` are asked anew at each attempt: the next of an address's replies, and when none is left, yes."""

    port: int = 0
    mails: list[Mail] = field(default_factory=list)
    at_rcpt: dict[str, list[str]] = field(default_factory=dict)
    at_dot: dict[str, list[str]] = field(default_factory=dict)
    delay_seconds: float = 0.0
    asked: list[str] = field(default_factory=list)  # every address of a RCPT TO, in order
    gate: Event | None = None  # no content is answered before it is set
    when_taken: Callable[[], None] | None = None  # happens once, after a mail was taken and before that is said
    _lock: Lock = field(default_factory=Lock)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def answer(self, address: str, *replies: str) -> None:
        """What this mailbox says to the next RCPT TO commands."""
        self.at_rcpt[address] = list(replies)

    def answer_content(self, address: str, *replies: str) -> None:
        """What is said after the final dot of the next mails to this mailbox; CUT takes the mail and hangs up."""
        self.at_dot[address] = list(replies)

    def subjects(self) -> list[str]:
        return [mail.subject for mail in self.mails]

    def recipients(self) -> list[str]:
        return sorted(address for mail in self.mails for address in mail.to)

    def times_taken(self) -> Counter[str]:
        """Message-ID → how often it came."""
        return Counter(mail.message_id for mail in self.mails)

    async def handle_RCPT(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]) -> str:  # noqa: N802  # aiosmtpd's names
        self.asked.append(address)
        waiting = self.at_rcpt.get(address)
        if waiting:
            return waiting.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's name
        waiting = self.at_dot.get(envelope.rcpt_tos[0])
        reply = waiting.pop(0) if waiting else "250 OK"
        if reply == CUT or reply.startswith("250"):
            with self._lock:
                self.mails.append(Mail(str(envelope.mail_from), tuple(envelope.rcpt_tos), bytes(envelope.content or b"")))
                happens, self.when_taken = self.when_taken, None
            if happens is not None:
                await asyncio.to_thread(happens)
        while self.gate is not None and not self.gate.is_set():  # noqa: ASYNC110 - it is set by another thread
            await asyncio.sleep(0.01)
        if self.delay_seconds:
            await asyncio.sleep(self.delay_seconds)
        if reply == CUT:
            server.transport.abort()
            await asyncio.Event().wait()  # aiosmtpd ends this when it notices that the connection is gone
        return reply


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_inbox() -> Iterator[Inbox]:
    """The server runs in a thread of its own until the block ends."""
    inbox = Inbox(free_port())
    controller = Controller(inbox, hostname="127.0.0.1", port=inbox.port)
    controller.start()
    try:
        yield inbox
    finally:
        controller.stop()
