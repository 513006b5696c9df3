"""The introduction guide as HTML: what its pages show, and one file that holds all it needs, to be kept or sent."""

from collections.abc import Mapping

from markupsafe import Markup

from engine.help.guide import Guide, qr_code
from engine.messages import Language, say
from engine.pipeline.guide import title_of
from engine.workspace.model import Workspace
from web.pages import HTML, written

SAID = ("what", "why", "screen", "read_more", "texts", "done", "open", "pdf")


def told_of(guide: Guide, language: Language) -> Mapping[str, object]:
    """The words of a guide, and the codes that lead to its open screens."""
    return {
        "company": say(language, "guide.company", company=guide.company) if guide.company else "",
        "progress": say(language, "guide.progress", done=guide.done, all=len(guide.steps)),
        "words": {key: say(language, f"guide.{key}") for key in SAID},
        "codes": {step.number: Markup(qr_code(step.screen)) if step.done is False and step.screen else "" for step in guide.steps},  # noqa: S704  # drawn here
    }


def guide_file(workspace: Workspace, guide: Guide) -> str:
    """The guide as one file. Articles are links where the workspace says where its help site is."""
    settings = workspace.settings
    root = settings.help_url.rstrip("/") if settings.help_url else None
    values = {
        "language": settings.workspace.language,
        "title": title_of(workspace),
        "guide": guide,
        "told": told_of(guide, settings.workspace.language),
        "style": Markup((HTML / "help.css").read_text(encoding="utf-8")),  # noqa: S704  # our own
        "href": (lambda name: f"{root}/{name}") if root else None,
    }
    return written("guide_file.html", values)
