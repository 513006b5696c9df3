"""Pages for customers: rendered here, and without anything from other people's servers."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
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
PUBLIC_SECONDS = 300  # for which a page that is the same for everybody may be kept without asking again
_ENVIRONMENT = Environment(loader=FileSystemLoader(HTML), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def language_for(system: System, request: Request) -> Language:
    """The reader's, if it is one of ours and said first; else that of the workspace, in which his mail was."""
    said = request.headers.get("accept-language", "")[:2].lower()
    return "ja" if said == "ja" else "en" if said == "en" else system.workspace.settings.workspace.language


def written(name: str, values: Mapping[str, object]) -> str:
    """A page as text."""
    return _ENVIRONMENT.get_template(name).render(values)


def page(name: str, values: Mapping[str, object], status: int = 200, headers: Mapping[str, str] | None = None) -> HTMLResponse:
    """A page as an answer. `values` need language, title, sender and root: the way back to the top, such as `../`."""
    return HTMLResponse(written(name, values), status, {**HEADERS, **(headers or {})})


def public(request: Request, body: bytes, media_type: str, headers: Mapping[str, str]) -> Response:
    """What is the same for everybody: browsers and caches may keep it, and are told when theirs is still good (RFC 9110, 13.1.2)."""
    mark = f'"{sha256(body).hexdigest()[:32]}"'
    kept = {name: value for name, value in {**HEADERS, **headers}.items() if name != "X-Robots-Tag"}
    kept |= {"Cache-Control": f"public, max-age={PUBLIC_SECONDS}", "ETag": mark}
    known = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    if mark in known or "*" in known:
        return Response(status_code=304, headers=kept)
    return Response(body, media_type=media_type, headers=kept)
