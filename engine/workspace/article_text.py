"""The Markdown of an article: CommonMark with tables, and fences named `copy`, which hold a text for readers to take away.

HTML in it is text. Articles name each other as files do, `[…](../video/flow.md)`, so that editors follow the links too.
"""

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

from engine.workspace.model import ReadyText

KEPT = 4096  # articles whose outcome is remembered: a workspace is read again and again
READY = "copy"  # the first word behind the fence of a text to take away; its title follows
OUTSIDE = ("https:", "mailto:", "tel:")
MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
RELATIVE = re.compile(r"(?P<path>[^#?]+)\.md(?P<anchor>#.*)?\Z")


@dataclass(frozen=True)
class Mistake:
    """Something in an article that cannot be shown; `line` is that of its block, counted from 0, `word` what stands there."""

    code: str
    line: int
    word: str


@dataclass(frozen=True)
class Body:
    """What an article's text holds beside what is read. `links`: articles it names, each with the line of its block and the words as written."""

    ready_texts: Sequence[ReadyText]
    links: Sequence[tuple[str, int, str]]
    mistakes: Sequence[Mistake]


@lru_cache(maxsize=KEPT)
def look_into(text: str, name: str) -> Body:
    """Read the text of the article of that name."""
    tokens = MARKDOWN.parse(text)
    lines = text.split("\n")
    ready, mistakes = list[ReadyText](), list[Mistake]()
    for token in tokens:
        if is_ready_text(token):
            found = ReadyText(title_of(token), token.content.rstrip("\n") + "\n")
            closed = lines[_span(token)[1] - 1].strip().startswith(token.markup) and _span(token)[1] - _span(token)[0] > 1
            if not found.title or not found.text.strip() or not closed or found.title in {each.title for each in ready}:
                mistakes.append(Mistake("E152", _span(token)[0], found.title or READY))
            ready.append(found)
    links = list[tuple[str, int, str]]()
    for line, inner in _inline(tokens):
        if inner.type == "image":
            mistakes.append(Mistake("E151", line, str(inner.attrs.get("src", ""))))
        target = str(inner.attrs.get("href", "")) if inner.type == "link_open" else ""
        if target and (article := article_named(target, name)) is not None:
            links.append((article, line, target))
        elif target and not target.startswith((*OUTSIDE, "#")):
            mistakes.append(Mistake("E220", line, target))
    return Body(ready, links, mistakes)


def is_ready_text(token: Token) -> bool:
    return token.type == "fence" and token.info.split(maxsplit=1)[:1] == [READY]


def title_of(token: Token) -> str:
    """The title of a text to take away."""
    return token.info.strip().removeprefix(READY).strip()


def article_named(target: str, name: str) -> str | None:
    """The article that a link written in the article `name` leads to; None where it leads elsewhere."""
    found = RELATIVE.fullmatch(target)
    if found is None or ":" in found["path"] or target.startswith("/"):
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), found["path"]))


def _inline(tokens: Sequence[Token]) -> Iterator[tuple[int, Token]]:
    """What stands inside of lines, with the line of its block."""
    for token in tokens:
        yield from ((_span(token)[0], inner) for inner in token.children or ())


def _span(token: Token) -> tuple[int, int]:
    first, behind = token.map or (0, 0)
    return first, behind
