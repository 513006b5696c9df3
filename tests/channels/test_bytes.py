"""Whatever names, subjects, addresses and texts hold: the message is what two readers independent of its writer expect.

A few thousand values each time; BANSO_FUZZ_MAILS=100000 for a release.
"""

import os
import random
import re
from email import policy
from email.parser import BytesParser
from unicodedata import category

import pytest

from engine.channels.letter import Unwritable
from engine.channels.mail.message import assemble, checked_address, clean, encoded, guard, mailbox
from tests.channels.strict import ADDR, Invalid, read

MAILS = int(os.environ.get("BANSO_FUZZ_MAILS", "3000"))
ROUND = 500
NAMES = ["From", "To", "Subject", "Date", "Message-ID", "List-Unsubscribe", "MIME-Version", "Content-Type"]
EVIL = (
    "x\r\nBcc: evil@x.y",
    "x\nBcc: evil@x.y\n\nbody",
    "x\rBcc: evil@x.y",
    "x\u2028Bcc: evil@x.y",
    "=?utf-8?q?a=0ABcc=3A_evil=40x=2Ey?=",
    "=?utf-8?b?YQpCY2M6IGV2aWxAeC55?=",
    "=?utf-8?B?YQ==?= =?utf-8?B?YQ==?=",
    "=?=?utf-8?q?=0A?=?=",
    "= ?utf-8?q?x?=",
    '"evil" <evil@x.y>, ',
    "evil@x.y,",
    "(comment) name; other: group;",
    "株式会社青空\x00\x1b[31m",
    "\u202eexe.pdf",
    "\ud800 lone",
    "👩‍👩‍👧‍👦" * 20,
    "髙橋㈱" * 80,
    " " * 90,
    "a" * 998,
    "\t leading",
    ".",
    "",
)
ADDRESSES = (
    "a@x.y",
    "a\r\nb@x.y",
    "a@x.y>",
    "<a@x.y",
    "a b@x.y",
    "a@x.y\x00",
    "a@x.y, b@x.y",
    "a..b@x.y",
    ".a@x.y",
    "a.@x.y",
    "a@-x.y",
    "a@x_y.z",
    "a@x.y\u2028",
)
BODIES = ("", "\n", "\r", "\r\n", ".\n..\n.", "From me\n--b-x\n--b-x--\n", "\u2028", "x" * 5000, "行\r\n" * 50, "\x00\x1b")


def a_text(chance: random.Random) -> str:
    kind = chance.randrange(5)
    if kind == 0:
        return chance.choice(EVIL)
    if kind == 1:
        return "".join(chance.choices('=?utf-8qb_0ABc:@<>,;"\\\r\n \u2028株青\t.', k=chance.randrange(80)))
    if kind == 2:
        return "".join(chr(chance.choice((chance.randrange(0x20, 0x7F), chance.randrange(0x3040, 0x30FF)))) for _ in range(chance.randrange(120)))
    if kind == 3:
        return "".join(chr(chance.randrange(0x110000)) for _ in range(chance.randrange(60)))
    return chance.choice(EVIL) + chance.choice(EVIL)


def an_address(chance: random.Random) -> str:
    if chance.random() < 0.5:
        return chance.choice(("tanaka@aozora.example.jp", "a" * 64 + "@x.y", "a@" + "x" * 60 + "." + "y" * 60 + ".jp", "o'neil+tag@x-1.example"))
    if chance.random() < 0.5:
        return chance.choice(ADDRESSES)
    return "".join(chance.choices("ab.@<>\r\n\t ,;:\"'+-_=?é株\x00", k=chance.randrange(1, 40)))


def shown(text: str) -> str:
    """What a reader is to see of a header's text."""
    marks = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    return "".join(" " if category(each) in {"Cc", "Cs", "Zl", "Zp"} or each in marks else each for each in text).replace("=?", "= ?").strip()


def is_address(text: str) -> bool:
    return text.isascii() and ADDR.match(text.encode()) is not None and len(text) <= 254 and len(text.split("@", maxsplit=1)[0]) <= 64


def written(chance: random.Random, address: str) -> tuple[bytes, dict[str, object]]:
    name, subject, bodies = a_text(chance), a_text(chance), (chance.choice(BODIES), chance.choice(BODIES))
    headers = {
        "From": mailbox(name, "cs@example.jp", "From"),
        "To": mailbox(name + subject, address, "To"),
        "Subject": encoded(subject) or b"-",
        "Date": b"Tue, 07 Apr 2026 09:00:00 +0900",
        "Message-ID": b"<t1@example.jp>",
        "List-Unsubscribe": b"<mailto:unsubscribe@example.jp>",
    }
    wanted = {"From": (shown(name), "cs@example.jp"), "To": (shown(name + subject), address), "Subject": shown(subject) or "-", "bodies": bodies}
    return assemble(headers, {b"text/plain": bodies[0], b"text/html": bodies[1]}, "b-x"), wanted


@pytest.mark.parametrize("seed", range(max(1, MAILS // ROUND)))
def test_two_strict_readers_see_what_was_written_and_nothing_else(seed: int) -> None:
    chance, refused = random.Random(seed), 0
    for _ in range(ROUND):
        address = an_address(chance)
        try:
            raw, wanted = written(chance, address)
        except Unwritable:
            assert not is_address(address)
            refused += 1
            continue
        valid = read(raw)
        assert valid.names == NAMES
        assert [valid[name] for name in ("From", "To", "Subject")] == [wanted[name] for name in ("From", "To", "Subject")]
        assert [kind for kind, _ in valid.parts] == ["text/plain", "text/html"]
        assert [text for _, text in valid.parts] == [re.sub(r"\r\n|\r|\n", "\r\n", body) for body in wanted["bodies"]]
        message = BytesParser(policy=policy.default).parsebytes(raw)
        assert message.keys() == NAMES
        assert not message.defects
        assert [each.addr_spec for each in message["To"].addresses] == [wanted["To"][1]]
        assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert 0 < refused < ROUND * 0.6


@pytest.mark.parametrize("seed", range(3))
def test_an_address_is_taken_exactly_when_the_strict_reader_takes_it(seed: int) -> None:
    chance = random.Random(seed)
    for address in (*ADDRESSES, *(an_address(chance) for _ in range(2000))):
        try:
            checked_address(address)
        except Unwritable:
            assert not is_address(address), address
        else:
            assert is_address(address), address


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"Subject: a\r\nBcc: b@x.y\r\n", id="another field"),
        pytest.param(b"Subject: a\nBcc: b@x.y\r\n", id="a bare line feed"),
        pytest.param(b"Subject: a\rBcc: b@x.y\r\n", id="a bare carriage return"),
        pytest.param(b"Subject: a\r\n\r\nbody\r\n", id="the end of the header"),
        pytest.param(b"Subject: a\r\n \r\n", id="a folded line of blanks, which some take for the end"),
        pytest.param(b"Subject: \xe9\r\n", id="a byte beyond ASCII"),
        pytest.param(b"Subject: a\x00b\r\n", id="NUL"),
        pytest.param(b"Subject: a\tb\r\n", id="a tab"),
        pytest.param(b"Subject: " + b"a" * 1000 + b"\r\n", id="a line of a thousand"),
        pytest.param(b"Subject: \r\n", id="nothing"),
        pytest.param(b"Subject : a\r\n", id="a blank before the colon"),
        pytest.param(b"Subject: =?utf-8?q?a=0ABcc=3A_evil=40x=2Ey?=\r\n", id="a quoted-printable word that holds a line end"),
        pytest.param(b"Subject: =?utf-8?B?YQ==\r\n", id="half a word"),
        pytest.param(b"Subject: =?utf-7?B?YQ==?=\r\n", id="a word of another character set"),
        pytest.param(b"To: a@x.y\r\n", id="another name"),
    ],
)
def test_the_guard_stops_a_header_that_has_not_the_one_form(head: bytes) -> None:
    """Even if the encoder let something through."""
    with pytest.raises(Unwritable):
        guard(head, ("Subject",))


def test_the_guard_lets_the_one_form_through() -> None:
    guard(b"Subject: a b\r\n c\r\nTo: =?utf-8?B?YQ==?=\r\n =?utf-8?B?YQ==?= <a@x.y>\r\n", ("Subject", "To"))


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        pytest.param(b"A: b\r\n\r\nx\n", "CRLF", id="line ends"),
        pytest.param(b"A: b\r\nA: c\r\n\r\n", "twice", id="a field twice"),
        pytest.param(b"Subject: =?utf-8?B?" + b"YWFh" * 16 + b"?=\r\n\r\n", "too long", id="a word of 76"),
        pytest.param(b"Subject: =?utf-8?B?/w==?=\r\n\r\n", "utf-8", id="half a character"),
        pytest.param(b"A: \xc3\xa9\r\n\r\n", "ASCII", id="beyond ASCII"),
    ],
)
def test_the_strict_reader_is_strict(raw: bytes, why: str) -> None:
    with pytest.raises((Invalid, UnicodeDecodeError), match=why):
        read(raw)


def test_header_text_is_cleaned_once_and_for_all() -> None:
    for text in EVIL:
        assert clean(clean(text)) == clean(text)
