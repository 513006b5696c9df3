"""Search over the articles: every word of the query must be found; the title counts for more than headings, these for more than the text.

Words are looked for as parts of the text, as Japanese has no blanks: so two characters (面接) are found wherever they stand. Where a query of one
piece is found nowhere (面接日程調整), it is taken apart into the longest pieces that are; half of them are enough.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from engine.help.folding import Folded, fold, folded, is_hiragana, terms_of
from engine.workspace.article_text import MARKDOWN, is_ready_text, title_of
from engine.workspace.model import Article

LONGEST_QUERY, MOST_TERMS, MOST_HITS = 100, 8, 20
AROUND = 60  # characters of an excerpt beside the hit
SHORTEST, SHORTEST_OF_HIRAGANA = 2, 4  # pieces of a word that is found nowhere as a whole
IN_TITLE, WHOLE_TITLE, IN_HEADING, IN_TEXT = 100, 50, 10, 1


@dataclass(frozen=True)
class Passage:
    """A piece of an excerpt; `hit`: it is what was looked for."""

    text: str
    hit: bool


@dataclass(frozen=True)
class Hit:
    """An article that was found. `excerpt` is in the words as written."""

    article: Article
    excerpt: Sequence[Passage]


@dataclass(frozen=True)
class Found:
    """What a query found, best first. `terms`: the words that were looked for, as they are compared; `number`: how many there are in all."""

    hits: Sequence[Hit]
    terms: Sequence[str]
    number: int = 0


@dataclass(frozen=True)
class _Entry:
    article: Article
    title: str
    headings: str
    plain: str
    text: Folded


class Index:
    """Made once for a rule set; asking it changes nothing."""

    def __init__(self, articles: Iterable[Article]) -> None:
        self._entries = [_entry(article) for article in articles]
        self._all = "\n".join(f"{each.title}\n{each.headings}\n{each.text.text}" for each in self._entries)

    def search(self, query: str) -> Found:
        """What all words of the query are found in; else, whatever at least half of its pieces are."""
        terms = terms_of(query[:LONGEST_QUERY])[:MOST_TERMS]
        found = self._ranked(terms, len(terms))
        if terms and not found and (pieces := self._pieces(terms)):
            terms, found = pieces, self._ranked(pieces, (len(pieces) + 1) // 2)
        return Found([Hit(entry.article, _excerpt(entry, terms)) for entry in found[:MOST_HITS]], terms, len(found))

    def _ranked(self, terms: Sequence[str], wanted: int) -> list[_Entry]:
        """The articles in which so many of the terms stand; those with more of them first, then by their scores, then in the order of the site."""
        scored = [(entry, [score for term in terms if (score := _score(entry, term))]) for entry in self._entries] if terms else []
        hits = [(len(scores), sum(scores), entry) for entry, scores in scored if len(scores) >= wanted]
        return [entry for _, _, entry in sorted(hits, key=lambda each: (-each[0], -each[1]))]

    def _pieces(self, terms: Sequence[str]) -> tuple[str, ...]:
        """The longest pieces of words that stand somewhere. Short ones of hiragana are endings and particles, and tell nothing."""
        found = [piece for term in terms for piece in self._cut(term)]
        told = [piece for piece in found if len(piece) >= (SHORTEST_OF_HIRAGANA if is_hiragana(piece) else SHORTEST)]
        return tuple(dict.fromkeys(told))[:MOST_TERMS]

    def _cut(self, term: str) -> Iterator[str]:
        start = 0
        while start < len(term):
            end = start
            while end < len(term) and term[start : end + 1] in self._all:
                end += 1
            yield term[start:end]
            start = max(end, start + 1)


def _entry(article: Article) -> _Entry:
    headings, plain = words_of(article)
    return _Entry(article, fold(article.title), fold("\n".join((*headings, *article.keywords))), plain, folded(plain))


def words_of(article: Article) -> tuple[list[str], str]:
    """The headings of an article, and all that is read in it without marks."""
    headings, parts = [each.title for each in article.ready_texts], [article.summary] if article.summary else []
    is_heading = False
    for token in MARKDOWN.parse(article.text):
        is_heading = token.type == "heading_open" if token.type != "inline" else is_heading
        if token.type == "inline":
            said = "".join(each.content if each.type in {"text", "code_inline"} else " " for each in token.children or () if not _is_mark(each.type))
            (headings if is_heading else parts).append(said)
        elif token.type == "fence":
            parts.append(f"{title_of(token)} {token.content}" if is_ready_text(token) else token.content)
    return headings, re.sub(r"\s+", " ", " ".join(parts)).strip()


def _is_mark(kind: str) -> bool:
    return kind.endswith(("_open", "_close"))


def _score(entry: _Entry, term: str) -> int:
    """How well one word fits; 0 where it does not stand."""
    score = IN_TITLE + (WHOLE_TITLE if entry.title.startswith(term) else 0) if term in entry.title else 0
    score += IN_HEADING * entry.headings.count(term)
    return score + IN_TEXT * entry.text.text.count(term)


def _excerpt(entry: _Entry, terms: Sequence[str]) -> list[Passage]:
    """The text around the longest word that stands in it, with every hit marked; its beginning where none does."""
    text, plain = entry.text, entry.plain
    first = next((text.text.find(term) for term in sorted(terms, key=len, reverse=True) if term in text.text), None)
    if first is None:
        return [Passage(plain[: 2 * AROUND] + ("…" if len(plain) > 2 * AROUND else ""), hit=False)]
    start = max(0, first - AROUND)
    end = min(len(text.text), first + AROUND)
    passages, at = list[Passage](), start
    for begin, behind in _spots(text.text[start:end], terms):
        passages += [Passage(_written(entry, at, start + begin), hit=False), Passage(_written(entry, start + begin, start + behind), hit=True)]
        at = start + behind
    passages.append(Passage(_written(entry, at, end), hit=False))
    edges = [Passage("…", hit=False)] if start else [], [Passage("…", hit=False)] if end < len(text.text) else []
    return [*edges[0], *(each for each in passages if each.text), *edges[1]]


def _spots(text: str, terms: Sequence[str]) -> list[tuple[int, int]]:
    """Where words stand, one behind the other; of two that overlap the longer one that begins first."""
    pattern = "|".join(re.escape(term) for term in sorted(terms, key=len, reverse=True))
    return [found.span() for found in re.finditer(pattern, text)]


def _written(entry: _Entry, begin: int, behind: int) -> str:
    return entry.plain[entry.text.places[begin] : entry.text.places[behind]]
