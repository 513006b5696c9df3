"""take_mail: what came back by mail → whose touch it is about, whether it is to be believed, and what it changes. Told twice it changes nothing more.

What stops mail to an address must be proven by a tag that only we can make, or vouched for by a signature. A Message-ID is no secret: it stands in every
reply and every forwarded copy. What only makes work for people, a reply, is taken on the Message-ID alone.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Literal

from engine.calendar import DAY
from engine.channels.mail.tags import BOUNCE, REFUSAL, touch_of
from engine.ledger import holds
from engine.ledger import records as ledger_records
from engine.ledger import returned as ledger_returned
from engine.ledger import touches as ledger_touches
from engine.ledger.open import Connection
from engine.ledger.returned import Answer, Return
from engine.pipeline.complaints import hold_sender
from engine.pipeline.postal import deployment_of
from engine.pipeline.realtime import take_in
from engine.pipeline.system import System
from engine.pipeline.wave import outcome_record
from engine.records.record import Record
from engine.returns import Kind, Returned, Unreadable, returned
from engine.returns.signed import returned_in
from engine.touches.delivery import DeliveryReason
from engine.touches.touch import State, Touch

log = logging.getLogger("banso.returns")
SOURCE = "mail"  # under which the quarantine counts what is kept aside
SOFT_MAX, SOFT_SPAN = 3, 30 * DAY  # a server tries for about five days before it gives up (RFC 5321 4.5.4.1): three letters are weeks of silence
ANSWERS_MAX = 20  # of one letter; more are no correspondence
SHOWN = 4_000  # characters of what is kept aside
ASIDE_MAX = 10_000  # messages kept aside; older ones give way, for anybody may write to a mailbox
EVENTS: Mapping[Kind, str] = {
    "hard": "mail.bounced",
    "soft": "mail.bounced",
    "policy": "mail.bounced",
    "complaint": "mail.complained",
    "reply": "mail.replied",
    "automatic": "mail.auto_replied",
}
MUST_BE_PROVEN = frozenset({"hard", "soft", "policy", "complaint"})
ANSWERS = ("reply", "automatic")


@dataclass(frozen=True)
class Arrived:
    """How a message came: by which door, to which address of the envelope, and whether whoever brought it vouches for it by a signature."""

    door: str
    recipient: str = ""
    vouched: bool = False


@dataclass(frozen=True)
class Fate:
    """What became of a message. `kind` is what it is, where that could be told; `reason` why it was kept aside."""

    word: Literal["kept", "repeated", "aside"]
    kind: Kind | None = None
    reason: str | None = None
    touch: str | None = None


def take_mail(system: System, raw: bytes, arrived: Arrived) -> Fate:
    """Once this returns it is kept, or kept aside with its reason. Raises StoreError if the ledger takes nothing."""
    try:
        found = returned(raw, arrived.recipient)
    except Unreadable as problem:
        return set_aside(system, raw, arrived, problem.reason)
    return _take(system, found, raw, arrived)


def take_report(system: System, said: Mapping[str, Any], report_id: str, arrived: Arrived) -> Fate:
    """A signed report in our own form. Raises Unreadable for what is none; whoever sent it is told."""
    return _take(system, returned_in(said, report_id), json.dumps(said, ensure_ascii=False, sort_keys=True).encode(errors="replace"), arrived)


def set_aside(system: System, raw: bytes, arrived: Arrived, reason: str) -> Fate:
    """Into the quarantine: its beginning, where a person may look at it."""
    with system.ledger.write() as connection:
        return _aside(connection, raw, arrived, reason, system.clock.now())


def _take(system: System, found: Returned, raw: bytes, arrived: Arrived) -> Fate:
    now, secret = system.clock.now(), deployment_of(system.config).secret
    with system.ledger.write() as connection:
        touch, proven = _touch_about(connection, secret, found)
        reason = _doubt(connection, touch, found, proven=proven or arrived.vouched)
        if touch is None or reason is not None:
            return replace(_aside(connection, raw, arrived, reason or "not_ours", now), kind=found.kind)
        meant = _of_address(found, touch)
        row = _row(touch, meant, now)
        if not ledger_returned.add_return(connection, row):
            return Fate("repeated", meant.kind, touch=touch.id)
        _settle(connection, touch, now, proven=proven or arrived.vouched)
        if meant.kind in EVENTS:
            take_in(connection, system.workspace, [_record(touch, meant, row, now)], now)
        _stop(connection, system, row, now)
    log.info("returned.%s", meant.kind, extra={"touch": touch.id, "rule": touch.rule, "channel": touch.channel})
    return Fate("kept", meant.kind, touch=touch.id)


def _touch_about(connection: Connection, secret: bytes | None, found: Returned) -> tuple[Touch | None, bool]:
    """The touch, and whether a tag of ours proves it.

    A complaint may bring the tag of refusal instead: whoever has that link could refuse by it anyway.
    """
    about, tagged = found.about, list[str | None]()
    if secret is not None:
        tagged += [touch_of(secret, BOUNCE, each) for each in about.tags]
        tagged += [touch_of(secret, REFUSAL, each) for each in about.links] if found.kind == "complaint" else []
    proven = [each for each in tagged if each is not None]
    named = [each[1:33] for each in about.message_ids]
    touches = {touch.id: touch for touch in ledger_touches.get_touches(connection, [*proven, *named, *about.envelopes])}
    for touch_id in proven:
        if touch_id in touches:
            return touches[touch_id], True
    for message_id in about.message_ids:
        touch = touches.get(message_id[1:33])
        if touch is not None and touch.message_id == message_id:
            return touch, False
    return next((touches[each] for each in about.envelopes if each in touches), None), False


def _doubt(connection: Connection, touch: Touch | None, found: Returned, *, proven: bool) -> str | None:
    """Why it is not believed."""
    if touch is None:
        return "not_ours"
    if touch.begun_at is None or touch.address is None or touch.channel != "mail":
        return "never_sent"
    if found.kind in MUST_BE_PROVEN and not proven:
        return "unproven"
    if found.kind in ANSWERS and ledger_returned.count_of_touch(connection, touch.id, ANSWERS) >= ANSWERS_MAX:
        return "too_many"
    return None


def _of_address(found: Returned, touch: Touch) -> Returned:
    """A report that names only others speaks of somebody behind the address, such as one of a list: that is no word on the address itself."""
    others = found.recipients and (touch.address or "").lower() not in found.recipients
    return replace(found, kind="soft") if found.kind == "hard" and others else found


def _row(touch: Touch, found: Returned, now: int) -> Return:
    """A letter bounces once and is complained of once, however many reports there are and whatever they call themselves; it may be answered often."""
    report = found.id if found.kind in ANSWERS else ""
    identity = sha256(f"{touch.id}\0{found.kind}\0{report}".encode()).hexdigest()[:32]
    words = (found.reply.writer, found.reply.subject, found.reply.text) if found.reply is not None and found.kind == "reply" else (None, None, None)
    domain = touch.message_id.rpartition("@")[2].rstrip(">")
    return Return(identity, touch.id, found.kind, now, (touch.address or "").lower(), domain, found.id, found.status, found.said, *words)


def _record(touch: Touch, found: Returned, row: Return, now: int) -> Record:
    """What comes into the log: never a person's words, and no address."""
    status = {"status": found.status} if found.status else {}
    kind = {"kind": found.kind} if found.kind in {"hard", "soft", "policy"} else {"type": found.said} if found.kind == "complaint" else {}
    said = json.dumps({"touch": touch.id, "rule": touch.rule, **kind, **status}, ensure_ascii=False)
    event = EVENTS[found.kind]
    return Record("banso", f"{touch.id}:{event}:{row.id}", touch.account_id, now, 0, touch.contact_id, event, properties=said)


def _settle(connection: Connection, touch: Touch, now: int, *, proven: bool) -> None:
    """A letter that somebody gave back was taken: of a touch of which nobody could tell, that is evidence."""
    if touch.state is not State.UNKNOWN or not proven:
        return
    sent_at = touch.begun_at or now
    change = {"state": State.SENT, "sent_at": sent_at, "reason": DeliveryReason.EVIDENCE_TAKEN, "detail": None}
    if ledger_touches.settle(connection, touch.id, touch.attempt, now, **change):
        ledger_records.append_tail(connection, [outcome_record(touch, State.SENT, sent_at)], now)


def _stop(connection: Connection, system: System, row: Return, now: int) -> None:
    """Who must not, or cannot, be written to any more, is not, from the moment this is committed."""
    if row.kind == "complaint":
        holds.suppress(connection, row.address, "opted_out", f"complaint about {row.touch_id}", now)
        hold_sender(connection, system.workspace, row.domain, now)
    elif row.kind == "hard":
        holds.suppress(connection, row.address, "bounced", f"{row.status} {row.said}".strip(), now)
    elif row.kind == "soft":
        letters = ledger_returned.count_to_address(connection, row.address, "soft", now - SOFT_SPAN)
        if letters >= SOFT_MAX:
            holds.suppress(connection, row.address, "bounced", f"{letters} letters in {SOFT_SPAN // DAY} days: {row.status} {row.said}".strip(), now)


def _aside(connection: Connection, raw: bytes, arrived: Arrived, reason: str, now: int) -> Fate:
    body = raw[:SHOWN].decode("utf-8", "backslashreplace").replace("\0", "�")[:SHOWN]
    kept = {"file": arrived.door, "line": None, "reason": str(reason), "body": body}
    ledger_records.add_quarantine(connection, SOURCE, [kept], now)
    ledger_records.trim_quarantine(connection, SOURCE, ASIDE_MAX)
    log.warning("returned.aside", extra={"reason": str(reason)})
    return Fate("aside", reason=str(reason))


def replies_of(system: System, account: str | None, limit: int) -> list[Answer]:
    """What people wrote back, of all accounts or one, newest first."""
    with system.ledger.read() as connection:
        return ledger_returned.replies(connection, account, limit)


def is_ours(system: System, recipient: str) -> bool:
    """Whether mail to an address is for us: a tagged address of bounces, where providers send reports, or a sender that people reply to."""
    deployment, address = deployment_of(system.config), recipient.lower()
    local, _, domain = address.rpartition("@")
    if domain == (deployment.bounce_domain or "").lower() and domain:
        kind, plus, token = local.partition("+")
        if plus and kind == BOUNCE:
            return deployment.secret is not None and touch_of(deployment.secret, BOUNCE, token) is not None
        if local in REPORTED_TO:
            return True
    senders = system.workspace.settings.senders.values()
    return address in {each.lower() for sender in senders for each in (sender.address, sender.reply_to) if each}


REPORTED_TO = frozenset({"abuse", "feedback", "postmaster"})  # RFC 2142, and where feedback loops are commonly registered
