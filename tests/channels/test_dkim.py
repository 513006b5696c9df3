"""DKIM signatures hold under a verifier that knows nothing of the signer, and break when anything they cover is touched."""

import base64
import hashlib
import re
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from engine.channels.deployment import Deployment
from engine.channels.mail.dkim import Signer, read_key
from engine.config import Config
from engine.errors import BansoError
from engine.pipeline.postal import deployment_of
from tests.channels.strict import read
from tests.channels.writing import named, with_sender, write

KEYS = {"rsa": rsa.generate_private_key(65537, 2048), "ed25519": ed25519.Ed25519PrivateKey.generate()}
MUST_COVER = {"from", "to", "subject", "date", "message-id", "list-unsubscribe", "list-unsubscribe-post", "mime-version", "content-type"}


def a_deployment(kind: str = "rsa", domain: str = "example.jp") -> Deployment:
    return Deployment("https://u.example.jp", b"s" * 32, None, Signer(domain, "banso1", KEYS[kind]))


def signed_mail(kind: str = "rsa") -> bytes:
    return write(deployment=a_deployment(kind), occasion=named("株式会社青空" * 10)).body


def unfolded(head: bytes) -> list[tuple[str, bytes]]:
    return [(line.partition(b":")[0].decode(), line.partition(b":")[2]) for line in re.split(rb"\r\n(?! )", head)]


def in_relaxed_form(name: str, value: bytes) -> bytes:
    return name.lower().encode() + b":" + b" ".join(value.split())


def covered(raw: bytes) -> tuple[dict[str, str], bytes]:
    """The tags of the signature and the bytes it is made over, by RFC 6376 3.7; refuses a wrong body hash."""
    head, _, body = raw.partition(b"\r\n\r\n")
    fields = unfolded(head)
    assert fields[0][0] == "DKIM-Signature"
    tags = {tag.partition("=")[0].strip(): re.sub(r"\s", "", tag.partition("=")[2]) for tag in fields[0][1].decode().split(";")}
    assert tags["c"] == "relaxed/simple"
    assert body.endswith(b"\r\n")
    assert not body.endswith(b"\r\n\r\n")
    assert tags["bh"] == base64.b64encode(hashlib.sha256(body).digest()).decode(), "body hash"
    left, data = fields[1:], b""
    for name in tags["h"].split(":"):
        found = next((field for field in reversed(left) if field[0].lower() == name), None)
        if found is not None:
            left.remove(found)
            data += in_relaxed_form(*found) + b"\r\n"
    return tags, data + in_relaxed_form("DKIM-Signature", re.sub(rb"b=[^;]*\Z", b"b=", fields[0][1]))


def verifies(raw: bytes, folder: Path) -> bool:
    """By the openssl command where the key is RSA: another implementation than the one that signs."""
    try:
        tags, data = covered(raw)
    except AssertionError as problem:
        if "body hash" in str(problem):
            return False
        raise
    assert tags["a"] == "rsa-sha256"
    (folder / "public.pem").write_bytes(KEYS["rsa"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    (folder / "signature").write_bytes(base64.b64decode(tags["b"]))
    (folder / "data").write_bytes(data)
    command = ["openssl", "dgst", "-sha256", "-verify", "public.pem", "-signature", "signature", "data"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0


def test_a_signature_holds(tmp_path: Path) -> None:
    assert verifies(signed_mail(), tmp_path)


def test_a_signature_by_ed25519_holds() -> None:
    tags, data = covered(signed_mail("ed25519"))
    assert tags["a"] == "ed25519-sha256"
    KEYS["ed25519"].public_key().verify(base64.b64decode(tags["b"]), hashlib.sha256(data).digest())  # raises if it does not


def test_a_signed_mail_is_a_strict_one_and_the_signature_covers_what_it_must() -> None:
    seen = read(signed_mail())
    assert seen.names[0] == "DKIM-Signature"
    tags, _ = covered(signed_mail())
    assert set(tags["h"].split(":")) >= MUST_COVER
    assert (tags["d"], tags["s"], tags["v"]) == ("example.jp", "banso1", "1")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(b"cs@example.jp>\r\nTo", b"ceo@example.jp>\r\nTo", id="who it is from"),
        pytest.param(b"\r\nTo: ", b"\r\nTo: x@y.z, ", id="who it is to"),
        pytest.param(b"https://u.example.jp/u/", b"https://evil.example/u/", id="where to refuse"),
        pytest.param(b"\r\nDate:", b"\r\nReply-To: evil@x.y\r\nDate:", id="an answer that goes elsewhere"),
        pytest.param(b"\r\nDate:", b"\r\nSubject: free money\r\nDate:", id="a second subject"),
        pytest.param(b"\r\n\r\n--b-", b"\r\n\r\nx\r\n--b-", id="the body"),
    ],
)
def test_a_signature_breaks_with_what_it_covers(old: bytes, new: bytes, tmp_path: Path) -> None:
    raw = signed_mail()
    assert raw.count(old) >= 1
    assert not verifies(raw.replace(old, new, 1), tmp_path)


def test_blanks_that_servers_fold_anew_break_nothing(tmp_path: Path) -> None:
    assert verifies(signed_mail().replace(b",\r\n <mailto:", b", <mailto:", 1), tmp_path)


def test_only_mail_of_the_domain_is_signed() -> None:
    """A signature of another domain is not aligned and helps nobody."""
    for address, signed in (("cs@example.jp", True), ("cs@mail.example.jp", True), ("cs@notexample.jp", False), ("cs@example.com", False)):
        assert ("DKIM-Signature" in read(write(with_sender(address=address), a_deployment()).body).names) == signed, address


def test_the_same_letter_has_the_same_signature() -> None:
    assert signed_mail() == signed_mail()


# --- keys from files --------------------------------------------------------------------------------------------------


def pem(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize("kind", KEYS)
def test_a_key_is_read_from_its_file(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "dkim.pem"
    path.write_bytes(pem(KEYS[kind]))
    signer = deployment_of(Config(dkim_domain="example.jp", dkim_selector="banso1", dkim_key_file=path)).signer
    assert signer is not None
    assert signer.public() == Signer("example.jp", "banso1", KEYS[kind]).public()


@pytest.mark.parametrize(
    "content", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", pem(rsa.generate_private_key(65537, 1024))[:-200]]
)
def test_what_is_no_key_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError):
        read_key(content)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        pytest.param({"dkim_domain": "example.jp"}, "E635", id="a domain without a key"),
        pytest.param({"dkim_domain": "example.jp", "dkim_selector": "s", "dkim_key_file": "none.pem"}, "E651", id="no such file"),
        pytest.param({"dkim_domain": "example.jp", "dkim_selector": "s", "dkim_key_file": "text"}, "E636", id="a file that is no key"),
        pytest.param({"public_url": "https://u.example.jp"}, "E634", id="an address to refuse at without a secret"),
        pytest.param({"bounce_domain": "b.example.jp"}, "E634", id="bounces without a secret"),
        pytest.param({"secret_file": "text"}, "E637", id="a short secret"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(given: dict[str, str], code: str, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("short")
    files = {name: tmp_path / value if name.endswith("_file") else value for name, value in given.items()}
    with pytest.raises(BansoError) as caught:
        deployment_of(Config(**files))
    assert [fault.code for fault in caught.value.faults] == [code]
