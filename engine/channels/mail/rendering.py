"""From the texts of a mail and the words of an occasion to what its reader sees."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import mjml
from jinja2 import StrictUndefined, Template
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.channels.letter import Unwritable
from engine.channels.mail.message import CONTROLS, SHOWN
from engine.channels.words import Word
from engine.detail import detail
from engine.workspace.blanks import names_filled
from engine.workspace.model import MailSource

NAME_MAX, TEXT_MAX, LIST_MAX = 200, 10_000, 100  # characters of a name, of any other value; entries of a list
SUBJECT_MAX = 250
NAMES = ("account", "contact")  # one line each, and about people: a mark in them is a mistake or an attack
OURS = ("addressee", "sender", "imprint", "link", "session", "step", "done", "answer")  # written in the workspace, or made of the names
CONTROLS_IN_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
SCHEMES = ("https://", "mailto:")


class WordsOnly(ImmutableSandboxedEnvironment):
    """Knows no attribute, no function and no global: a dot looks up an entry of a dictionary and reaches nothing else."""

    def __init__(self, *, escaped: bool) -> None:
        super().__init__(undefined=StrictUndefined, autoescape=escaped, keep_trailing_newline=not escaped)
        self.globals.clear()

    def getattr(self, obj: Any, attribute: str) -> Any:
        if type(obj) is not dict:
            raise SecurityError(f".{attribute}")
        found = obj.get(attribute)
        return found if found is not None else self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        return self.getattr(obj, str(argument))

    def call(self, context: Any, obj: Any, /, *args: Any, **kwargs: Any) -> Any:  # Jinja2's signature
        raise SecurityError("()")


PLAIN, HTML = WordsOnly(escaped=False), WordsOnly(escaped=True)


@dataclass(frozen=True)
class Wording:
    """One mail, compiled. `wanted`: every name it uses."""

    name: str
    subject: Template
    text: Template
    html: Template
    wanted: frozenset[str]

    def render(self, words: Mapping[str, Word]) -> tuple[str, str, str]:
        """Subject, text and HTML. Raises whatever a template may raise."""
        given = dict(words)
        return _filled(self.subject, given), _filled(self.text, given), _filled(self.html, given)


def _filled(template: Template, words: dict[str, Word]) -> str:
    """`Template.render` without the copy of all words that it makes for globals, of which there are none here."""
    return "".join(template.root_render_func(template.new_context(words, shared=True)))


def compiled(source: MailSource) -> Wording:
    """Compile the texts once; MJML becomes HTML here."""
    html = mjml.mjml2html(source.mjml)
    wanted = frozenset[str]().union(*map(names_filled, (source.subject, source.text, html)))
    return Wording(source.name, PLAIN.from_string(source.subject), PLAIN.from_string(source.text), HTML.from_string(html), wanted)


def check_words(words: Mapping[str, Word], wanted: frozenset[str]) -> None:
    """One account's bad data fails its own mail: too long, marks that no name has, a link elsewhere than https. Raises Unwritable."""
    for name, word in words.items():
        if name in NAMES or (name in wanted and name not in OURS):
            _check(name, word)
    link = words.get("link")
    url = link.get("url", "") if isinstance(link, Mapping) else ""
    if "link" in wanted and not url.startswith(SCHEMES):
        raise Unwritable(detail("link", url[:SHOWN]))


def _check(name: str, word: Word) -> None:
    limit, marks = (NAME_MAX, CONTROLS) if name in NAMES else (TEXT_MAX, CONTROLS_IN_TEXT)
    for path, text in _texts(name, word):
        if len(text) > limit:
            raise Unwritable(detail("long", path, f"{len(text):,}", f"{limit:,}"))
        found = None if text.isascii() and text.isprintable() else marks.search(text)
        if found is not None:
            raise Unwritable(detail("mark", path, f"U+{ord(found[0]):04X}", ascii(text[:SHOWN])))


def _texts(name: str, word: Word) -> Iterator[tuple[str, str]]:
    if isinstance(word, str):
        yield name, word
    elif isinstance(word, Mapping):
        yield from ((f"{name}.{key}", text) for key, text in word.items())
    elif isinstance(word, list):
        if len(word) > LIST_MAX:
            raise Unwritable(detail("entries", name, f"{len(word):,}", LIST_MAX))
        yield from ((name, text) for text in word)
