"""The five things Japanese mail law wants to see in an advertising mail, found by what they are and not by what they say.

Act on Regulation of Transmission of Specified Electronic Mail, Art. 4: the sender's legal name, that one may refuse, where to refuse, the postal
address, and where to complain. All five stand in the mail itself, always, in both of its forms.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import PurePath

from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.errors import Place
from engine.messages import Language, say
from engine.rulebook.actions import SendMail
from engine.workspace.faults import Faults
from engine.workspace.model import MailSource
from engine.workspace.parts import Parts

SHOWN = ("legal_name", "postal_address", "complaints", "refuse")
REFUSING = "refusing"
ITEMS = (*SHOWN, REFUSING)
BLANK, REFUSE, SPOT = re.compile(r"\{\{.*?\}\}", re.DOTALL), re.compile(r"\{\{\s*imprint\.refuse\b"), "\ue000"
NEAR = 200  # characters around the address of refusal in which it is said what it is for
WORDS: Mapping[Language, re.Pattern[str]] = {
    "ja": re.compile("配信停止|配信の停止|停止|解除|不要|拒否|受け取りを|希望されない|希望しない"),
    "en": re.compile(r"unsubscrib|opt[ -]?out|refuse|stop (?:receiving|these|such)|do not want|don't want|no longer", re.IGNORECASE),
}


def check_advertising(parts: Parts, faults: Faults) -> None:
    """Every template of a mail that is not service mail shows the five."""
    if any(fault.place.file.startswith("templates/") for fault in faults.found):
        return  # what cannot be read shows nothing; that is told already
    if any(path[:1] == ("workspace",) for path in faults.wrong):
        return  # which language the mails are in is not known
    language, told = parts.settings.workspace.language, set[str]()
    for rule in parts.rules.values():
        if not isinstance(rule.do, SendMail) or rule.do.service:
            continue
        for name in rule.do.templates():
            source = parts.templates.get(name)
            missing = missing_items(source, language) if isinstance(source, MailSource) and name not in told else ()
            told.add(name)
            if missing:
                values = tuple(say(language, f"legal.{item}") for item in missing)
                faults.add("E214", Place(str(PurePath("templates") / name / "body.mjml")), name=name, missing=values)


def missing_items(source: MailSource, language: Language) -> tuple[str, ...]:
    """Which of the five are not always there, in the text or in the HTML."""
    lacking = {item for text in (source.mjml, source.text) for item in ITEMS if item not in _found(text, language)}
    return tuple(item for item in ITEMS if item in lacking)


@lru_cache(maxsize=1024)
def _found(text: str, language: Language) -> frozenset[str]:
    shown = {node.attr for node in _always(ImmutableSandboxedEnvironment().parse(text))}
    plain = BLANK.sub(lambda blank: SPOT if REFUSE.match(blank[0]) else " ", text)
    spots = [match.start() for match in re.finditer(SPOT, plain)]
    said = any(WORDS[language].search(plain[max(0, spot - NEAR) : spot + NEAR]) for spot in spots)
    return frozenset((shown & set(SHOWN)) | ({REFUSING} if said else set()))


def _always(node: nodes.Node) -> Iterator[nodes.Getattr]:
    """What of the imprint is shown whatever the account is like: nothing below an if or a for counts."""
    if isinstance(node, nodes.If | nodes.For | nodes.CondExpr):
        return
    if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name) and node.node.name == "imprint":
        yield node
    for child in node.iter_child_nodes():
        yield from _always(child)
