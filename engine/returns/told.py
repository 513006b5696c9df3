"""What a returned message tells, and of which touch: tags of addresses and links, Message-IDs, envelope ids. None of them is believed yet."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Literal

from engine.returns.mime import Headers, Message

Kind = Literal["hard", "soft", "policy", "notice", "complaint", "reply", "automatic"]

NAMED_MAX = 20  # of a kind; a thread of many replies names the newest last
HEADERS_MAX = 20_000  # characters of a field that is searched
BOUNCED_TO = ("to", "cc", "delivered-to", "x-original-to", "x-delivered-to", "envelope-to")
TAGGED = re.compile(r"(?<![\w+])bounce\+([0-9a-f]{32}=[0-9a-f]{16})@", re.IGNORECASE)
LINK = re.compile(r"/u/([0-9a-f]{32}\.[0-9a-f]{32})(?![0-9a-z])")
MESSAGE_ID = re.compile(r"<[0-9a-f]{32}@[A-Za-z0-9.-]{1,255}>")
ENVELOPE = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")


@dataclass(frozen=True)
class About:
    """What a message says it is about, nearest first. `tags` stand in addresses bounces go to, `links` in links of refusal."""

    tags: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    message_ids: tuple[str, ...] = ()
    envelopes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reply:
    """A person's words, as far as the desk needs them: who wrote, the subject, and what is new in the text."""

    writer: str
    subject: str
    text: str


@dataclass(frozen=True)
class Returned:
    """One message that came back.

    `hard`: the address is none; `soft`: not now; `policy`: it is not about the address; `notice`: nothing ended, such as a delay.
    `id` is the same however often it comes. `recipients` are those it names, in small letters; `status` as RFC 3463; `said` in the words of
    whoever reports.
    """

    kind: Kind
    id: str
    about: About
    status: str | None = None
    recipients: frozenset[str] = field(default_factory=frozenset)
    said: str = ""
    reply: Reply | None = None


def about_of(message: Message, recipient: str) -> About:
    """What envelope and headers say, then the headers of the message that is returned, if one is."""
    inner = message.leaf("message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers", "text/x-rfc822-headers")
    theirs: Headers = inner.returned_headers() if inner is not None else {}
    own = ("in-reply-to", "references")
    outer = [recipient, *chain.from_iterable(message.headers.get(name, ()) for name in BOUNCED_TO)]
    within = [*theirs.get("return-path", ()), *theirs.get("x-envelope-from", ())]
    referred = [text for name in own for text in reversed(message.headers.get(name, ()))]
    return About(
        tags=found_in(TAGGED, [*outer, *within]),
        links=found_in(LINK, theirs.get("list-unsubscribe", ())),
        message_ids=found_in(MESSAGE_ID, theirs.get("message-id", ())) + tuple(reversed(_last(MESSAGE_ID, reversed(referred)))),
    )


def found_in(pattern: re.Pattern[str], texts: Iterable[str]) -> tuple[str, ...]:
    """Each match once, in the order in which they stand."""
    found = (match[pattern.groups] for text in texts for match in pattern.finditer(text[:HEADERS_MAX]))
    return tuple(islice(dict.fromkeys(each.lower() if pattern is TAGGED else each for each in found), NAMED_MAX))


def _last(pattern: re.Pattern[str], texts: Iterable[str]) -> list[str]:
    """The last ones: those of a long thread that are nearest."""
    found = list(dict.fromkeys(match[0] for text in texts for match in pattern.finditer(text[-HEADERS_MAX:])))
    return found[-NAMED_MAX:]
