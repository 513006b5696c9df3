"""Where letters go: a relay over one reused SMTP connection, or files in a folder where no relay is set.

Only the time between the final dot and the reply is unclear (RFC 5321 4.5.3.2.6); everything before it was certainly not sent.
"""

import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from engine.channels.letter import TOO_LATE, InTime, Letter, Reply
from engine.errors import BansoError, refuse

COMMAND_SECONDS = 30
FINAL_REPLY_SECONDS = 600  # RFC 5321 4.5.3.2.6 asks senders to wait ten minutes for the reply to the final dot
PERMANENT = 500
CLOSING = 421  # RFC 5321 3.8
BAD_MAILBOX = re.compile(r"5\.1\.(1|2|3|10)\b")  # RFC 3463: no such mailbox, system or syntax; null MX


class SmtpTransport:
    """One SMTP connection, opened when first needed and again when it broke."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError as error:
            raise refuse("E630", "BANSO_SMTP_URL") from error
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
            raise refuse("E630", "BANSO_SMTP_URL")
        self._tls = parts.scheme == "smtps"
        self.host, self._port = parts.hostname, port or (465 if self._tls else 25)
        self._login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        self._session: smtplib.SMTP | None = None
        self._begun = False  # a letter was offered and has no final reply

    def _connected(self) -> smtplib.SMTP:
        if self._session is None:
            session = self.opened()
            with _closed_on_failure(session):
                if self._login is not None:
                    if not isinstance(session.sock, ssl.SSLSocket):
                        raise refuse("E631", f"{self.host}:{self._port}")
                    session.login(*self._login)
            self._session, self._begun = session, False
        return self._session

    def opened(self) -> smtplib.SMTP:
        """A connection, encrypted and with a checked certificate wherever the relay offers it."""
        if self._tls:
            return smtplib.SMTP_SSL(self.host, self._port, timeout=COMMAND_SECONDS, context=ssl.create_default_context())
        session = smtplib.SMTP(self.host, self._port, timeout=COMMAND_SECONDS)
        with _closed_on_failure(session):
            session.ehlo_or_helo_if_needed()
            if session.has_extn("starttls"):
                session.starttls(context=ssl.create_default_context())
                session.ehlo()
        return session

    def offer(self, letter: Letter) -> Reply | None:
        try:
            code, text = self._mail_from(letter)
            if code != 250:
                return _negative(code, text)
            code, text = self._connected().rcpt(letter.address)
            if code not in {250, 251}:
                return _negative(code, text, of_mailbox=True)
        except (
            smtplib.SMTPResponseException
        ) as error:  # raised before MAIL FROM only: said of us and not of the letter, so it does not begin like a reply
            self._drop()
            return Reply("later", f"{type(error).__name__}: {error.smtp_code} {_text(error.smtp_error)}")
        except BansoError as error:
            return Reply("later", ", ".join(f"{fault.code}: {fault.place}" for fault in error.faults))
        except (smtplib.SMTPException, OSError) as error:
            self._drop()
            return Reply("later", f"{type(error).__name__}: {error}")
        return None

    def _mail_from(self, letter: Letter) -> tuple[int, bytes]:
        """The letter's first command; over a new connection where the relay had closed the old one, as it does with those that lie idle."""
        if self._session is not None:
            try:
                code, text = self._begin(self._session, letter)
                if code != CLOSING:
                    return code, text
            except smtplib.SMTPServerDisconnected as error:
                if isinstance(error.__context__, TimeoutError):
                    raise
            self._drop()
        return self._begin(self._connected(), letter)

    def _begin(self, session: smtplib.SMTP, letter: Letter) -> tuple[int, bytes]:
        if self._begun:
            session.rset()
        self._begun = True
        return session.mail(letter.sender, [f"ENVID={letter.touch_id}"] if session.has_extn("dsn") else [])  # RFC 3461: a bounce names it

    def hand_over(self, letter: Letter, in_time: InTime) -> Reply:
        if not in_time():
            return TOO_LATE
        session = self._connected()
        try:
            code, text = session.docmd("DATA")
            if code != 354:
                return _negative(code, text)
        except (smtplib.SMTPException, OSError) as error:
            self._drop()
            return Reply("later", f"{type(error).__name__}: {error}")
        if not in_time():  # without the final dot nothing is taken
            self._drop()
            return TOO_LATE
        return self._content(session, letter)

    def _content(self, session: smtplib.SMTP, letter: Letter) -> Reply:
        try:
            if session.sock is not None:
                session.sock.settimeout(FINAL_REPLY_SECONDS)
            session.send(_dot_stuffed(letter.body))
            code, text = session.getreply()
            if session.sock is not None:
                session.sock.settimeout(COMMAND_SECONDS)
        except (smtplib.SMTPException, OSError) as error:
            self._drop()
            return Reply("unclear", f"{type(error).__name__}: {error}")
        self._begun = False
        if 200 <= code < 300:  # RFC 5321 4.2.1: the second digit and the third only refine the first
            return Reply("sent", f"{code} {_text(text)}")
        if 400 <= code < 600:
            return _negative(code, text, of_mailbox=True)
        self._drop()
        return Reply("unclear", f"not a reply: {code} {_text(text)}")

    def _drop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def close(self) -> None:
        """Say goodbye; what the relay thinks of it does not matter after a 250."""
        session, self._session = self._session, None
        if session is not None:
            try:
                session.quit()
            except (smtplib.SMTPException, OSError):
                session.close()


@contextmanager
def _closed_on_failure(session: smtplib.SMTP) -> Iterator[None]:
    """A connection that did not come to be used does not stay open."""
    try:
        yield
    except BaseException:
        session.close()
        raise


class FolderTransport:
    """Writes each letter as a file: what a deployment without a relay does, so that nobody is mailed by accident."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def offer(self, letter: Letter) -> Reply | None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            return _no_room(error)
        return None

    def hand_over(self, letter: Letter, in_time: InTime) -> Reply:
        """The file appears whole or not at all, so that an error certainly left nothing behind under its name."""
        if not in_time():
            return TOO_LATE
        path, unfinished = self._folder / f"{letter.touch_id}.eml", self._folder / f".{letter.touch_id}.part"
        try:
            unfinished.write_bytes(letter.body)
            unfinished.replace(path)
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            return _no_room(error)
        return Reply("sent", f"file {path.name}")

    def close(self) -> None:
        """Nothing is held open."""


def _no_room(error: OSError) -> Reply:
    return Reply("later", f"{type(error).__name__}: {error.strerror}")


def _negative(code: int, text: bytes, *, of_mailbox: bool = False) -> Reply:
    """4yz waits, 5yz ends (RFC 5321 4.2.1); a mailbox that does not exist is remembered.

    Its enhanced code stands at the beginning of the text (RFC 2034); one further on may be part of an address or a sentence.
    """
    answer = f"{code} {_text(text)}"
    if code < PERMANENT:
        return Reply("later", answer)
    return Reply("refused", answer, bad_address=of_mailbox and BAD_MAILBOX.match(_text(text)) is not None)


def _text(raw: bytes | str) -> str:
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw


def _dot_stuffed(body: bytes) -> bytes:
    """RFC 5321 4.5.2: a line that begins with a dot gets another, and the dot alone ends the mail."""
    stuffed = body.replace(b"\r\n.", b"\r\n..")
    return stuffed + (b"" if stuffed.endswith(b"\r\n") else b"\r\n") + b".\r\n"
