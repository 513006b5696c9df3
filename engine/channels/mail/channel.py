"""The mail channel: templates compiled once for a workspace, one letter per touch."""

from collections.abc import Mapping
from typing import ClassVar

from engine.channels.deployment import NO_DEPLOYMENT, Deployment
from engine.channels.letter import Delivery, Letter, Occasion, Unwritable
from engine.channels.mail.headers import Envelope, headers_of, is_advertising, refusal_of, return_path
from engine.channels.mail.message import assemble, checked_address, clean
from engine.channels.mail.rendering import SUBJECT_MAX, Wording, check_words, compiled
from engine.channels.mail.tags import answer_url, click_url
from engine.channels.question import question_about
from engine.channels.words import Word, context_of, template_for
from engine.detail import detail
from engine.rulebook.actions import Action, SendMail
from engine.workspace.model import MailSource, Workspace

PROBLEM_MAX = 300  # characters of what went wrong that are kept with the touch


class MailChannel:
    """Writes mails from MJML, Jinja2 and a text part. Values are escaped in HTML; a missing one fails the letter, never leaves a blank."""

    delivery: ClassVar[Delivery] = "relayed"

    def __init__(self, workspace: Workspace, deployment: Deployment = NO_DEPLOYMENT) -> None:
        self.workspace, self.deployment = workspace, deployment
        self._compiled: dict[str, Wording] = {}

    def _wording(self, name: str) -> Wording:
        if name not in self._compiled:
            source = self.workspace.templates[name]
            assert isinstance(source, MailSource), name
            self._compiled[name] = compiled(source)
        return self._compiled[name]

    def preview(self, occasion: Occasion) -> Mapping[str, str]:
        rule = self.workspace.rules[occasion.touch.rule]
        wording = self._wording(template_for(rule, occasion.touch, occasion.answer.columns))
        words = context_of(self.workspace, rule, occasion, self.deployment, wording.wanted)
        self._tell_refusal(words, occasion)
        self._tell_answers(words, rule.do, occasion)
        check_words(words, wording.wanted)
        self._lead_by_us(words, occasion)
        try:
            subject, text, html = wording.render(words)
        except Exception as error:  # a template may raise anything; it fails its own letter and no other
            raise Unwritable(detail("template", wording.name, f"{type(error).__name__}: {error}"[:PROBLEM_MAX])) from error
        if not clean(subject):
            raise Unwritable(detail("empty", f"{wording.name}/subject"))
        if len(subject) > SUBJECT_MAX:
            raise Unwritable(detail("long", f"{wording.name}/subject", f"{len(subject):,}", f"{SUBJECT_MAX:,}"))
        return {"template": wording.name, "subject": clean(subject), "text": text, "html": html}

    def _tell_refusal(self, words: dict[str, Word], occasion: Occasion) -> None:
        """Where the receiver has an address of refusal of his own, the imprint shows it."""
        own, imprint = refusal_of(self.deployment, occasion), words["imprint"]
        if own is not None and isinstance(imprint, Mapping) and is_advertising(self.workspace, occasion):
            words["imprint"] = {**imprint, "refuse": own}

    def _tell_answers(self, words: dict[str, Word], action: Action, occasion: Occasion) -> None:
        """Where each answer is given, if the mail asks and the deployment has a page for it."""
        public_url, secret = self.deployment.public_url, self.deployment.secret
        if public_url is None or secret is None or not isinstance(action, SendMail) or action.save_to is None:
            return
        choices = question_about(self.workspace, action.save_to).choices
        words["answer"] = {value: answer_url(secret, public_url, occasion.touch.id, value) for value in choices}

    def _lead_by_us(self, words: dict[str, Word], occasion: Occasion) -> None:
        """The link goes by us where clicks are to be recorded."""
        public_url, secret, link = self.deployment.public_url, self.deployment.secret, words["link"]
        recorded = self.workspace.settings.channels[occasion.touch.channel].record_clicks
        if recorded and public_url is not None and secret is not None and isinstance(link, Mapping) and link.get("url", "").startswith("https://"):
            words["link"] = {**link, "url": click_url(secret, public_url, occasion.touch.id, link["url"])}

    def write(self, occasion: Occasion, mark: str = "") -> Letter:
        """`mark` goes before the subject."""
        rule = self.workspace.rules[occasion.touch.rule]
        if not isinstance(rule.do, SendMail):
            raise Unwritable(detail("other_action", occasion.touch.rule))  # the rule changed its action since
        if occasion.recipient.address is None:
            raise Unwritable(detail("no_address"))
        address, sender = checked_address(occasion.recipient.address), self.workspace.settings.senders[rule.do.from_]
        parts = self.preview(occasion)
        headers = headers_of(self.workspace, self.deployment, occasion, Envelope(sender, address, occasion.recipient.name, mark + parts["subject"]))
        signer = self.deployment.signer
        body = assemble(
            headers,
            {b"text/plain": parts["text"], b"text/html": parts["html"]},
            f"b-{occasion.touch.id}",
            signer if signer is not None and signer.signs_for(sender.address) else None,
        )
        return Letter(occasion.touch.id, return_path(self.deployment, occasion, sender), address, body)
