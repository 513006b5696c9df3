"""Who reads the help site: whoever follows the link of a touch, or whom the product sent. Anybody else reads as well, unknown.

A link carries the touch's id with a tag. For whom the product sent there is no touch: his token holds account and contact, sealed (AES-SIV,
RFC 5297), so that neither stands in an address for others to read.
"""

import binascii
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from engine.calendar import HOUR
from engine.channels.mail.tags import READER, touch_of
from engine.ledger import touches as ledger_touches
from engine.pipeline.postal import deployment_of
from engine.pipeline.system import System
from engine.pipeline.visitors import Visitor

SEALED = "v."  # how the token of a visitor begins
LASTS_HOURS = 12  # a working day; the product's page gives another
LONGEST = 2_000  # characters


@dataclass(frozen=True)
class Reader:
    """A known reader, and the token that says so. `contact` is missing where the touch was for nobody by name."""

    account: str
    contact: str | None
    token: str


def reader_of(system: System, token: str) -> Reader | None:
    """The reader a token tells; None where it is not ours or is over, or there is no secret. Raises StoreError if the ledger is away."""
    secret = deployment_of(system.config).secret
    if secret is None or not token or len(token) > LONGEST:
        return None
    if token.startswith(SEALED):
        return _unsealed(system, secret, token)
    touch_id = touch_of(secret, READER, token)
    if touch_id is None:
        return None
    with system.ledger.read() as connection:
        touch = ledger_touches.get_touch(connection, touch_id)
    return None if touch is None else Reader(touch.account_id, touch.contact_id, token)


def token_for(system: System, visitor: Visitor) -> str | None:
    """A token for whom the product sent; the same one within an hour. None where there is no secret."""
    secret = deployment_of(system.config).secret
    if secret is None:
        return None
    said = json.dumps([visitor.account, visitor.contact, system.clock.now() // HOUR + LASTS_HOURS], ensure_ascii=False)
    return SEALED + urlsafe_b64encode(_seal(secret).encrypt(said.encode(), None)).decode().rstrip("=")


def _unsealed(system: System, secret: bytes, token: str) -> Reader | None:
    sealed = token.removeprefix(SEALED)
    try:
        raw = urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
        account, contact, until = json.loads(_seal(secret).decrypt(raw, None))
    except (InvalidTag, binascii.Error, ValueError):
        return None
    return Reader(account, contact, token) if system.clock.now() // HOUR <= until else None


def _seal(secret: bytes) -> AESSIV:
    return AESSIV(hmac.digest(secret, READER.encode(), "sha512"))
