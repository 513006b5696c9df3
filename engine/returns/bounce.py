"""Reports of mail systems: multipart/report with message/delivery-status (RFC 3462, RFC 3464)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from engine.returns.mime import Aside, Headers, Message, Part, Unreadable, fields_of
from engine.returns.status import Verdict, code_of, verdict_of
from engine.returns.told import ENVELOPE, About, Returned, found_in

SAID_MAX = 300
RECIPIENTS_MAX = 50
NOT_YET = frozenset({"delayed", "delivered", "relayed", "expanded"})  # RFC 3464 2.3.3: none of them is a failure
WORST: Sequence[Verdict] = ("hard", "policy", "soft")
ADDRESS = re.compile(r"[^\s<>;,\"]{1,64}@[^\s<>;,\"]{1,255}")


@dataclass(frozen=True)
class Failure:
    """What a report says of one recipient. `names`: the address as it was written to, and as it was in the end."""

    verdict: Verdict
    status: str
    said: str
    names: frozenset[str]


def bounce_of(message: Message, about: About) -> Returned | None:
    """A delivery report, also one that tells of a delay or of a delivery. Raises Unreadable for one that cannot be read."""
    part = message.leaf("message/delivery-status", "message/global-delivery-status")
    reported = message.parameters.get("report-type", "").lower() == "delivery-status"
    if part is None:
        if message.kind == "multipart/report" and reported:
            raise Unreadable(Aside.NO_STATUS)
        return None
    first, *others = blocks_of(part)
    named = found_in(ENVELOPE, first.get("original-envelope-id", ()))
    about = replace(about, envelopes=named)
    recipients = [each for each in (others or [first]) if "action" in each or "status" in each][:RECIPIENTS_MAX]
    failures = [failure for each in recipients if (failure := _failure(each)) is not None]
    if not recipients:
        raise Unreadable(Aside.NO_STATUS)
    if not failures:
        return Returned("notice", message.id, about, said=_plain(recipients[0], "action"))
    worst = min(failures, key=lambda each: WORST.index(each.verdict))
    names = frozenset(name for each in failures if each.verdict == worst.verdict for name in each.names)
    return Returned(worst.verdict, message.id, about, worst.status, names, worst.said)


def blocks_of(part: Part) -> list[Headers]:
    """The groups of fields of a report: one of the message, then one for each recipient."""
    texts = [text for text in re.split(rb"\n[ \t]*\n", part.content()) if text.strip()]
    return [fields_of(text.strip(b"\n")) for text in texts[: RECIPIENTS_MAX + 1]] or [{}]


def _failure(fields: Headers) -> Failure | None:
    action, said = _plain(fields, "action").lower(), _plain(fields, "diagnostic-code")
    if action in NOT_YET:
        return None
    status = code_of(_plain(fields, "status")) or code_of(said) or "5.0.0"
    better = code_of(said)
    if status.endswith(".0.0") and better is not None and better[0] == status[0]:
        status = better
    if status[0] == "2":
        return None
    names = frozenset(
        name for field in ("final-recipient", "original-recipient", "x-actual-recipient") for name in addresses_in(_plain(fields, field))
    )
    return Failure(verdict_of(status, said), status, said[:SAID_MAX], names)


def addresses_in(text: str) -> list[str]:
    """Addresses in small letters; `rfc822;` before one is its type."""
    return [found.lower() for found in ADDRESS.findall(text[:SAID_MAX])]


def _plain(fields: Mapping[str, Sequence[str]], name: str) -> str:
    return next(iter(fields.get(name, ())), "").strip()
