"""Checks of the help site's articles against everything else the workspace declares."""

from collections.abc import Mapping

from engine.errors import Place
from engine.workspace.articles import SECTION, file_of, place_in
from engine.workspace.faults import Faults, nearest
from engine.workspace.model import Article
from engine.workspace.parts import Parts


def check_articles(parts: Parts, faults: Faults) -> None:
    """Report what articles name and nobody declares, titles that stand twice, and a help site that is nowhere."""
    if parts.articles is None:
        if parts.settings.help_url is None and not faults.is_wrong_below(("help_url",)):
            faults.add("E119", Place("rules"), section="help_url")
        return
    titles = dict[str, str]()
    for article in parts.articles.values():
        _check_names(article, parts, faults)
        _check_links(article, parts.articles, faults)
        first = titles.setdefault(article.title, article.name)
        if first != article.name:
            faults.at("E154", (SECTION, article.name, "title"), {"title": article.title, "first": file_of(first)})


def _check_names(article: Article, parts: Parts, faults: Faults) -> None:
    steps, use_cases = tuple(parts.route.steps), tuple(parts.settings.use_cases)
    for index, step in enumerate(article.steps):
        if step not in steps:
            faults.at("E202", (SECTION, article.name, "steps", index), {"fact": "steps", "value": step, "values": steps})
    for index, use_case in enumerate(article.use_cases):
        if use_case not in use_cases:
            faults.at("E219", (SECTION, article.name, "use_cases", index), {"name": use_case, "known": use_cases})


def _check_links(article: Article, known: Mapping[str, Article], faults: Faults) -> None:
    for other, line, target in article.links:
        if other not in known and other not in faults.broken:
            near = nearest(other, known)
            faults.add("E220", place_in(article.text, line, target, file_of(article.name)), name=target, near=near and f"{near}.md")
