"""The page behind a mail's link of refusal: to look at it changes nothing, to post to it refuses (RFC 8058); what is wanted may be chosen there."""

import logging
from collections.abc import Mapping

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse
from starlette.concurrency import run_in_threadpool

from engine.errors import BansoError
from engine.ledger.open import StoreError
from engine.messages import Language, say
from engine.pipeline.postal import deployment_of
from engine.pipeline.refusal import Change, Wish, change_wish, wish_of
from engine.pipeline.system import System
from web.pages import HTML, language_for, page
from web.requests import form_of

log = logging.getLogger("banso.web")
AGAIN = {"Retry-After": "5"}
REFUSE, RESUME, CHOOSE = "refuse", "resume", "choose"  # the buttons of our own page


def routes(system: System) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.api_route("/u/{token}", methods=["GET", "HEAD"])
    def look(request: Request, token: str) -> HTMLResponse:
        """Harmless, whoever asks: scanners of mailboxes follow every link."""
        return _answer(system, request, token, None)

    @router.post("/u/{token}")
    async def act(request: Request, token: str) -> HTMLResponse:
        """Refuses, whatever is posted and from wherever, without cookie or login, and is never redirected; only our own buttons do less."""
        return await run_in_threadpool(_answer, system, request, token, _change(await form_of(request)))

    @router.get("/page.css")
    def style() -> FileResponse:
        return FileResponse(HTML / "page.css", media_type="text/css", headers={"Cache-Control": "max-age=3600"})

    return router


def _change(form: Mapping[str, list[str]]) -> Change:
    pressed = form.get("answer", [REFUSE])
    if pressed == [CHOOSE]:
        return Change(wanted=frozenset(form.get("want", ())))
    return Change(refused=pressed != [RESUME])


def _answer(system: System, request: Request, token: str, change: Change | None) -> HTMLResponse:
    language = language_for(system, request)
    try:
        secret = deployment_of(system.config).secret
        if secret is None:
            wish = None
        elif change is None:
            wish = wish_of(system, secret, token)
        else:
            wish = change_wish(system, secret, token, change)
    except (StoreError, BansoError) as problem:
        log.warning("a refusal could not be kept: %s", problem)
        return _page(system, language, "away", None, 503, AGAIN)
    if wish is None:
        return _page(system, language, "unknown", None, 404)
    return _page(system, language, _word(wish, change), wish)


def _word(wish: Wish, change: Change | None) -> str:
    if wish.refused:
        return "refused"
    return "ask" if change is None else "resumed" if change.wanted is None else "chosen"


def _page(system: System, language: Language, word: str, wish: Wish | None, status: int = 200, headers: dict[str, str] | None = None) -> HTMLResponse:
    answer = None if wish is None or word == "resumed" else RESUME if wish.refused else REFUSE
    kinds = system.workspace.settings.mail_kinds if wish is not None and not wish.refused else {}
    values = {
        "language": language,
        "root": "../",
        "sender": system.workspace.settings.imprint.legal_name,
        "title": say(language, f"refusal_title.{word}"),
        "text": say(language, f"refusal.{word}"),
        "answer": answer,
        "button": say(language, f"refusal_button.{answer}") if answer else "",
        "kinds": [(name, kind.label, wish is not None and wish.kinds[name]) for name, kind in kinds.items()],
        "choose": say(language, "refusal.choose"),
        "keep": say(language, "refusal_button.choose"),
    }
    return page("refusal.html", values, status, headers)
