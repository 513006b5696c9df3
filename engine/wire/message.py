"""What one message of a client says, in words of our own."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Literal

from engine.calendar import EARLIEST, LATEST
from engine.records.intake import LONGEST, Reason

LONGEST_ID = 200
_UNSTORABLE = re.compile(r"(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])")  # as `text_of` writes NUL and halves of letters
SENDING = frozenset({"sentAt", "sent_at", "receivedAt", "writeKey", "api_key", "token"})  # says how it was sent, not what

Kind = Literal["event", "contact", "account", "alias"]


@dataclass(frozen=True)
class Message:
    """One message. `kind`: an event, what is known of a contact or of an account, or that two names are one person.

    `occurred_at` is microseconds UTC, None where the client told no time. `user`, `anonymous` and `account` are ids as the product knows them;
    `previous` is what the user was called before. `content` holds properties or traits. `digest` tells two messages of one id apart.
    """

    id: str
    kind: Kind
    digest: str
    occurred_at: int | None = None
    user: str | None = None
    anonymous: str | None = None
    account: str | None = None
    previous: str | None = None
    event: str | None = None
    content: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class BadMessage:
    """A message that cannot be read: why, and its text, for the quarantine."""

    reason: Reason
    why: str
    text: str


class Unreadable(Exception):
    """Raised where a message cannot be read."""

    def __init__(self, reason: Reason, why: str) -> None:
        super().__init__(why)
        self.reason = reason


def text_of(said: Any) -> str:
    """JSON whose bytes depend on the content alone. Halves of letters stay visible as escapes."""
    return json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode(errors="backslashreplace").decode()


def digest_of(said: Mapping[str, Any]) -> str:
    """Of what is said, whenever it is sent: a client that tries again changes only the time of sending."""
    return sha256(text_of({name: value for name, value in said.items() if name not in SENDING}).encode()).hexdigest()


def id_of(said: Mapping[str, Any], *names: str) -> str | None:
    """The first of these that is given, as an id. Numbers count as their digits."""
    for name in names:
        value = said.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and (found := value.strip()):
            if len(found) > LONGEST_ID:
                raise Unreadable(Reason.VALUE_TOO_LONG, f"{name}: more than {LONGEST_ID} characters")
            return clean(found)
    return None


def clean(text: str) -> str:
    """Text that can be stored: NUL and halves of letters cannot."""
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise Unreadable(Reason.STRUCTURE, "the text holds NUL or half a letter")
    return text


def object_of(said: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object that may be missing."""
    found = said.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise Unreadable(Reason.BAD_PROPERTIES, f"{name} is no object")
    if len(stored := text_of(found)) > LONGEST:
        raise Unreadable(Reason.VALUE_TOO_LONG, f"{name}: more than {LONGEST:,} characters")
    if _UNSTORABLE.search(stored):
        raise Unreadable(Reason.STRUCTURE, f"{name}: a text holds NUL or half a letter")
    return found


def time_of(said: Mapping[str, Any], *names: str) -> int | None:
    """The first of these times that is given, in microseconds UTC: ISO 8601, without an offset UTC. None where none is."""
    for name in names:
        if (given := said.get(name)) not in {None, ""}:
            return _instant(name, given)
    return None


def _instant(name: str, given: object) -> int:
    if not isinstance(given, str):
        raise Unreadable(Reason.NO_TIME, f"{name} is no text such as 2026-04-07T10:00:00Z")
    try:
        moment = datetime.fromisoformat(given.strip())
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise Unreadable(Reason.NO_TIME, f"{name}: {given[:40]!r} is no time such as 2026-04-07T10:00:00Z") from error
    instant = math.floor(seconds) * 1_000_000 + moment.microsecond
    if not EARLIEST <= instant < LATEST:
        raise Unreadable(Reason.TIME_OUT_OF_RANGE, f"{name}: {given[:40]!r}")
    return instant
