"""What a status code (RFC 3463) and the words beside it mean for an address: it is none, not now, or it is not about the address at all."""

import re
from typing import Literal

Verdict = Literal["hard", "soft", "policy"]
CODE = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.]*\d)")
REPLY = re.compile(r"(?<![\d.])([45])\d\d(?=[ \-:;,#(]|$)")
WORDS_MAX = 2_000
GENERAL = {"0", "3", "5"}  # subjects under which servers report what they have no better code for
ABOUT_THE_SENDER = {"1.7", "1.8"}  # RFC 3463 3.2: the sender's mailbox or system is wrong
NO_MAILBOX = {"2.1", "4.4", "4.310"}  # disabled; unable to route; Microsoft's word for a domain that is none
NONE_SUCH = re.compile(
    r"user unknown|unknown user|no such user|no such (?:mailbox|recipient|address)|unknown (?:mailbox|recipient|address|local part)|"
    r"(?:mailbox|recipient|address|account|user)(?: address)?(?: was)? (?:not found|unknown|does not exist|doesn't exist|is disabled)|"
    r"does not exist|doesn't have a|no mailbox here|invalid recipient|bad destination mailbox|not a valid (?:mailbox|recipient|user)|"
    r"recipient address rejected: access denied|account is disabled|host (?:or domain )?name? ?not found|"
    r"宛先(?:の)?(?:メール)?アドレスが(?:見つかり|存在し)ません|存在しないアドレス",
    re.IGNORECASE,
)
OUR_FAULT = re.compile(
    r"spam|blocked|block list|blocklist|blacklist|black list|policy|reputation|dmarc|\bspf\b|\bdkim\b|unsolicited|5\.7\.\d", re.IGNORECASE
)
FULL = re.compile(r"quota|mailbox (?:is )?full|over ?quota|insufficient storage|too many messages", re.IGNORECASE)


def code_of(text: str) -> str | None:
    """The first status code in a text."""
    found = CODE.search(text[:WORDS_MAX])
    return found[0] if found else None


def verdict_of(status: str, said: str = "") -> Verdict:
    """The meaning of a failure. `said` decides only where the code says nothing: what cannot be told is soft, so that no address is lost by a guess."""
    major, subject, detail = status.split(".")
    place = f"{subject}.{detail}"
    if subject == "7":
        return "policy"
    if major != "5":
        return "soft"
    if place in ABOUT_THE_SENDER or subject == "6" or place == "3.4":
        return "policy"
    if place in NO_MAILBOX or (subject == "1" and place != "1.4"):
        return "hard"
    if subject in GENERAL or place in {"4.1", "2.0"}:
        return _by_words(said)
    return "soft"


def _by_words(said: str) -> Verdict:
    words = said[:WORDS_MAX]
    if OUR_FAULT.search(words):
        return "policy"
    return "hard" if NONE_SUCH.search(words) and not FULL.search(words) else "soft"


def told_by_words(text: str) -> tuple[str, Verdict] | None:
    """Status and meaning of a failure in words: by the code in them, else by a reply of SMTP. None where there is neither."""
    code = code_of(text)
    if code is None:
        reply = REPLY.search(text[:WORDS_MAX])
        if reply is None:
            return None
        code = f"{reply[1]}.0.0"
    return (code, verdict_of(code, text)) if code[0] in "45" else None
