"""Pages for customers: rendered here, without scripts, and without anything from other people's servers."""

from collections.abc import Mapping
from pathlib import Path

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from engine.messages import Language
from engine.pipeline.system import System

HTML = Path(__file__).parent / "html"
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # the address of the page is the key to it
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
_ENVIRONMENT = Environment(loader=FileSystemLoader(HTML), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def language_for(system: System, request: Request) -> Language:
    """The reader's, if it is one of ours and said first; else that of the workspace, in which his mail was."""
    said = request.headers.get("accept-language", "")[:2].lower()
    return "ja" if said == "ja" else "en" if said == "en" else system.workspace.settings.workspace.language


def page(name: str, values: Mapping[str, object], status: int = 200, headers: Mapping[str, str] | None = None) -> HTMLResponse:
    """A page as an answer. `values` need language, title, sender and root: the way back to the top, such as `../`."""
    return HTMLResponse(_ENVIRONMENT.get_template(name).render(values), status, {**HEADERS, **(headers or {})})
