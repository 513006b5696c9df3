"""The headers of a mail by its kind: advertising carries what lets its receiver refuse and sort it; service mail does not."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from hashlib import sha256
from zoneinfo import ZoneInfo

from engine.calendar import SECOND
from engine.channels.deployment import Deployment
from engine.channels.letter import Occasion
from engine.channels.mail.message import encoded, mailbox
from engine.channels.mail.tags import bounce_address, refusal_url
from engine.rulebook.actions import SendMail
from engine.workspace.model import Workspace
from engine.workspace.schema import Sender

ONE_CLICK = b"List-Unsubscribe=One-Click"  # RFC 8058 3.1
URI = re.compile(r"[!#-;=?-~]+")  # printable ASCII but blank, quote and angle brackets


@dataclass(frozen=True)
class Envelope:
    """Who writes to whom about what; `address` is checked."""

    sender: Sender
    address: str
    name: str | None
    subject: str


def headers_of(workspace: Workspace, deployment: Deployment, occasion: Occasion, envelope: Envelope) -> dict[str, bytes]:
    """All headers but those that describe the body, in the order in which they stand."""
    sender = envelope.sender
    found = {
        "From": mailbox(sender.name, sender.address, "From"),
        "To": mailbox(envelope.name, envelope.address, "To"),
        **({"Reply-To": mailbox(sender.name, sender.reply_to, "Reply-To")} if sender.reply_to else {}),
        "Subject": encoded(envelope.subject, "Subject"),
        "Date": _date(occasion.now // SECOND, workspace.zone.name),
        "Message-ID": occasion.touch.message_id.encode(),
    }
    if is_advertising(workspace, occasion):
        found |= _advertising(workspace, deployment, occasion, sender)
    return {**found, "Auto-Submitted": b"auto-generated"}  # RFC 3834: keeps vacation robots quiet


def is_advertising(workspace: Workspace, occasion: Occasion) -> bool:
    """Every mail is, unless its rule says `service: true`."""
    action = workspace.rules[occasion.touch.rule].do
    return not (isinstance(action, SendMail) and action.service)


def _advertising(workspace: Workspace, deployment: Deployment, occasion: Occasion, sender: Sender) -> dict[str, bytes]:
    """RFC 2369, RFC 8058, RFC 2919, and the Feedback-ID by which Gmail reports complaints. No personal data in any of them."""
    domain, space = sender.address.rpartition("@")[2], workspace.settings.workspace.id
    uris = refusal_uris(workspace, deployment, occasion)
    account = sha256(occasion.touch.account_id.encode()).hexdigest()[:12]
    return {
        "List-Unsubscribe": b",\r\n ".join(b"<" + uri.encode() + b">" for uri in uris),
        **({"List-Unsubscribe-Post": ONE_CLICK} if deployment.refuses_by_click else {}),
        "List-Id": f"<{space}.{domain}>".encode(),
        "Feedback-ID": f"{occasion.touch.rule}:{account}:banso:{space}".encode(),
    }


def refusal_uris(workspace: Workspace, deployment: Deployment, occasion: Occasion) -> list[str]:
    """Where to refuse, best first: by one click where the deployment can, and as the imprint says. At most one of them is https (RFC 8058)."""
    said = workspace.settings.imprint.refuse
    clicked = refusal_of(deployment, occasion)
    if clicked is None:
        return [said]
    return [clicked, said] if said.startswith("mailto:") else [clicked]


def refusal_of(deployment: Deployment, occasion: Occasion) -> str | None:
    """The receiver's own address of refusal."""
    if deployment.public_url is None or deployment.secret is None:
        return None
    return refusal_url(deployment.secret, deployment.public_url, occasion.touch.id)


def return_path(deployment: Deployment, occasion: Occasion, sender: Sender) -> str:
    """Where bounces go: to an address that names the touch, or to the sender."""
    if deployment.bounce_domain is None or deployment.secret is None:
        return sender.address
    return bounce_address(deployment.secret, deployment.bounce_domain, occasion.touch.id)


@lru_cache(maxsize=64)
def _date(second: int, zone: str) -> bytes:
    return format_datetime(datetime.fromtimestamp(second, UTC).astimezone(ZoneInfo(zone))).encode()
