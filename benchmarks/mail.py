"""Mails a second: whole letters as banso writes them, beside the email package and beside the bare rendering of the same templates.

python -m benchmarks.mail [--mails 1000] [--runs 5]
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from benchmarks.results import Report, Sample, publish
from engine.calendar import SECOND
from engine.channels import CHANNELS
from engine.channels.deployment import Deployment
from engine.channels.letter import Occasion
from engine.channels.mail.channel import MailChannel
from engine.channels.mail.dkim import Signer
from engine.channels.words import context_of, template_for
from engine.decision.recipient import Recipient
from engine.facts.fold import Fold
from engine.rulebook.python import Answer, Known
from engine.touches.touch import State, Touch
from engine.workspace.load import load_workspace
from engine.workspace.model import Workspace

ROOT = Path(__file__).parents[1]
RULE = "next-setting"
NOW = 1_775_520_000 * SECOND
SAMPLES: dict[str, Known] = {"number": 5, "date": 20_550, "text": "x", "bool": True}
METHOD = (
    "One rule of the example workspace, every letter to another company. Bare rendering: subject, text and HTML filled in, with the words they need. "
    "Email package: that, and the same headers and parts set on an EmailMessage(policy=SMTP) and flattened. banso: context, rendering, headers, MIME, "
    "base64 and the guard over the finished header, without and with DKIM. In turn, in one process; CPU time. Both kinds of bytes must read the same."
)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.mail")
    parser.add_argument("--mails", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args(arguments)
    workspace = load_workspace(ROOT, frozenset(CHANNELS))
    occasions = [an_occasion(workspace, number) for number in range(options.mails)]
    variants = variants_of(workspace)
    must_agree(workspace, occasions[0])
    taken: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(options.runs):
        for name, (write, share) in variants.items():
            some = occasions[: max(1, int(len(occasions) * share))]
            started = time.process_time()
            for occasion in some:
                write(occasion)
            taken[name].append(len(some) / (time.process_time() - started))
    found = {name: Sample(values, "mails/s", 0) for name, values in taken.items()}
    package = found["email package"]
    rows = [[name, str(sample), f"{sample.median / package.median:.1f} ×"] for name, sample in found.items()]
    size = len(MailChannel(workspace).write(occasions[0]).body)
    remarks = [f"A letter has {size:,} bytes.", "A DKIM signature costs what its RSA key costs; Ed25519 is cheap, and not every receiver knows it."]
    report = Report("mail", "Building a mail", METHOD, ["", "CPU", "of the email package"], rows, remarks)
    publish(report, Path(__file__).parent / "results", f"{datetime.now(UTC):%Y-%m-%d}", ["jinja2", "cryptography"])


Variant = tuple[Callable[[Occasion], object], float]  # how to write one, and for what share of the occasions


def variants_of(workspace: Workspace) -> dict[str, Variant]:
    plain = MailChannel(workspace)
    rsa_key, ed_key = rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate()
    by_rsa, by_ed = (MailChannel(workspace, Deployment(signer=Signer("example.jp", "banso1", key))) for key in (rsa_key, ed_key))
    return {
        "bare rendering": (lambda occasion: rendered(plain, occasion), 1.0),
        "email package": (lambda occasion: by_package(plain, occasion), 0.2),
        "banso": (plain.write, 1.0),
        "banso, signed by Ed25519": (by_ed.write, 1.0),
        "banso, signed by RSA-2048": (by_rsa.write, 0.5),
    }


def rendered(channel: MailChannel, occasion: Occasion) -> tuple[str, str, str]:
    rule = channel.workspace.rules[RULE]
    wording = channel._wording(template_for(rule, occasion.touch, occasion.answer.columns))  # noqa: SLF001  # the bare thing is what is measured
    return wording.render(context_of(channel.workspace, rule, occasion, wording.wanted))


def by_package(channel: MailChannel, occasion: Occasion) -> bytes:
    """What most programs do."""
    subject, text, html = rendered(channel, occasion)
    sender = channel.workspace.settings.senders["cs-desk"]
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = Address(sender.name, addr_spec=sender.address)
    message["To"] = Address(occasion.recipient.name or "", addr_spec=str(occasion.recipient.address))
    message["Subject"] = subject
    message["Date"] = datetime.fromtimestamp(NOW / SECOND, UTC)
    message["Message-ID"] = occasion.touch.message_id
    message["List-Unsubscribe"] = f"<{channel.workspace.settings.imprint.refuse}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text, cte="base64")
    message.add_alternative(html, subtype="html", cte="base64")
    return message.as_bytes()


def must_agree(workspace: Workspace, occasion: Occasion) -> None:
    """Both ways of writing give a reader the same mail."""
    channel = MailChannel(workspace)
    ours, theirs = (BytesParser(policy=policy.default).parsebytes(raw) for raw in (channel.write(occasion).body, by_package(channel, occasion)))
    for name in ("From", "To", "Subject", "Message-ID", "List-Unsubscribe"):
        assert str(ours[name]) == str(theirs[name]), name
    parts = [[part.get_content().replace("\r\n", "\n").rstrip() for part in message.iter_parts()] for message in (ours, theirs)]
    assert parts[0] == parts[1]


def an_occasion(workspace: Workspace, number: int) -> Occasion:
    columns: dict[str, Known] = {}
    for fact in workspace.plan.facts.values():
        first = next(iter(fact.type.values), None)
        columns[fact.name] = f"|{first}|" if fact.type.kind == "tags" else first or SAMPLES.get(fact.type.kind)
    columns["next_step"] = list(workspace.route.steps)[-1]  # a step without a mail of its own
    fold = Fold()
    fold.name = (0, "", "", f"株式会社青空{number}", None)
    recipient = Recipient("u1", f"tanaka{number}@example.jp", "田中 太郎", "人事部")
    return Occasion(
        replace(A_TOUCH, id=f"{number:032x}", message_id=f"<{number:032x}@example.jp>"), Answer(columns, {}, excluded=False), fold, recipient, NOW
    )


A_TOUCH = Touch(
    id="", account_id="a", contact_id="u1", rule=RULE, per_value="x", ordinal=1, lane="push", channel="mail", goal=None, slot="s", rule_set="r",
    decided_at=NOW, due_at=NOW, deadline=NOW, valid_days=3, state=State.PENDING, message_id="", address=None, arrival=0, fold="{}",
)  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
