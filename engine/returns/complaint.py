"""Complaints of receivers, as mailbox providers report them: multipart/report with message/feedback-report (RFC 5965, RFC 6650)."""

from dataclasses import replace

from engine.returns.bounce import SAID_MAX, blocks_of
from engine.returns.mime import Message
from engine.returns.told import ENVELOPE, TAGGED, About, Returned, found_in

NO_COMPLAINT = frozenset({"not-spam", "auth-failure"})  # RFC 6430: it was no spam after all; RFC 6591: of somebody who uses our name


def complaint_of(message: Message, about: About) -> Returned | None:
    part = message.leaf("message/feedback-report")
    if part is None:
        return None
    (fields, *_) = blocks_of(part)
    kind = next(iter(fields.get("feedback-type", ())), "").strip().lower()[:SAID_MAX]
    tags = (*about.tags, *found_in(TAGGED, fields.get("original-mail-from", ())))
    about = replace(about, tags=tags, envelopes=found_in(ENVELOPE, fields.get("original-envelope-id", ())))
    return Returned("notice" if kind in NO_COMPLAINT else "complaint", message.id, about, said=kind or "abuse")
