"""Bounces in words, from before reports had a form or from servers that have none: only forms that cannot be anything else.

qmail's (QSBMF), Exim's, and the transcript of sendmail, in which Japanese mobile carriers still write.
"""

import re
from dataclasses import replace

from engine.returns.bounce import SAID_MAX, addresses_in
from engine.returns.mime import Aside, Message, Unreadable
from engine.returns.status import told_by_words
from engine.returns.told import MESSAGE_ID, TAGGED, About, Returned, found_in

SYSTEMS = re.compile(r"(?:^|<|\s)(?:mailer-daemon|postmaster|mail-daemon|double-bounce)@", re.IGNORECASE)
QMAIL = re.compile(r"^Hi\. This is the .{1,200}\n?.{0,200}\bprogram at ", re.IGNORECASE | re.MULTILINE)
QMAIL_END = "--- Below this line is a copy of the message"
QMAIL_ONE = re.compile(r"^<([^<>\n]{3,320})>:\n((?:[^\n<].*\n?){1,20})", re.MULTILINE)
EXIM = "This message was created automatically by mail delivery software"
EXIM_ONE = re.compile(r"^ {2,4}([^\s@]{1,64}@[^\s]{1,255})\n((?: {4,}.*\n?){1,20})", re.MULTILINE)
SENDMAIL = re.compile(r"----- (?:The following addresses had permanent fatal errors|Transcript of session follows) -----")
SENDMAIL_ONE = re.compile(r"^(?:[45]\d\d[ -].{0,400}|<[^<>\n]{3,320}>\.{3} .{0,400}|<[^<>\n]{3,320}>: [45]\d\d.{0,400})$", re.MULTILINE)
SOME = 20_000  # characters of the report and of what it returns that are read


def old_bounce_of(message: Message, about: About) -> Returned | None:
    """Raises Unreadable for what a mail system wrote in no known form."""
    sender = message.first("from")[:SAID_MAX]
    if not SYSTEMS.search(sender) and "x-failed-recipients" not in message.headers:
        return None
    part = message.leaf("text/plain")
    text = part.text()[:SOME] if part is not None else ""
    found = _qmail(text) or _exim(text, message) or _sendmail(text)
    if found is None:
        raise Unreadable(Aside.UNKNOWN_FORM)
    said, names = found
    told = told_by_words(said)
    if told is None:
        raise Unreadable(Aside.UNKNOWN_FORM)
    status, verdict = told
    tags, ids = (*about.tags, *found_in(TAGGED, [text])), (*about.message_ids, *found_in(MESSAGE_ID, [text]))
    return Returned(verdict, message.id, replace(about, tags=tags, message_ids=ids), status, names, " ".join(said.split())[:SAID_MAX])


def _qmail(text: str) -> tuple[str, frozenset[str]] | None:
    if not QMAIL.search(text):
        return None
    one = QMAIL_ONE.search(text.partition(QMAIL_END)[0])
    return (one[2], frozenset(addresses_in(one[1]))) if one else None


def _exim(text: str, message: Message) -> tuple[str, frozenset[str]] | None:
    if EXIM not in text or "permanent error" not in text:
        return None
    one = EXIM_ONE.search(text)
    named = frozenset(addresses_in(message.first("x-failed-recipients")))
    return (one[2], named or frozenset(addresses_in(one[1]))) if one else None


def _sendmail(text: str) -> tuple[str, frozenset[str]] | None:
    begin = SENDMAIL.search(text)
    if begin is None:
        return None
    lines = SENDMAIL_ONE.findall(text[begin.start() :])
    coded = next((line for line in lines if told_by_words(line) is not None), None)
    return (coded, frozenset(addresses_in(" ".join(lines)))) if coded else None
