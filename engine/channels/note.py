"""Channels whose touch is a short text: a place on the call list, a task in the CRM, a post to the team, articles on the help site."""

import json
from collections.abc import Mapping
from typing import ClassVar

from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.channels.deployment import NO_DEPLOYMENT, Deployment
from engine.channels.letter import Delivery, InTime, Letter, Occasion, Reply, Unwritable
from engine.channels.words import context_of, template_for
from engine.detail import detail
from engine.rulebook.actions import AssignTo, SuggestHelp, Task
from engine.workspace.model import NoteSource, Workspace


class NoteChannel:
    """Renders title and text from `templates/<kind>/<name>.md`; a missing value fails the note, never leaves a blank."""

    delivery: ClassVar[Delivery] = "listed"

    def __init__(self, workspace: Workspace, deployment: Deployment = NO_DEPLOYMENT) -> None:
        self.workspace, self.deployment = workspace, deployment
        self._environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined)

    def preview(self, occasion: Occasion) -> Mapping[str, str]:
        rule = self.workspace.rules[occasion.touch.rule]
        name = template_for(rule, occasion.touch, occasion.answer.columns)
        source, words = self.workspace.templates[name], context_of(self.workspace, rule, occasion, self.deployment)
        assert isinstance(source, NoteSource), name
        try:
            title, text = (self._environment.from_string(part).render(words) for part in (source.title, source.text))
        except Exception as error:  # a template may raise anything; it fails its own note and no other
            raise Unwritable(detail("template", name, error)) from error
        link = words["link"]
        url = link.get("url", "") if isinstance(link, Mapping) and rule.do.leads else ""
        return {"template": name, "subject": title, "text": text, "link": url, **self._handover(occasion), **self._assigned(occasion)}

    def _handover(self, occasion: Occasion) -> dict[str, str]:
        """What a person who takes over wants to see, in words."""
        rule = self.workspace.rules[occasion.touch.rule]
        words = context_of(self.workspace, rule, occasion, self.deployment)
        told = {self.workspace.plan.facts[name].label: words.get(name, "–") for name in rule.do.handover}
        lines = (f"{label}: {', '.join(word) if isinstance(word, list) else word}" for label, word in told.items())
        return {"handover": "\n".join(lines)} if told else {}

    def _assigned(self, occasion: Occasion) -> dict[str, str]:
        """Who is to do it: the person who looks after the account, the one written down, or the team; a substitute where that one is away."""
        action = self.workspace.rules[occasion.touch.rule].do
        if not isinstance(action, Task) or action.assign_to is None:
            return {}
        owner = occasion.answer.columns.get(self.workspace.settings.accounts_of or "")
        if isinstance(action.assign_to, AssignTo):
            person = str(owner) if owner is not None else action.assign_to.otherwise
        else:
            person = str(owner or "team") if action.assign_to == "owner" else action.assign_to
        return {"assigned": self.workspace.in_charge(person, self.workspace.zone.day(occasion.now))}

    def write(self, occasion: Occasion) -> Letter:
        body = json.dumps(dict(self.preview(occasion)), ensure_ascii=False).encode()
        return Letter(occasion.touch.id, "", "", body)


class HelpChannel(NoteChannel):
    """Articles put first on the help site."""

    delivery: ClassVar[Delivery] = "shown"

    def articles(self, occasion: Occasion) -> list[str]:
        """The names of the articles, first one first. Raises Unwritable."""
        action = self.workspace.rules[occasion.touch.rule].do
        if not isinstance(action, SuggestHelp):
            raise Unwritable(detail("other_action", occasion.touch.rule))  # the rule changed its action since
        found: str | list[str] = action.articles if isinstance(action.articles, list) else action.articles["else"]
        if isinstance(action.articles, dict):
            found = action.articles.get(str(occasion.answer.columns.get(str(action.articles["by"]))), found)
        return found if isinstance(found, list) else [found]

    def preview(self, occasion: Occasion) -> Mapping[str, str]:
        return {"template": "help", "subject": "", "text": "\n".join(self.articles(occasion))}


class ListTransport:
    """Listing is done the moment it is written down: the letter in the ledger is the list's entry."""

    def offer(self, letter: Letter) -> Reply | None:
        return None

    def hand_over(self, letter: Letter, in_time: InTime) -> Reply:
        return Reply("sent", "listed")

    def close(self) -> None:
        """Nothing is held open."""
