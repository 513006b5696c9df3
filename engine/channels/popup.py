"""The popup: what is shown on the customer's screen while he is there, one thing to do or one question."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from engine.channels.letter import Delivery, Occasion
from engine.channels.note import NoteChannel
from engine.facts.attribute import Attribute
from engine.facts.spec import FactSpec
from engine.records.record import NO_NUMBER, NO_VALUE
from engine.records.values import normalise
from engine.rulebook.actions import AskPopup

Form = Literal["one", "many", "yes_no", "number", "date", "text"]
FORMS: Mapping[str, Form] = {"enum": "one", "tags": "many", "bool": "yes_no", "number": "number", "date": "date", "text": "text"}

_LINK = re.compile(r"^\[(?P<label>[^\]]+)\]\((?P<url>[^)\s]+)\)$")
_LATER = re.compile(r"^\[[^\]]+\]$")  # what the question offers anyway


@dataclass(frozen=True)
class Link:
    label: str
    url: str


@dataclass(frozen=True)
class Question:
    """`form`: how it is answered; `choices`: value → words, for one and many."""

    form: Form
    choices: Mapping[str, str]


@dataclass(frozen=True)
class Screen:
    """A popup in parts, as plain texts; whoever shows it decides how they look."""

    title: str
    paragraphs: Sequence[str]
    link: Link | None = None
    question: Question | None = None


class PopupChannel(NoteChannel):
    """Shown while the customer is there; nobody sends it."""

    delivery: ClassVar[Delivery] = "shown"

    def screen(self, occasion: Occasion) -> Screen:
        """The popup of a touch in parts. Raises Unwritable."""
        parts = self.preview(occasion)
        blocks = [block.strip() for block in parts["text"].split("\n\n") if block.strip()]
        links = [found for block in blocks if (found := _LINK.fullmatch(block))]
        texts = [" ".join(block.split("\n")) for block in blocks if not (_LINK.fullmatch(block) or _LATER.fullmatch(block) or block.startswith("- "))]
        action = self.workspace.rules[occasion.touch.rule].do
        link = Link(links[0]["label"], links[0]["url"]) if links else None
        return Screen(parts["subject"], texts, link, self.question(action) if isinstance(action, AskPopup) else None)

    def question(self, action: AskPopup) -> Question:
        """How the question is answered: as the fact is declared that reads what is kept."""
        fact = self._asked(action)
        if fact is None:
            return Question("text", {})
        labels = fact.values or {}
        return Question(FORMS[fact.type_], dict(labels))

    def accepted(self, action: AskPopup, said: str, today: int) -> bool:
        """Whether that is an answer: one of the choices, a date as people write it, a number; any text where nobody says more."""
        fact = self._asked(action)
        kind = fact.type_ if fact is not None else "text"
        text, number = normalise(kind, said, today)
        if text == NO_VALUE:
            return False
        if fact is not None and fact.values and kind in {"enum", "tags"}:
            return {each for each in text.strip("|").split("|") if each} <= set(fact.values)
        return number != NO_NUMBER or kind == "text"

    def _asked(self, action: AskPopup) -> Attribute | None:
        """The fact that reads the answer."""
        reading: list[FactSpec] = list(self.workspace.facts.values())
        return next((spec for spec in reading if isinstance(spec, Attribute) and spec.attribute == action.save_to), None)
