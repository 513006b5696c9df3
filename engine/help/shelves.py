"""Where an article stands: by use case, by step of the route, and beside which others."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.workspace.model import Article, Workspace

MOST_RELATED = 5


@dataclass(frozen=True)
class Shelf:
    """Articles under one heading."""

    label: str
    articles: Sequence[Article]


def articles_of(workspace: Workspace) -> Sequence[Article]:
    return tuple((workspace.articles or {}).values())


def by_use_case(workspace: Workspace) -> list[Shelf]:
    """In the order in which use cases are declared; what has none stands nowhere here."""
    shelves = [
        Shelf(label, [each for each in articles_of(workspace) if name in each.use_cases]) for name, label in workspace.settings.use_cases.items()
    ]
    return [shelf for shelf in shelves if shelf.articles]


def by_step(workspace: Workspace) -> list[Shelf]:
    """In the order of the route."""
    shelves = [Shelf(step.label, of_step(workspace, name)) for name, step in workspace.route.steps.items()]
    return [shelf for shelf in shelves if shelf.articles]


def of_step(workspace: Workspace, step: str) -> list[Article]:
    return [each for each in articles_of(workspace) if step in each.steps]


def related(workspace: Workspace, article: Article) -> list[Article]:
    """Others of the same steps; of the same use cases where there are none."""
    others = [each for each in articles_of(workspace) if each.name != article.name]
    same = [each for each in others if set(each.steps) & set(article.steps)]
    return (same or [each for each in others if set(each.use_cases) & set(article.use_cases)])[:MOST_RELATED]
