"""The popup: what is shown on the customer's screen while he is there, one thing to do or one question."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from engine.channels.letter import Delivery, Occasion
from engine.channels.note import NoteChannel
from engine.channels.question import Question, question_about
from engine.rulebook.actions import AskPopup

_LINK = re.compile(r"^\[(?P<label>[^\]]+)\]\((?P<url>[^)\s]+)\)$")
_LATER = re.compile(r"^\[[^\]]+\]$")  # what the question offers anyway


@dataclass(frozen=True)
class Link:
    label: str
    url: str


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
        question = question_about(self.workspace, action.save_to) if isinstance(action, AskPopup) else None
        return Screen(parts["subject"], texts, link, question)
