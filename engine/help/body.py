"""An article laid out as HTML: anchors at its headings, links that stay on the site, and the texts to take away. HTML in it is text."""

import posixpath
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from engine.messages import Language, say
from engine.workspace.article_text import article_named, is_ready_text, title_of
from engine.workspace.model import Article

Href = Callable[[str], str]  # name of an article, or of a file of one → where it is from this page


@dataclass(frozen=True)
class Heading:
    """A heading of the second level, and the anchor that leads to it."""

    anchor: str
    title: str


@dataclass(frozen=True)
class Laid:
    """An article as HTML, with the headings for its table of contents."""

    html: str
    headings: Sequence[Heading]


def lay_out(article: Article, href: Href, language: Language) -> Laid:
    """The text of an article. Its own title stands above it, so that what it writes as a first level is shown as the second."""
    tokens, headings = _MARKDOWN.parse(article.text), list[Heading]()
    for number, token in enumerate(tokens):
        if token.type == "heading_open":
            token.tag = f"h{max(2, int(token.tag[1]))}"
            token.attrs["id"] = f"s{len(headings) + 1}"
            said = "".join(each.content for each in tokens[number + 1].children or () if each.type in {"text", "code_inline"})
            headings.append(Heading(str(token.attrs["id"]), said))
        elif token.type == "heading_close":
            token.tag = f"h{max(2, int(token.tag[1]))}"
    env: dict[str, Any] = {"article": article, "href": href, "language": language, "texts": 0}
    return Laid(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, env), headings)


def file_name(article: Article, number: int) -> str:
    """The address of a text to take away, counted from 1: it lies below its article."""
    return f"{article.name}/{number}.txt"


class _Renderer(RendererHTML):
    """CommonMark's, but for what is ours."""

    def fence(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        token = tokens[idx]
        if not is_ready_text(token):
            return str(super().fence(tokens, idx, options, env))
        env["texts"] += 1
        return ready_text(env["article"], env["texts"], title_of(token), token.content, env["href"], env["language"])

    def link_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        token = tokens[idx]
        target = str(token.attrs.get("href", ""))
        named = article_named(target, env["article"].name)
        if named is not None:
            anchor = target.partition("#")[2]
            token.attrs["href"] = env["href"](named) + (f"#{anchor}" if anchor else "")
        elif target.startswith("https:"):
            token.attrs["rel"] = "noopener"
        return str(self.renderToken(tokens, idx, options, env))

    def table_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        """A wide table moves in its own frame, by keyboard too."""
        return '<div class="wide" tabindex="0"><table>\n'

    def table_close(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return "</table></div>\n"


def ready_text(article: Article, number: int, title: str, text: str, href: Href, language: Language) -> str:
    """A text to take away: to read, to copy where the page's script runs, and to load."""
    anchor, file = f"t{number}", file_name(article, number)
    loads = [(file, say(language, "help.load"))] + ([(f"{file}?charset=cp932", say(language, "help.load_cp932"))] if fits_cp932(text) else [])
    links = "".join(f'<a href="{escape(href(target))}" download>{escape(words)}</a>' for target, words in loads)
    button = f'<button type="button" class="copy" hidden data-copy="{anchor}" data-done="{escape(say(language, "help.copied"))}">'
    return (
        f'<figure class="ready" aria-labelledby="{anchor}-title"><figcaption id="{anchor}-title">{escape(title)}</figcaption>'
        f'<pre id="{anchor}" tabindex="0">{escape(text)}</pre><p class="take">{button}{escape(say(language, "help.copy"))}</button>{links}</p></figure>\n'
    )


def fits_cp932(text: str) -> bool:
    """Whether old Windows programs can show every character of it; a file with "?" in it is none."""
    try:
        text.encode("cp932")
    except UnicodeEncodeError:
        return False
    return True


def way(page: str, target: str) -> str:
    """The relative way from a page of the site to another; both are names below its root, which is empty."""
    folder = posixpath.relpath(posixpath.dirname(target) or ".", posixpath.dirname(page) or ".")
    return f"{folder}/{posixpath.basename(target)}".removeprefix("./") or "./"


_MARKDOWN = MarkdownIt("commonmark", {"html": False}, renderer_cls=_Renderer).enable("table")
