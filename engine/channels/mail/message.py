"""A mail as bytes, laid out by hand: building it with the email package is fifty times slower (docs/decisions/0006-mail-bytes.md).

The guard does not trust the encoder: header data is stripped of everything that could end a header or hide an encoded word (CVE-2024-6923,
CVE-2026-1299), and the finished headers are parsed again and compared name by name.
"""

import re
from base64 import b64encode, encodebytes
from collections.abc import Mapping
from email.parser import BytesHeaderParser

from engine.channels.letter import Unwritable
from engine.detail import detail

CRLF = b"\r\n"
ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+\Z")
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e]")
ENCODED_WORD_BYTES = 45  # of UTF-8 in one encoded word; RFC 2047 allows 75 characters in all


def checked_address(address: str) -> str:
    """The address if it is one plain addr-spec (RFC 5321 4.1.2) and nothing more. Raises Unwritable."""
    if len(address) > 254 or not ADDRESS.match(address):
        raise Unwritable(detail("not_an_address", address))
    return address


def clean(text: str) -> str:
    """Header data without control characters and without the beginning of an encoded word."""
    return CONTROLS.sub(" ", text).replace("=?", "= ?").strip()


def encoded(text: str) -> bytes:
    """A header's unstructured text: plain where it is short ASCII, else encoded words (RFC 2047), one a line."""
    text = clean(text)
    if text.isascii() and len(text) <= 60:
        return text.encode()
    words, piece = [], b""
    for character in text:
        raw = character.encode()
        if len(piece) + len(raw) > ENCODED_WORD_BYTES:
            words.append(piece)
            piece = b""
        piece += raw
    words.append(piece)
    return b"\r\n ".join(b"=?utf-8?B?" + b64encode(word) + b"?=" for word in words)


def mailbox(name: str | None, address: str) -> bytes:
    """`name <address>`; the name always as an encoded word, so that no quoting can go wrong."""
    plain = checked_address(address).encode()
    if not name or not clean(name):
        return plain
    words = [b"=?utf-8?B?" + b64encode(clean(name)[start : start + 12].encode()) + b"?=" for start in range(0, len(clean(name)), 12)]
    return b"\r\n ".join(words) + b" <" + plain + b">"


def assemble(headers: Mapping[str, bytes], text: str, html: str, boundary: str) -> bytes:
    """multipart/alternative, the text first. Raises Unwritable if the headers do not read back as they were written."""
    mark = boundary.encode()
    named = {**headers, "MIME-Version": b"1.0", "Content-Type": b'multipart/alternative; boundary="' + mark + b'"'}
    lines = [name.encode() + b": " + value for name, value in named.items()]
    head = CRLF.join(lines) + CRLF + CRLF
    found = BytesHeaderParser().parsebytes(head).keys()
    if found != list(named):
        raise Unwritable(detail("other_headers", ", ".join(found)))
    parts = [_part(b"text/plain", text, mark), _part(b"text/html", html, mark)]
    return head + b"".join(parts) + b"--" + mark + b"--" + CRLF


def _part(kind: bytes, content: str, mark: bytes) -> bytes:
    head = b"--" + mark + CRLF + b"Content-Type: " + kind + b'; charset="utf-8"' + CRLF + b"Content-Transfer-Encoding: base64" + CRLF + CRLF
    body = encodebytes(content.replace("\r\n", "\n").replace("\n", "\r\n").encode())
    return head + body.replace(b"\n", CRLF) + CRLF
