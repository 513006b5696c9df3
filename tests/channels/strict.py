"""A validator of mails that knows nothing of how banso makes them: RFC 5322, 2045-2047 and 5321, read as strictly as they can be read."""

import base64
import re
from dataclasses import dataclass

LINE_MAX, WORD_MAX, WORD_LINE_MAX, BASE64_MAX = 998, 75, 76, 76
FIELD = re.compile(rb"([!-9;-~]+): ([!-~][ -~]*)\Z")
FOLDED = re.compile(rb" [!-~][ -~]*\Z")
ENCODED = re.compile(rb"=\?([A-Za-z0-9-]+)\?([BQbq])\?([!-<>@-~]*=*)\?=\Z")
ATEXT = rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
ADDR = re.compile(rb"%b(?:\.%b)*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\Z" % (ATEXT, ATEXT))
DATE = re.compile(rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d{2}:\d{2}:\d{2} [+-]\d{4}\Z")
MESSAGE_ID = re.compile(rb"<%b(?:\.%b)*@%b(?:\.%b)*>\Z" % (ATEXT, ATEXT, ATEXT, ATEXT))
TEXT_FIELDS, MAILBOX_FIELDS = ("Subject",), ("From", "To", "Reply-To")


class Invalid(AssertionError):
    """Why a message is none."""


@dataclass(frozen=True)
class Valid:
    """What a reader sees: fields in order, decoded; a mailbox as (name, address); parts as (type, text)."""

    fields: tuple[tuple[str, str | tuple[str, str]], ...]
    parts: tuple[tuple[str, str], ...]

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.fields]

    def __getitem__(self, name: str) -> str | tuple[str, str]:
        (value,) = (value for key, value in self.fields if key == name)
        return value


def read(raw: bytes) -> Valid:
    """Raises Invalid."""
    _must(raw.isascii() and b"\0" not in raw, "not plain ASCII")
    bare = raw.replace(b"\r\n", b"")
    _must(b"\r" not in bare and b"\n" not in bare, "a line end that is not CRLF")
    _must(all(len(line) <= LINE_MAX for line in raw.split(b"\r\n")), "a line that is too long")
    head, divider, body = raw.partition(b"\r\n\r\n")
    _must(divider != b"", "no body")
    fields = tuple(_field(name, lines) for name, lines in _unfolded(head))
    return Valid(fields, _parts(dict(_unfolded(head)), body))


def _must(holds: bool, why: str) -> None:
    if not holds:
        raise Invalid(why)


def _unfolded(head: bytes) -> list[tuple[str, list[bytes]]]:
    """Each field's name and its lines."""
    found: list[tuple[str, list[bytes]]] = []
    for line in head.split(b"\r\n"):
        if line.startswith(b" "):
            _must(bool(found) and FOLDED.match(line) is not None, f"a folded line: {line!r}")
            found[-1][1].append(line[1:])
        else:
            match = FIELD.match(line)
            _must(match is not None, f"no field: {line!r}")
            assert match is not None
            found.append((match[1].decode(), [match[2]]))
            if b"=?" in line:
                _must(len(line) <= WORD_LINE_MAX, f"a line with an encoded word is too long: {line!r}")
    names = [name.lower() for name, _ in found]
    _must(len(set(names)) == len(names), f"a field stands twice: {names}")
    return found


def _field(name: str, lines: list[bytes]) -> tuple[str, str | tuple[str, str]]:
    _must(all(len(line) + 1 <= WORD_LINE_MAX for line in lines[1:] if b"=?" in line), "a line with an encoded word is too long")
    value = b" ".join(lines)
    if name in TEXT_FIELDS:
        return name, _text(value)
    if name in MAILBOX_FIELDS:
        return name, _mailbox(value)
    _must(b"=?" not in value, f"an encoded word in {name}")
    _must(name != "Date" or DATE.match(value) is not None, "Date")
    _must(name != "Message-ID" or MESSAGE_ID.match(value) is not None, "Message-ID")
    return name, value.decode()


def _text(value: bytes) -> str:
    """Encoded words next to each other are one text; blanks between them are not shown (RFC 2047 6.2)."""
    shown, after_word = "", False
    for token in value.split(b" "):
        word = _word(token)
        if word is None:
            _must(b"=?" not in token, f"half an encoded word: {token!r}")
            shown += ("" if not shown else " ") + token.decode()
        else:
            shown += word if after_word or not shown else f" {word}"
        after_word = word is not None
    return shown


def _word(token: bytes) -> str | None:
    match = ENCODED.match(token)
    if match is None:
        return None
    _must(len(token) <= WORD_MAX, f"an encoded word is too long: {token!r}")
    _must(match[1].lower() == b"utf-8" and match[2] == b"B", "an encoded word of another kind")
    return base64.b64decode(match[3], validate=True).decode("utf-8")


def _mailbox(value: bytes) -> tuple[str, str]:
    name, address = b"", value
    if value.endswith(b">"):
        name, _, address = value[:-1].rpartition(b"<")
        _must(name.endswith(b" "), "no blank before the address")
    _must(ADDR.match(address) is not None and len(address) <= 254 and len(address.split(b"@")[0]) <= 64, f"an address: {address!r}")
    _must(all(_word(token) is not None for token in name.split()), f"a name that is no encoded word: {name!r}")
    return _text(name.strip()) if name.strip() else "", address.decode()


def _parts(fields: dict[str, list[bytes]], body: bytes) -> tuple[tuple[str, str], ...]:
    _must(fields["MIME-Version"] == [b"1.0"], "MIME-Version")
    match = re.fullmatch(rb'multipart/alternative; boundary="([0-9A-Za-z\'()+_,./:=?-]{1,70})"', b" ".join(fields["Content-Type"]))
    _must(match is not None, "Content-Type")
    assert match is not None
    mark = b"--" + match[1]
    _must(body.startswith(mark + b"\r\n") and body.endswith(b"\r\n" + mark + b"--\r\n"), "the first or the last boundary")
    inner = body.removesuffix(mark + b"--\r\n").split(mark + b"\r\n")
    _must(inner[0] == b"" and body.count(mark) == len(inner), "a boundary inside a part")
    return tuple(_part(each) for each in inner[1:])


def _part(raw: bytes) -> tuple[str, str]:
    head, _, content = raw.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    match = re.fullmatch(rb'Content-Type: (text/(?:plain|html)); charset="utf-8"', lines[0])
    _must(match is not None and lines[1:] == [b"Content-Transfer-Encoding: base64"], f"the head of a part: {lines}")
    assert match is not None
    code = content.removesuffix(b"\r\n").split(b"\r\n")
    _must(all(len(line) == BASE64_MAX for line in code[:-1]) and len(code[-1]) <= BASE64_MAX, "base64 lines")
    decoded = base64.b64decode(b"".join(code), validate=True).decode("utf-8")
    _must("\n" not in decoded.replace("\r\n", "") and "\r" not in decoded.replace("\r\n", ""), "a line end in the text that is not CRLF")
    return match[1].decode(), decoded
