"""The mail channel: templates compiled once for a workspace, one letter per touch."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cached_property
from typing import ClassVar
from zoneinfo import ZoneInfo

import mjml
from jinja2 import StrictUndefined, Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.calendar import SECOND
from engine.channels.letter import Delivery, Letter, Occasion, Unwritable
from engine.channels.mail.message import assemble, checked_address, clean, encoded, mailbox
from engine.channels.words import context_of, template_for
from engine.detail import detail
from engine.rulebook.actions import SendMail
from engine.workspace.model import MailSource, Workspace


class MailChannel:
    """Writes mails from MJML, Jinja2 and a text part. Values are escaped in HTML; a missing one fails the letter, never leaves a blank."""

    delivery: ClassVar[Delivery] = "relayed"

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._compiled: dict[str, tuple[Template, Template, Template]] = {}

    @cached_property
    def _plain(self) -> ImmutableSandboxedEnvironment:
        return ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)

    @cached_property
    def _html(self) -> ImmutableSandboxedEnvironment:
        return ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=True)

    def _templates(self, name: str) -> tuple[Template, Template, Template]:
        if name not in self._compiled:
            source = self.workspace.templates[name]
            assert isinstance(source, MailSource), name
            html = mjml.mjml2html(source.mjml)
            self._compiled[name] = (self._plain.from_string(source.subject), self._plain.from_string(source.text), self._html.from_string(html))
        return self._compiled[name]

    def preview(self, occasion: Occasion) -> Mapping[str, str]:
        rule = self.workspace.rules[occasion.touch.rule]
        words = context_of(self.workspace, rule, occasion)
        name = template_for(rule, occasion.touch, occasion.answer.columns)
        try:
            subject, text, html = (template.render(words) for template in self._templates(name))
        except Exception as error:  # a template may raise anything; it fails its own letter and no other
            raise Unwritable(detail("template", name, error)) from error
        return {"template": name, "subject": clean(subject), "text": text, "html": html}

    def write(self, occasion: Occasion, mark: str = "") -> Letter:
        """`mark` goes before the subject."""
        parts = self.preview(occasion)
        rule = self.workspace.rules[occasion.touch.rule]
        if not isinstance(rule.do, SendMail):
            raise Unwritable(detail("other_action", occasion.touch.rule))  # the rule changed its action since
        sender = self.workspace.settings.senders[rule.do.from_]
        if occasion.recipient.address is None:
            raise Unwritable(detail("no_address"))
        moment = datetime.fromtimestamp(occasion.now // SECOND, UTC).astimezone(ZoneInfo(self.workspace.zone.name))
        refuse = self.workspace.settings.imprint.refuse
        headers = {
            "From": mailbox(sender.name, sender.address),
            "To": mailbox(occasion.recipient.name, occasion.recipient.address),
            "Subject": encoded(mark + parts["subject"]),
            "Date": format_datetime(moment).encode(),
            "Message-ID": occasion.touch.message_id.encode(),
            "List-Unsubscribe": f"<{refuse}>".encode(),
            "Auto-Submitted": b"auto-generated",  # RFC 3834: keeps vacation robots quiet
        }
        body = assemble(headers, parts["text"], parts["html"], f"b-{occasion.touch.id}")
        return Letter(occasion.touch.id, sender.address, checked_address(occasion.recipient.address), body)
