"""A real SMTP server for demonstrations: it takes every mail on a loopback port and keeps it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from threading import Thread

from aiosmtpd.smtp import SMTP, Envelope, Session


class Mailbox:
    """Keeps each message as it came."""

    def __init__(self) -> None:
        self.received: list[EmailMessage] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # the name aiosmtpd calls
        content = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content or "").encode()
        message = message_from_bytes(content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.received.append(message)
        return "250 kept"

    def touches(self) -> list[str]:
        """The touch of each mail, from its Message-ID."""
        return [str(message["Message-ID"]).strip("<>").partition("@")[0] for message in self.received]


@contextmanager
def mail_server() -> Iterator[tuple[str, Mailbox]]:
    """A running server on a free port: its smtp:// URL and its mailbox."""
    mailbox = Mailbox()
    loop = asyncio.new_event_loop()
    listening = loop.run_until_complete(loop.create_server(lambda: SMTP(mailbox, hostname="localhost", loop=loop), "127.0.0.1", 0))
    thread = Thread(target=loop.run_forever, name="mail-server", daemon=True)
    thread.start()
    try:
        yield f"smtp://127.0.0.1:{listening.sockets[0].getsockname()[1]}", mailbox
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        listening.close()
        loop.close()
