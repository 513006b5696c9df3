"""What a mail provider says over HTTP, in the small form of our own: JSON that names one of our letters and what became of it."""

from collections.abc import Mapping
from typing import Any

from engine.returns.bounce import SAID_MAX, addresses_in
from engine.returns.mime import Aside, Unreadable
from engine.returns.status import CODE, verdict_of
from engine.returns.told import MESSAGE_ID, About, Returned

BOUNCED, COMPLAINED = "mail.bounced", "mail.complained"


def returned_in(said: Mapping[str, Any], report_id: str) -> Returned:
    """`{"type": "mail.bounced", "data": {"message_id": …, "status": …, "recipient": …, "reason": …}}`. Raises Unreadable."""
    kind, data = said.get("type"), said.get("data")
    if kind not in {BOUNCED, COMPLAINED} or not isinstance(data, Mapping):
        raise Unreadable(Aside.BAD_FORM, f"`type` must be {BOUNCED} or {COMPLAINED}, `data` an object")
    about = About(message_ids=(_message_id(data),))
    reason = _text(data, "reason")
    if kind == COMPLAINED:
        return Returned("complaint", report_id, about, said=reason or "abuse")
    status = _text(data, "status")
    if CODE.fullmatch(status) is None or status[0] == "2":
        raise Unreadable(Aside.BAD_FORM, "`data.status` must be a status code of RFC 3463, such as 5.1.1")
    return Returned(verdict_of(status, reason), report_id, about, status, frozenset(addresses_in(_text(data, "recipient"))), reason)


def _message_id(data: Mapping[str, Any]) -> str:
    given = _text(data, "message_id").strip()
    named = given if given.startswith("<") else f"<{given}>"
    if MESSAGE_ID.fullmatch(named) is None:
        raise Unreadable(Aside.BAD_FORM, "`data.message_id` must be the Message-ID of the letter")
    return named


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name, "")
    if not isinstance(value, str) or len(value) > 10_000:
        raise Unreadable(Aside.BAD_FORM, f"`data.{name}` must be a text")
    return value.encode(errors="replace").decode().replace("\0", "")[:SAID_MAX] if name != "message_id" else value
