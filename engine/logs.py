"""The log of unattended processes: one line an event, as text or JSON.

It names touches, rules, slots and states, and never a person: what the code wrote passes, what comes from data passes only where it is a
number or a plain word, an exception tells its kind, and addresses, passwords and tokens are struck out of whatever is left.
"""

import json
import logging
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from traceback import extract_tb
from typing import Literal, TextIO

from engine.errors import BansoError

Form = Literal["text", "json"]
FIELDS = ("touch", "rule", "channel", "state", "reason", "attempt", "slot")  # what an event may carry beside its words
STRUCK = "[…]"
CREDENTIALS = re.compile(r"(?<=://)[^\s/@]+@")
ADDRESS = re.compile(r"[^\s<>\"'(),;:=\[\]]+@[^\s<>\"'(),;:\[\]]+")
SECRET = re.compile(r"(?i)\b(token|signature|sig|password|passwd|secret)=[^\s&]+")
TOKEN = re.compile(r"\b(?=[\w-]*[a-z])(?=[\w-]*[A-Z])(?=[\w-]*[0-9])[\w-]{20,}")  # ids of touches are lower case
PLAIN = re.compile(r"[A-Za-z0-9_./:+\-]{0,80}")
TELLING = frozenset({"OperationalError", "InterfaceError"})  # of a store or a broker: they speak of servers, not of rows
FRAMES = 4


def set_up(form: Form, stream: TextIO | None = None) -> None:
    """Our own words from INFO on, the libraries' from WARNING on, to standard error unless said otherwise."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Lines(form))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("banso").setLevel(logging.INFO)
    logging.captureWarnings(capture=True)


class Lines(logging.Formatter):
    """Each record as one line."""

    def __init__(self, form: Form) -> None:
        super().__init__()
        self.form = form

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "log": record.name,
            "event": _event(record),
            **{name: plain(getattr(record, name)) for name in FIELDS if getattr(record, name, None) is not None},
            **({"error": told(error), "where": _where(error)} if error is not None else {}),
        }
        return json.dumps(line, ensure_ascii=False) if self.form == "json" else _text(line)


def _text(line: Mapping[str, object]) -> str:
    words = " ".join(str(line[name]) for name in ("at", "level", "log", "event"))
    return " ".join([words, *(f"{name}={value}" for name, value in line.items() if name not in {"at", "level", "log", "event"})])


def _event(record: logging.LogRecord) -> str:
    """The words of the code with the values that may stand in them, on one line."""
    arguments = record.args
    cleaned = {key: plain(value) for key, value in arguments.items()} if isinstance(arguments, Mapping) else tuple(map(plain, arguments or ()))
    try:
        text = str(record.msg) % cleaned if arguments else str(record.msg)
    except (TypeError, ValueError, KeyError):  # a number was wanted where one was struck out
        text = str(record.msg)
    return redacted(" ".join(text.split()))


def plain(value: object) -> object:
    """A value as it may stand in the log."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, BaseException):
        return told(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    text = str(value) if isinstance(value, str | Path) else ""
    return redacted(text) if text and PLAIN.fullmatch(text) else STRUCK


def told(error: BaseException) -> str:
    """An exception without what it quotes: its kind; codes of faults and replies; what is the matter with a server or a file."""
    kind = type(error).__name__
    if isinstance(error, BansoError):
        return " ".join([kind, *sorted({fault.code for fault in error.faults})])
    if kind.startswith("SMTP"):  # these quote replies, and replies quote receivers
        return f"{kind} {getattr(error, 'smtp_code', '')}".strip()
    if kind in TELLING or isinstance(error, OSError):
        said = str(getattr(error, "orig", None) or error).strip().split("\n")[0]
        return f"{kind}: {redacted(said)}"
    return kind


def _where(error: BaseException) -> str:
    """The innermost places of the code that an exception came through."""
    frames = extract_tb(error.__traceback__)[-FRAMES:]
    return " < ".join(f"{'/'.join(Path(frame.filename).parts[-3:])}:{frame.lineno}" for frame in reversed(frames))


def redacted(text: str) -> str:
    """A text without passwords of URLs, addresses, secrets and tokens."""
    without = CREDENTIALS.sub(f"{STRUCK}@", text)
    without = ADDRESS.sub(lambda found: found[0] if found[0].startswith(STRUCK) else STRUCK, without)
    return TOKEN.sub(STRUCK, SECRET.sub(rf"\1={STRUCK}", without))
