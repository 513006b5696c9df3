"""The page behind a mail's link of refusal: to look at it changes nothing, to post to it refuses (RFC 8058)."""

import asyncio
import logging
from contextlib import suppress
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse
from starlette.concurrency import run_in_threadpool

from engine.errors import BansoError
from engine.ledger.open import StoreError
from engine.messages import Language, say
from engine.pipeline.postal import deployment_of
from engine.pipeline.refusal import Wish, change_wish, wish_of
from engine.pipeline.system import System
from web.pages import HTML, page
from web.requests import BODY_SECONDS

log = logging.getLogger("banso.web")
LONGEST_FORM = 10_000  # bytes; what a provider posts has 26, ours fewer
AGAIN = {"Retry-After": "5"}


def routes(system: System) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.api_route("/u/{token}", methods=["GET", "HEAD"])
    def look(request: Request, token: str) -> HTMLResponse:
        """Harmless, whoever asks: scanners of mailboxes follow every link."""
        return _answer(system, request, token, refused=None)

    @router.post("/u/{token}")
    async def act(request: Request, token: str) -> HTMLResponse:
        """Refuses, whatever is posted and from wherever, without cookie or login, and is never redirected; only our own button takes it back."""
        return await run_in_threadpool(_answer, system, request, token, refused=not _takes_back(await _form(request)))

    @router.get("/page.css")
    def style() -> FileResponse:
        return FileResponse(HTML / "page.css", media_type="text/css", headers={"Cache-Control": "max-age=3600"})

    return router


async def _form(request: Request) -> bytes:
    """What was posted, as far as it matters: who posts more, or never ends, refuses all the same."""
    found = bytearray()
    with suppress(TimeoutError):
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                found += chunk[: LONGEST_FORM - len(found)]
                if len(found) == LONGEST_FORM:
                    break
    return bytes(found)


def _takes_back(form: bytes) -> bool:
    return parse_qs(form.decode(errors="replace")).get("answer") == ["resume"]


def _answer(system: System, request: Request, token: str, *, refused: bool | None) -> HTMLResponse:
    language = _language(system, request)
    try:
        secret = deployment_of(system.config).secret
        if secret is None:
            wish = None
        elif refused is None:
            wish = wish_of(system, secret, token)
        else:
            wish = change_wish(system, secret, token, refused=refused)
    except (StoreError, BansoError) as problem:
        log.warning("a refusal could not be kept: %s", problem)
        return _page(system, language, "away", None, 503, AGAIN)
    if wish is None:
        return _page(system, language, "unknown", None, 404)
    return _page(system, language, _word(wish, asked=refused is None), wish)


def _word(wish: Wish, *, asked: bool) -> str:
    if wish.refused:
        return "refused"
    return "ask" if asked else "resumed"


def _page(system: System, language: Language, word: str, wish: Wish | None, status: int = 200, headers: dict[str, str] | None = None) -> HTMLResponse:
    answer = None if wish is None or word == "resumed" else "resume" if wish.refused else "refuse"
    values = {
        "language": language,
        "root": "../",
        "sender": system.workspace.settings.imprint.legal_name,
        "title": say(language, f"refusal_title.{word}"),
        "text": say(language, f"refusal.{word}"),
        "answer": answer,
        "button": say(language, f"refusal_button.{answer}") if answer else "",
    }
    return page("refusal.html", values, status, headers)


def _language(system: System, request: Request) -> Language:
    """The reader's, if it is one of ours and said first; else that of the workspace, in which the mail was."""
    said = request.headers.get("accept-language", "")[:2].lower()
    return "ja" if said == "ja" else "en" if said == "en" else system.workspace.settings.workspace.language
