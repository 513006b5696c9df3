"""A mail as bytes, laid out by hand: building it with the email package is many times slower (docs/decisions/0006-mail-bytes.md).

The guard does not trust the encoder: header data is stripped of everything that could end a header or hide an encoded word (CVE-2024-6923,
CVE-2026-1299), and the finished header must have, field by field, the one form that every parser reads alike.
"""

import re
from binascii import b2a_base64
from collections.abc import Iterator, Mapping
from functools import lru_cache
from struct import Struct
from typing import Protocol

from engine.channels.letter import Unwritable
from engine.detail import detail

CRLF = b"\r\n"
ATOM, LABEL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+", r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
ADDRESS = re.compile(rf"(?=[^@]{{1,64}}@){ATOM}(?:\.{ATOM})*@{LABEL}(?:\.{LABEL})+\Z")
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
ENCODED_WORD_BYTES = 45  # of UTF-8 in one encoded word; RFC 2047 allows 75 characters in all, and 76 in its line
LINE, LINE_MAX = 76, 998
WORD = re.compile(rb"=\?utf-8\?B\?[A-Za-z0-9+/]{2,60}={0,2}\?=(?=[\r ]|\Z)")
SHOWN = 60  # characters of a wrong value that a reason repeats


class Signs(Protocol):
    """Whoever vouches for a message."""

    def signature(self, headers: Mapping[str, bytes], body: bytes) -> bytes:
        """The value of a DKIM-Signature over these headers, in their order, and this body."""
        ...


def checked_address(address: str) -> str:
    """The address if it is one plain addr-spec (RFC 5321 4.1.2) and nothing more. Raises Unwritable."""
    if len(address) > 254 or not ADDRESS.match(address):
        raise Unwritable(detail("not_an_address", address[:SHOWN]))
    return address


def clean(text: str) -> str:
    """Header data without control characters and without the beginning of an encoded word."""
    return CONTROLS.sub(" ", text).replace("=?", "= ?").strip()


def encoded(text: str, field: str = "Subject") -> bytes:
    """A header's unstructured text: plain where it is short ASCII, else encoded words (RFC 2047), one a line."""
    text = clean(text)
    if text.isascii() and len(text) <= 60:
        return text.encode()
    return b"\r\n ".join(_words(text.encode(), len(field) + 2))


def mailbox(name: str | None, address: str, field: str = "From") -> bytes:
    """`name <address>`; the name always as an encoded word, so that no quoting can go wrong."""
    plain = checked_address(address).encode()
    told = clean(name) if name else ""
    if not told:
        return plain
    words = b"\r\n ".join(_words(told.encode(), len(field) + 2))
    used = len(words) - words.rfind(b"\n") if b"\n" in words else len(words) + len(field) + 2
    return words + (b"\r\n <" if used + len(plain) + 3 > LINE else b" <") + plain + b">"


def _words(raw: bytes, taken: int) -> Iterator[bytes]:
    """Encoded words of whole characters; the first line has less room, as the field's name stands in it."""
    room, start = min(ENCODED_WORD_BYTES, (LINE - taken - 12) // 4 * 3), 0
    while start < len(raw):
        end = min(start + room, len(raw))
        while end < len(raw) and raw[end] & 0xC0 == 0x80:
            end -= 1
        yield b"=?utf-8?B?" + b2a_base64(raw[start:end], newline=False) + b"?="
        start, room = end, ENCODED_WORD_BYTES


def assemble(headers: Mapping[str, bytes], parts: Mapping[bytes, str], boundary: str, signer: Signs | None = None) -> bytes:
    """multipart/alternative with the parts in their order. Raises Unwritable if a header could be read in any way but as it was written."""
    mark = boundary.encode()
    named = {**headers, "MIME-Version": b"1.0", "Content-Type": b'multipart/alternative; boundary="' + mark + b'"'}
    pieces = [piece for kind, content in parts.items() for piece in (b"--", mark, CRLF, *_part(kind, content))]
    body = b"".join((*pieces, b"--", mark, b"--", CRLF))
    if signer is not None:
        named = {"DKIM-Signature": signer.signature(named, body), **named}
    head = b"".join([name.encode() + b": " + value + CRLF for name, value in named.items()])
    guard(head, tuple(named))
    return head + CRLF + body


def guard(head: bytes, names: tuple[str, ...]) -> None:
    """The header must be these fields and no other, each of printable ASCII in lines of a length all servers take. Raises Unwritable."""
    if not _form(names).fullmatch(head):
        raise Unwritable(detail("other_headers"))
    if b"=?" in WORD.sub(b"", head):
        raise Unwritable(detail("header_word"))


@lru_cache(maxsize=64)
def _form(names: tuple[str, ...]) -> re.Pattern[bytes]:
    """One field after another: a line that holds something, then lines that begin with a blank and hold something."""
    lines = b"".join(
        re.escape(name.encode()) + b": [!-~][ -~]{0,%d}(?:\r\n [!-~][ -~]{0,%d})*\r\n" % (LINE_MAX - len(name) - 3, LINE_MAX - 2) for name in names
    )
    return re.compile(lines)


def _part(kind: bytes, content: str) -> tuple[bytes, ...]:
    head = b"Content-Type: " + kind + b'; charset="utf-8"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    raw = content.encode()
    if b"\r" in raw:
        raw = raw.replace(CRLF, b"\n").replace(b"\r", b"\n")
    code = b2a_base64(raw.replace(b"\n", CRLF), newline=False)
    whole, rest = divmod(len(code), LINE)
    return head, CRLF.join((*_lines(whole).unpack_from(code), *((code[-rest:],) if rest else ()))), CRLF


@lru_cache(maxsize=1024)
def _lines(number: int) -> Struct:
    """Cuts so many lines off at once: four times as fast as slicing."""
    return Struct(f"{LINE}s" * number)
