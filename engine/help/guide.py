"""The introduction guide: every step of the route in order, what to do, what for, on which screen; for one company with what it has done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import segno

from engine.help.shelves import articles_of, of_step
from engine.rulebook.python import Known
from engine.workspace.model import Article, ReadyText, Workspace


@dataclass(frozen=True)
class GuideStep:
    """One step. What an article says of several steps is told at the first that is open. `done`: whether the company has done it, None in the guide for everybody; `screen`: where it is done, if it has a screen."""

    number: int
    label: str
    what: str
    why: str
    screen: str | None
    done: bool | None
    articles: Sequence[Article]
    ready_texts: Sequence[ReadyText]


@dataclass(frozen=True)
class Guide:
    """`company`: whose it is, None where it is everybody's; `ready_texts`: those of its steps, then those that belong to no step, each once."""

    company: str | None
    steps: Sequence[GuideStep]
    ready_texts: Sequence[ReadyText]

    @property
    def done(self) -> int:
        return sum(bool(step.done) for step in self.steps)


def guide_of(workspace: Workspace, company: str | None = None, columns: Mapping[str, Known] | None = None) -> Guide:
    """The guide, or with its facts one company's: without the steps that it does not need."""
    names = [name for name in workspace.route.steps if columns is None or not _is_passed_over(name, columns)]
    steps, told = list[GuideStep](), set[str]()
    for number, name in enumerate(names, start=1):
        step = _step(workspace, number, name, columns)
        steps.append(replace(step, what="", why="") if step.what in told else step)
        told |= set() if step.done else {step.what}
    general = [text for article in articles_of(workspace) if not article.steps for text in article.ready_texts]
    texts = [*(text for step in steps for text in step.ready_texts), *general]
    return Guide(company, steps, list({text.title: text for text in texts}.values()))


def _is_passed_over(step: str, columns: Mapping[str, Known]) -> bool:
    return columns.get(f"passed.{step}") is True and columns.get(f"done.{step}") is not True


def _step(workspace: Workspace, number: int, name: str, columns: Mapping[str, Known] | None) -> GuideStep:
    step, articles = workspace.route.steps[name], of_step(workspace, name)
    about = next((each for each in articles if each.why), None)
    return GuideStep(
        number=number,
        label=step.label,
        what=about.summary if about else "",
        why=about.why if about else "",
        screen=f"{workspace.settings.product_url.rstrip('/')}{step.screen}" if step.screen != "/" else None,
        done=None if columns is None else columns.get(f"done.{name}") is True,
        articles=articles,
        ready_texts=[text for article in articles for text in article.ready_texts],
    )


def qr_code(url: str) -> str:
    """The address as an SVG of black on white (ISO/IEC 18004); correction M, as paper is folded."""
    found: str = segno.make_qr(url, error="m").svg_inline(border=2, omitsize=True, svgclass=None, lineclass=None)
    return found
