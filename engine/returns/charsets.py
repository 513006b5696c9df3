"""Bytes → text, in the encodings that mail is written in. Others are not tried: some of Python's take time beyond all measure (CVE-2022-45061)."""

import binascii
import re

ENCODINGS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "iso-2022-jp": "iso2022_jp_ext",
    "iso-2022-jp-1": "iso2022_jp_ext",
    "iso-2022-jp-2": "iso2022_jp_2",
    "cp50220": "iso2022_jp_ext",
    "cp50221": "iso2022_jp_ext",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "cp932": "cp932",
    "windows-31j": "cp932",
    "euc-jp": "euc_jp",
    "x-euc-jp": "euc_jp",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "gb18030": "gb18030",
    "big5": "big5",
    "koi8-r": "koi8_r",
    **{f"iso-8859-{number}": f"iso8859_{number}" for number in (*range(1, 12), *range(13, 17))},
    **{f"windows-{number}": f"cp{number}" for number in range(1250, 1259)},
}
_BETWEEN_WORDS = re.compile(r"(?<=\?=)[ \t]+(?==\?)")
_WORD = re.compile(r"=\?([\w.:+-]{1,40})(?:\*[\w-]{1,20})?\?([bBqQ])\?([^?\s]{0,400})\?=")
_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def decoded(raw: bytes, charset: str) -> str:
    """The text, with � where bytes are none of that encoding, and without what no store can keep."""
    name = ENCODINGS.get(charset.strip().lower(), "utf-8")
    return _UNSTORABLE.sub("", raw.decode(name, "replace"))


def storable(text: str) -> str:
    """Without what no store can keep: PostgreSQL refuses NUL, and halves of letters are none."""
    return _UNSTORABLE.sub("", text)


def unworded(value: str) -> str:
    """A header's value with its encoded words (RFC 2047) read."""
    return _UNSTORABLE.sub("", _WORD.sub(_word, _BETWEEN_WORDS.sub("", value)))


def _word(found: re.Match[str]) -> str:
    charset, way, text = found.groups()
    raw = text.encode("utf-8", "replace")
    try:
        if way in "bB":
            return decoded(binascii.a2b_base64(raw + b"=" * (-len(raw) % 4)), charset)
        return decoded(binascii.a2b_qp(raw, header=True), charset)
    except binascii.Error:
        return found[0]
