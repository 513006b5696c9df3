"""Signatures of webhooks as Standard Webhooks 1.0 has them, made and checked: over id, time and the very bytes of the body."""

import base64
import hmac
from collections.abc import Iterable, Mapping, Sequence

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
PREFIX = "whsec_"
TOLERANCE_SECONDS = 300
LONGEST_ID = 200
SIGNATURES_MAX = 10  # a sender that changes its secret signs with the old and the new one


class BadSignature(Exception):
    """A message that is not, or no longer, vouched for; `reason` is one of not_signed, out_of_time, not_ours."""

    def __init__(self, reason: str, why: str) -> None:
        super().__init__(why)
        self.reason = reason


def secret_of(key: bytes) -> str:
    """A key as both sides write it down."""
    return PREFIX + base64.b64encode(key).decode()


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature` under one secret; `timestamp` in seconds."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    said = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, said, "sha256")).decode()


def headers_of(secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> Mapping[str, str]:
    """What goes with a body that is sent, under one secret or, while it is changed, under two."""
    return {ID: message_id, TIMESTAMP: str(timestamp), SIGNATURE: " ".join(sign(each, message_id, timestamp, body) for each in secrets)}


def verify(secrets: Iterable[str], headers: Mapping[str, str], body: bytes, now: int) -> str:
    """The id of a message that one of these secrets signed; `now` in seconds. Raises BadSignature."""
    message_id, timestamp, signatures = (headers.get(name, "") for name in (ID, TIMESTAMP, SIGNATURE))
    if not 0 < len(message_id) <= LONGEST_ID or not message_id.isascii() or not timestamp.isascii() or not timestamp.isdigit() or not signatures:
        raise BadSignature("not_signed", f"{ID}, {TIMESTAMP} and {SIGNATURE} are needed")
    if len(timestamp) > 12 or abs(int(timestamp) - now) > TOLERANCE_SECONDS:
        raise BadSignature("out_of_time", f"{TIMESTAMP} is more than {TOLERANCE_SECONDS} seconds away from our clock")
    given = [each.encode(errors="replace") for each in signatures.split()[:SIGNATURES_MAX]]
    expected = [sign(secret, message_id, int(timestamp), body).encode() for secret in secrets]
    if not any([hmac.compare_digest(ours, theirs) for ours in expected for theirs in given]):  # noqa: C419 - each pair is compared, whichever fits
        raise BadSignature("not_ours", "no secret in force made this signature over these bytes")
    return message_id
