"""DKIM signatures (RFC 6376; Ed25519 by RFC 8463) over messages laid out by ourselves.

Canonical forms: headers `relaxed`, body `simple`: our bodies end in exactly one line end, so they are canonical as they stand.
"""

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:  # the library of the keys takes a tenth of a second to load; it is loaded where mails are signed
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

Key: TypeAlias = "RSAPrivateKey | Ed25519PrivateKey"

RSA_BITS_MIN = 1024  # RFC 8301: verifiers take nothing shorter; sign with 2048
ONCE_ONLY = ("from", "to", "subject", "reply-to", "date", "message-id", "list-unsubscribe", "list-unsubscribe-post")


@dataclass(frozen=True)
class Signer:
    """A domain's key and the name under which its public half stands in the DNS."""

    domain: str
    selector: str
    key: Key

    def signs_for(self, address: str) -> bool:
        """Whether mail from the address is aligned (DMARC, relaxed): its domain is ours or below ours."""
        domain = address.rpartition("@")[2].lower()
        return domain == self.domain or domain.endswith(f".{self.domain}")

    @property
    def algorithm(self) -> str:
        return "rsa-sha256" if hasattr(self.key, "key_size") else "ed25519-sha256"

    def signature(self, headers: Mapping[str, bytes], body: bytes) -> bytes:
        """The value of the DKIM-Signature header. Fields of ONCE_ONLY are named once more than they stand there: adding another breaks it."""
        names = [name.lower() for name in headers]
        listed = [*names, *ONCE_ONLY]
        said = (
            f"v=1; a={self.algorithm}; c=relaxed/simple; d={self.domain}; s={self.selector};\r\n h={_folded_names(listed)};\r\n"
            f" bh={b64encode(hashlib.sha256(body).digest()).decode()};\r\n b="
        ).encode()
        signed = b"".join([relaxed(name, value) + b"\r\n" for name, value in headers.items()]) + relaxed("DKIM-Signature", said)
        code = b64encode(self._sign(signed))
        return said + b"\r\n ".join([code[start : start + 72] for start in range(0, len(code), 72)])

    def _sign(self, signed: bytes) -> bytes:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        if isinstance(self.key, Ed25519PrivateKey):
            return self.key.sign(hashlib.sha256(signed).digest())
        return self.key.sign(signed, PKCS1v15(), SHA256())

    def public(self) -> str:
        """What `p=` must say in the DNS."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        if isinstance(self.key, Ed25519PrivateKey):
            return b64encode(self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
        return b64encode(self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def read_key(pem: bytes) -> Key:
    """The private key of a PEM file: RSA of 1024 bits or more, or Ed25519. Raises ValueError."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, None)
    except (TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(str(error)) from error
    if isinstance(key, Ed25519PrivateKey) or (isinstance(key, RSAPrivateKey) and key.key_size >= RSA_BITS_MIN):
        return key
    raise ValueError(type(key).__name__)


def relaxed(name: str, value: bytes) -> bytes:
    """A field in relaxed form (RFC 6376 3.4.2), without its line end."""
    return name.lower().encode() + b":" + b" ".join(value.split())


def _folded_names(names: list[str]) -> str:
    lines, line = [], names[0]
    for name in names[1:]:
        if len(line) + len(name) > 60:
            lines.append(line)
            line = name
        else:
            line += f":{name}"
    return ":\r\n ".join([*lines, line])
