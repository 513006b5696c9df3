"""What comes back from the world, and whether it is ours: the id of a touch with a tag that only we can make.

A tag is bound to its purpose, so that a bounce address cannot be turned into a refusal. Nothing in it tells who the customer is.
"""

import hmac
import re
from urllib.parse import quote

BOUNCE, REFUSAL, ANSWER, READER, CLICK = "bounce", "refusal", "answer", "reader", "click"
TAG_BYTES = {
    BOUNCE: 8,
    REFUSAL: 16,
    ANSWER: 16,
    READER: 16,
    CLICK: 16,
}  # a local part may have 64 characters; a refusal must be hard to forge (RFC 8058 3.1)
TOUCH = re.compile(r"[0-9a-f]{32}")


def tag(secret: bytes, purpose: str, touch_id: str) -> str:
    """The tag of a touch for one purpose, in hexadecimal."""
    return hmac.digest(secret, f"{purpose}\0{touch_id}".encode(), "sha256")[: TAG_BYTES[purpose]].hex()


def bounce_address(secret: bytes, domain: str, touch_id: str) -> str:
    """Where a bounce of this touch goes: `bounce+TOUCH=TAG@domain` (VERP)."""
    return f"bounce+{touch_id}={tag(secret, BOUNCE, touch_id)}@{domain}"


def refusal_url(secret: bytes, public_url: str, touch_id: str) -> str:
    """Where the receiver of this touch refuses further mail: `PUBLIC/u/TOUCH.TAG`."""
    return f"{public_url.rstrip('/')}/u/{touch_id}.{tag(secret, REFUSAL, touch_id)}"


def answer_url(secret: bytes, public_url: str, touch_id: str, value: str) -> str:
    """The page on which the receiver of this touch gives an answer, with that one chosen: `PUBLIC/a/TOUCH.TAG?say=VALUE`."""
    return f"{public_url.rstrip('/')}/a/{touch_id}.{tag(secret, ANSWER, touch_id)}?say={quote(value, safe='')}"


def reader_token(secret: bytes, touch_id: str) -> str:
    """What tells the help site who follows the link of this touch: `TOUCH.TAG`."""
    return f"{touch_id}.{tag(secret, READER, touch_id)}"


def click_url(secret: bytes, public_url: str, touch_id: str, url: str) -> str:
    """The way by us to the link of this touch: `PUBLIC/c/TOUCH.TAG?to=URL`. The tag is of the address too, so it leads nowhere else."""
    return f"{public_url.rstrip('/')}/c/{touch_id}.{tag(secret, CLICK, _linked(touch_id, url))}?to={quote(url, safe='')}"


def clicked_touch(secret: bytes, token: str, url: str) -> str | None:
    """The touch of a link by us, if we wrote it to lead to this address."""
    touch_id, dot, found = token.partition(".")
    ours = TOUCH.fullmatch(touch_id) is not None and dot == "." and found.isascii()
    return touch_id if ours and hmac.compare_digest(tag(secret, CLICK, _linked(touch_id, url)), found) else None


def _linked(touch_id: str, url: str) -> str:
    return f"{touch_id}\0{url}"


def touch_of(secret: bytes, purpose: str, token: str) -> str | None:
    """The touch of `TOUCH.TAG` or `TOUCH=TAG`, if the tag is ours for this purpose."""
    touch_id, found = token[:32], token[33:]
    ours = TOUCH.fullmatch(touch_id) is not None and token[32:33] in {".", "="} and found.isascii()
    return touch_id if ours and hmac.compare_digest(tag(secret, purpose, touch_id), found) else None
