"""Checks of mails that ask for an answer by buttons, and of the kinds that receivers may refuse: rule, fact and template say the same."""

from collections.abc import Iterator
from functools import lru_cache

from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.facts.attribute import Attribute
from engine.rulebook.actions import SendMail
from engine.rulebook.spec import RuleSpec
from engine.workspace.faults import Faults, need_of
from engine.workspace.model import MailSource
from engine.workspace.parts import Parts

Path = tuple[str | int, ...]
ANSWER = "answer"  # the blank of a template that holds the address of each answer


def check_kind(rule: RuleSpec, here: Path, parts: Parts, faults: Faults) -> None:
    """A mail is of a kind that its receivers can see on the page of refusal."""
    assert isinstance(rule.do, SendMail)
    known = parts.settings.mail_kinds
    if rule.do.kind is not None and rule.do.kind not in known:
        faults.at("E204", (*here, "do", "kind"), {"kind": "mail_kind", "name": rule.do.kind, "known": tuple(known)})


def check_answers(rule: RuleSpec, here: Path, parts: Parts, faults: Faults) -> None:
    """The buttons of a mail are the values of the enum that reads the answer; each may lead to one more question."""
    do = rule.do
    assert isinstance(do, SendMail)
    if do.save_to is None:
        if do.follow_up:
            faults.at("E106", (*here, "do"), {"key": "save_to", **need_of("save_to")})
        return
    choices = _choices(do.save_to, parts)
    if not choices:
        known = tuple(spec.attribute for spec in parts.facts.values() if isinstance(spec, Attribute) and spec.type_ == "enum")
        faults.at("E316", (*here, "do", "save_to"), {"name": do.save_to, "known": known})
        return
    if (template := _misses(do, choices, parts, faults)) is not None:
        faults.at("E317", (*here, "do", "save_to"), {"name": template[0], "wrong": template[1], "values": choices})
        return
    for value, field in do.follow_up.items():
        if value not in choices:
            faults.at("E203", (*here, "do", "follow_up", value), {"fact": do.save_to, "value": value, "values": choices})
        if field.partition(".")[0] not in parts.prefixes:
            values = {"name": field.partition(".")[0], "event": field, "known": tuple(parts.prefixes)}
            faults.at("E207", (*here, "do", "follow_up", value), values)


def _misses(do: SendMail, choices: tuple[str, ...], parts: Parts, faults: Faults) -> tuple[str, tuple[str, ...]] | None:
    """The first template of the rule that offers no answer, or one that is none, in HTML or text: its name and the wrong ones."""
    if any(fault.place.file.startswith("templates/") for fault in faults.found):
        return None  # what cannot be read offers nothing; that is told already
    for name in do.templates():
        source = parts.templates.get(name)
        for text in (source.mjml, source.text) if isinstance(source, MailSource) else ():
            offered = offered_answers(text)
            if wrong := tuple(value for value in offered if value not in choices) or (() if offered else ("–",)):
                return name, wrong
    return None


def _choices(field: str, parts: Parts) -> tuple[str, ...]:
    reading = (spec for spec in parts.facts.values() if isinstance(spec, Attribute) and spec.attribute == field and spec.type_ == "enum")
    return tuple(value for spec in reading for value in spec.values or ())


@lru_cache(maxsize=1024)
def offered_answers(text: str) -> tuple[str, ...]:
    """The answers that a template has a button for: `{{ answer.VALUE }}`."""
    return tuple(dict.fromkeys(_offered(ImmutableSandboxedEnvironment().parse(text))))


def _offered(tree: nodes.Template) -> Iterator[str]:
    for node in tree.find_all(nodes.Getattr):
        if isinstance(node.node, nodes.Name) and node.node.name == ANSWER:
            yield node.attr
