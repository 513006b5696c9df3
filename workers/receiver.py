"""`banso mail receive`: a small server for what comes back by mail, LMTP (RFC 2033) behind a mail server, or SMTP (RFC 5321).

It says yes only after the commit, later while the ledger takes nothing, and no to mail that is not for us or too large. It relays nothing.
"""

import asyncio
import logging
import re
import signal
from urllib.parse import urlsplit

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from engine.errors import BansoError
from engine.ledger.open import StoreError, is_full
from engine.pipeline.ops import open_work
from engine.pipeline.returns import Arrived, is_ours, take_mail
from engine.pipeline.room import room_of
from engine.pipeline.system import System
from engine.returns import LARGEST

log = logging.getLogger("banso.receiver")
CONNECTIONS_MAX = 50
AT_WORK_MAX = 4  # messages that are read and kept at the same time, of up to 20 MB each
RECIPIENTS_MAX = 20  # of one message
IDLE_SECONDS = 300  # RFC 5321 4.5.3.2.7
LINE_MAX = 64_000  # longer lines than the 998 of RFC 5322 are written by some, and what they say matters

TAKEN, ASIDE = "250 2.0.0 kept", "250 2.0.0 kept aside"
LATER, FULL, BUSY = "451 4.3.0 nothing can be kept just now", "452 4.3.1 no room", "421 4.3.2 too many connections"
NOT_OURS, TOO_MANY = "550 5.1.1 nobody of that name is here", "452 4.5.3 too many recipients"
TOO_LARGE = re.compile(r"(552|500) (Error: Too much mail data|Line too long)")


class Door:
    """What a session asks of us."""

    def __init__(self, system: System, *, each: bool) -> None:
        """`each`: one answer for each recipient, as LMTP has it."""
        self.system, self.each = system, each
        self._at_work = asyncio.Semaphore(AT_WORK_MAX)

    async def handle_RCPT(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802  # aiosmtpd's name
        if len(envelope.rcpt_tos) >= RECIPIENTS_MAX:
            return TOO_MANY
        try:
            ours = await asyncio.to_thread(is_ours, self.system, address)
        except (StoreError, BansoError) as problem:
            log.warning("nobody can be received for: %s", problem)
            return LATER
        if not ours:
            return NOT_OURS
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's name
        content = bytes(envelope.original_content or b"")
        async with self._at_work:
            answers = [await asyncio.to_thread(self._answer, content, recipient) for recipient in envelope.rcpt_tos]
        return "\r\n".join(answers) if self.each else max(answers)  # 4 sorts after 2: what was kept already is no harm when it comes again

    def _answer(self, content: bytes, recipient: str) -> str:
        try:
            if room_of(self.system.config).is_low:
                return FULL
            fate = take_mail(self.system, content, Arrived("lmtp" if self.each else "smtp", recipient))
        except (StoreError, BansoError) as problem:
            log.warning("not kept: %s", problem)
            return FULL if is_full(problem) else LATER
        except Exception:
            log.exception("not kept")
            return LATER
        return ASIDE if fate.word == "aside" else TAKEN


class _Sessions:
    """Opens a session for each connection, up to the limit."""

    def __init__(self, door: Door, loop: asyncio.AbstractEventLoop) -> None:
        self.door, self.loop, self.open = door, loop, 0

    def __call__(self) -> SMTP:
        return session_of(self)(
            self.door, data_size_limit=LARGEST, enable_SMTPUTF8=True, hostname="banso", ident="banso", timeout=IDLE_SECONDS, loop=self.loop
        )


def session_of(sessions: _Sessions) -> type[SMTP]:
    """LMTP or SMTP that counts its connections, bears long lines, and refuses a message once for each recipient where that is the form."""

    class Receiving(LMTP if sessions.door.each else SMTP):  # type: ignore[misc]  # aiosmtpd has no types
        line_length_limit = LINE_MAX

        taken = 0  # bytes since the last reply

        def data_received(self, data: bytes) -> None:
            """Who sends more than a message may hold without ever ending a line is left: nothing else bounds what is kept of it."""
            self.taken += len(data)
            if self.taken > LARGEST + LINE_MAX:
                self.transport.abort()
            else:
                super().data_received(data)

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            sessions.open += 1
            if sessions.open > CONNECTIONS_MAX and isinstance(transport, asyncio.WriteTransport):
                transport.write(f"{BUSY}\r\n".encode())
                transport.close()
            super().connection_made(transport)

        def connection_lost(self, error: Exception | None) -> None:
            sessions.open -= 1
            super().connection_lost(error)

        async def push(self, status: str | bytes) -> None:
            self.taken = 0
            text = status.decode() if isinstance(status, bytes) else status
            if TOO_LARGE.match(text):
                text = "552 5.3.4 too large"
                text = "\r\n".join([text] * len(self.envelope.rcpt_tos)) if sessions.door.each and self.envelope.rcpt_tos else text
            await super().push(text)

    return Receiving


async def listen(system: System, stop: asyncio.Event, ready: asyncio.Future[int] | None = None) -> None:
    """Serve BANSO_MAIL_RECEIVE until told to stop; `ready` learns the port."""
    address = urlsplit(system.config.mail_receive or "")
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Sessions(Door(system, each=address.scheme == "lmtp"), loop), address.hostname, address.port or 0)
    if ready is not None:
        ready.set_result(server.sockets[0].getsockname()[1])
    await stop.wait()
    server.close()


def run_receiver(system: System) -> None:
    """Until SIGTERM or SIGINT. Raises BansoError E620 if the ledger cannot be opened."""
    open_work(system)  # opens and so migrates the ledger before the first message comes

    async def run() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, stop.set)
        log.info("receiving what comes back by mail")
        await listen(system, stop)

    asyncio.run(run())
