"""A message as bytes → headers and parts (RFC 5322, RFC 2045). Everything is bounded before it is built; parts are ranges of the same bytes.

The email package is not used: it goes as deep as a message says, looks at each line once for each level, and decodes what nobody asks for.
"""

import binascii
import quopri
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from hashlib import sha256

from engine.returns.charsets import decoded, storable, unworded

LARGEST = 20_000_000  # bytes of a message
HEAD_MAX = 64_000  # bytes of one block of headers
FIELDS_MAX = 500
VALUE_MAX = 2_000  # characters of a value that is taken apart
PARTS_MAX = 100
DEEPEST = 8  # levels of multipart
TEXT_MAX = 200_000  # bytes of a part that are looked at
REPORT_ID_MAX = 300

_END_OF_HEAD = re.compile(rb"\n(?=\n)")
_FOLD = re.compile(rb"\n[ \t]+")
_PARAMETER = re.compile(r""";\s*([\w!#$%&'*+.^`{|}~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))""")


class Aside(StrEnum):
    """Why a message is kept aside. The words go into the quarantine and the log as they are."""

    TOO_LARGE = "too_large"
    HEAD_TOO_LARGE = "head_too_large"
    NO_HEAD = "no_head"
    NO_BOUNDARY = "no_boundary"
    TOO_MANY_PARTS = "too_many_parts"
    TOO_DEEP = "too_deep"
    NO_STATUS = "no_status"  # calls itself a report and has none that can be read
    UNKNOWN_FORM = "unknown_form"  # of a mail system, in no form that is known
    BAD_FORM = "bad_form"  # of a signed report: not what docs/returns.md describes
    BROKEN = "broken"


class Unreadable(Exception):
    """Raised where it cannot be told what a message is."""

    def __init__(self, reason: Aside, why: str = "") -> None:
        super().__init__(why or str(reason))
        self.reason = reason


Headers = Mapping[str, Sequence[str]]  # by names in small letters, in the order in which they stand


@dataclass(frozen=True)
class Part:
    """A part of a message: where its body stands in the bytes. `kind` is its media type in small letters."""

    raw: bytes = field(repr=False)
    start: int
    end: int
    headers: Headers
    kind: str
    parameters: Mapping[str, str]
    parts: Sequence["Part"] = ()

    def first(self, name: str) -> str:
        return next(iter(self.headers.get(name, ())), "")

    def content(self) -> bytes:
        """The beginning of its body, as it was before it was made fit for travel."""
        body, way = self.raw[self.start : min(self.end, self.start + TEXT_MAX)], self.first("content-transfer-encoding").strip().lower()
        if way == "quoted-printable":
            return quopri.decodestring(body)
        if way == "base64":
            return _from_base64(body)
        return body

    def text(self) -> str:
        return decoded(self.content(), self.parameters.get("charset", ""))

    def returned_headers(self) -> Headers:
        """The headers of the message that is in this part; what is no header is passed over."""
        content = self.content()
        end = _END_OF_HEAD.search(content)
        return fields_of(content[: end.start() if end else HEAD_MAX][:HEAD_MAX])


@dataclass(frozen=True)
class Message(Part):
    """The whole of it."""

    @cached_property
    def id(self) -> str:
        """Its Message-ID; where there is none, a hash of what it says, so that it is the same by whatever way it comes."""
        given = self.first("message-id").strip()[:REPORT_ID_MAX]
        return given or sha256(self.raw[self.start :]).hexdigest()

    @cached_property
    def subject(self) -> str:
        return unworded(self.first("subject")[:VALUE_MAX])

    def leaves(self) -> Iterator[Part]:
        """Parts that hold no further ones, in order."""
        waiting: list[Part] = [self]
        while waiting:
            part = waiting.pop(0)
            waiting[:0] = part.parts
            if not part.kind.startswith("multipart/"):
                yield part

    def leaf(self, *kinds: str) -> Part | None:
        return next((part for part in self.leaves() if part.kind in kinds), None)


def read_message(raw: bytes) -> Message:
    """Raises Unreadable."""
    if len(raw) > LARGEST:
        raise Unreadable(Aside.TOO_LARGE, f"more than {LARGEST:,} bytes")
    plain = raw.replace(b"\r\n", b"\n").removeprefix(b"\n")
    whole = _Reader(plain).part(0, len(plain), 0, "text/plain")
    if not whole.headers:
        raise Unreadable(Aside.NO_HEAD)
    return Message(**{name: getattr(whole, name) for name in Part.__dataclass_fields__})


def fields_of(head: bytes) -> Headers:
    """The fields of a block of headers. Raises Unreadable if they are too many."""
    found: dict[str, list[str]] = {}
    lines = _FOLD.sub(b" ", head).split(b"\n")
    if len(lines) > FIELDS_MAX:
        raise Unreadable(Aside.HEAD_TOO_LARGE, f"more than {FIELDS_MAX} fields")
    for line in lines:
        name, colon, value = line.partition(b":")
        if colon and name and name.isascii() and b" " not in name.strip():
            found.setdefault(name.strip().decode().lower(), []).append(storable(value.decode("utf-8", "replace")).strip())
    return found


@dataclass
class _Reader:
    """Counts the parts of one message as it goes through them."""

    raw: bytes
    count: int = 0

    def part(self, start: int, end: int, depth: int, default: str) -> Part:
        self.count += 1
        if self.count > PARTS_MAX:
            raise Unreadable(Aside.TOO_MANY_PARTS, f"more than {PARTS_MAX} parts")
        headers, body = self._head(start, end)
        kind, parameters = media_type(next(iter(headers.get("content-type", ())), ""), default)
        parts: Sequence[Part] = ()
        if kind.startswith("multipart/"):
            parts = self._parts(body, end, depth + 1, kind, parameters.get("boundary", ""))
        return Part(self.raw, body, end, headers, kind, parameters, parts)

    def _head(self, start: int, end: int) -> tuple[Headers, int]:
        """The headers at a place, and where the body begins."""
        if self.raw[start : start + 1] == b"\n":
            return {}, start + 1
        last = min(end, start + HEAD_MAX)
        found = _END_OF_HEAD.search(self.raw, start, min(end, last + 2))
        if found is None and last < end:
            raise Unreadable(Aside.HEAD_TOO_LARGE, f"more than {HEAD_MAX:,} bytes of headers")
        stop = found.start() if found else end
        return fields_of(self.raw[start:stop]), min(stop + 2, end)

    def _parts(self, start: int, end: int, depth: int, kind: str, boundary: str) -> list[Part]:
        if depth > DEEPEST:
            raise Unreadable(Aside.TOO_DEEP, f"more than {DEEPEST} levels")
        if not boundary or len(boundary) > 200:
            raise Unreadable(Aside.NO_BOUNDARY)
        line = re.compile(rb"\n--" + re.escape(boundary.encode()) + rb"(--)?[ \t]*(?=\n|\Z)")
        default = "message/rfc822" if kind == "multipart/digest" else "text/plain"
        found, since = list[Part](), None
        for mark in line.finditer(self.raw, max(start - 1, 0), end):
            if since is not None:
                found.append(self.part(since, mark.start(), depth, default))
            since = None if mark[1] else min(mark.end() + 1, end)
            if mark[1]:
                break
        if since is not None:  # the last line is missing: it was cut on its way
            found.append(self.part(since, end, depth, default))
        return found


def media_type(said: str, default: str) -> tuple[str, Mapping[str, str]]:
    """The type in small letters, and its parameters by name; RFC 2231 splits none that matters here."""
    said = said[:VALUE_MAX]
    kind = said.partition(";")[0].strip().lower()
    named = {name.lower(): re.sub(r"\\(.)", r"\1", quoted) if quoted else plain for name, quoted, plain in _PARAMETER.findall(said)}
    return (kind if "/" in kind else default), named


def _from_base64(body: bytes) -> bytes:
    letters = body.translate(None, b" \t\n\r")
    try:
        return binascii.a2b_base64(letters[: len(letters) // 4 * 4])
    except binascii.Error:
        return b""
