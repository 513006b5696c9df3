"""What a person wrote: the subject and what is new in the text. What is quoted is ours, and is not kept."""

import html
import re

from engine.returns.bounce import SAID_MAX, addresses_in
from engine.returns.mime import Message
from engine.returns.told import About, Reply, Returned

SUBJECT_MAX = 200
TEXT_MAX = 4_000  # characters
TAG = re.compile(r"<[^<>]*>")
BREAK = re.compile(r"<(?:br|/p|/div|/tr)\b[^<>]*>", re.IGNORECASE)
QUOTE_BEGINS = (  # how mail programs begin what they quote, in the languages of our customers
    re.compile(r"^On .{5,200} wrote:\s*$"),
    re.compile(r"^\d{4}年\d{1,2}月\d{1,2}日.{0,200}[::]\s*$"),
    re.compile(r"^\d{4}[/-]\d{1,2}[/-]\d{1,2}.{0,200}[::]\s*$"),
    re.compile(r"^-{3,}\s*(?:Original Message|元のメッセージ|Forwarded message|転送メッセージ)\s*-{3,}"),
    re.compile(r"^_{20,}\s*$"),
    re.compile(r"^(?:From|差出人|送信者)\s*[::] .*@"),
)


def reply_of(message: Message, about: About) -> Returned:
    writer = next(iter(addresses_in(message.first("from"))), "")
    reply = Reply(writer[:SAID_MAX], message.subject.strip()[:SUBJECT_MAX], new_text(_text(message))[:TEXT_MAX])
    return Returned("reply", message.id, about, reply=reply)


def _text(message: Message) -> str:
    plain = message.leaf("text/plain")
    if plain is not None:
        return plain.text()
    marked = message.leaf("text/html")
    return without_tags(marked.text()) if marked is not None else ""


def without_tags(text: str) -> str:
    """The words of an HTML text, a line for each of its lines."""
    body = text[text.lower().find("<body") :] if "<body" in text.lower() else text
    return html.unescape(TAG.sub("", BREAK.sub("\n", body)))


def new_text(text: str) -> str:
    """The text without what is quoted: up to where the quotation begins, or between the lines of it where nothing stands before."""
    lines = [line.rstrip() for line in text.splitlines()]
    cut = next((index for index, line in enumerate(lines) if _begins_quote(line)), len(lines))
    before = "\n".join(line for line in lines[:cut] if not line.startswith(">")).strip()
    return before or "\n".join(line for line in lines if not line.startswith(">") and not _begins_quote(line)).strip()


def _begins_quote(line: str) -> bool:
    return any(pattern.match(line) for pattern in QUOTE_BEGINS)
