"""The bytes of a request → JSON. Size, depth and the length of numbers are bounded before anything is built from them."""

import json
import re
import zlib
from itertools import accumulate
from typing import Any, NoReturn

LARGEST = 5_000_000  # bytes, unpacked too; clients cut their batches at 0.5 to 5 MB
DEEPEST = 32  # levels of lists and objects
LONGEST_NUMBER = 40  # characters; Python refuses whole numbers of more than 4,300 digits, others of any length are slow

_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


class BadBody(Exception):
    """A request whose body cannot be read; `reason` is one of too_large, not_gzip, not_json, too_deep, bad_number, repeated_key, not_an_object."""

    def __init__(self, reason: str, why: str) -> None:
        super().__init__(why)
        self.reason = reason


def unpacked(body: bytes, encoding: str) -> bytes:
    """The body as it was before `Content-Encoding`: gzip or none. A small body that unpacks to a large one is given up at the limit."""
    if encoding in {"", "identity"}:
        return body
    if encoding != "gzip":
        raise BadBody("not_gzip", f"Content-Encoding {encoding[:40]} is not known; gzip is")
    unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = unpacking.decompress(body, LARGEST + 1)
    except zlib.error as error:
        raise BadBody("not_gzip", str(error)) from error
    if len(plain) > LARGEST:
        raise BadBody("too_large", f"more than {LARGEST:,} bytes when unpacked")
    if not unpacking.eof:
        raise BadBody("not_gzip", "the packed body ends too early")
    return plain


def parsed(body: bytes) -> dict[str, Any]:
    """The JSON object in the body. Raises BadBody."""
    if len(body) > LARGEST:
        raise BadBody("too_large", f"more than {LARGEST:,} bytes")
    if _depth(body) > DEEPEST:
        raise BadBody("too_deep", f"more than {DEEPEST} levels of lists and objects")
    try:
        found = json.loads(body, parse_int=_whole, parse_float=_fraction, parse_constant=_no_number, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:  # bytes that are no UTF-8 are a ValueError too
        raise BadBody("not_json", str(error)[:200]) from error
    if not isinstance(found, dict):
        raise BadBody("not_an_object", "the body is no JSON object")
    return found


def _depth(body: bytes) -> int:
    marks = accumulate(1 if mark in b"[{" else -1 for mark in _TEXT.sub(b"", body) if mark in b"[]{}")
    return max(marks, default=0)


def _whole(text: str) -> int:
    return int(_short(text))


def _fraction(text: str) -> float:
    number = float(_short(text))
    return number if abs(number) != float("inf") else _no_number(text)


def _short(text: str) -> str:
    if len(text) > LONGEST_NUMBER:
        raise BadBody("bad_number", f"a number of {len(text):,} characters")
    return text


def _no_number(text: str) -> NoReturn:
    raise BadBody("bad_number", f"{text[:40]} is no number in JSON (RFC 8259)")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadBody("repeated_key", "an object has the same key twice")
    return found
