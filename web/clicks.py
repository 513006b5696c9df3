"""The link of a mail, by way of us: to the very address that the mail was written with, and to no other."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.background import BackgroundTask

from engine.errors import BansoError
from engine.messages import say
from engine.pipeline.clicks import keep_click, touch_clicked
from engine.pipeline.system import System
from engine.wire.machines import Machine, machine_in
from web.pages import language_for, page
from web.reactor import Reactor

HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}


def routes(system: System, reactor: Reactor) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.api_route("/c/{token}", methods=["GET", "HEAD"])
    def follow(request: Request, token: str, to: str = "") -> Response:
        """Sends on whoever has the link, also while nothing can be kept: the customer is on the way to the product."""
        try:
            touch_id = touch_clicked(system, token, to)
        except BansoError:  # the secret's file is away, so nobody can tell whose link it is
            touch_id = None
        if touch_id is None:
            return _unknown(system, request)
        keep = BackgroundTask(_keep, system, reactor, touch_id, machine_in(request.method, request.headers))
        return RedirectResponse(to, 302, HEADERS, background=keep)

    return router


def _keep(system: System, reactor: Reactor, touch_id: str, machine: Machine | None) -> None:
    """After the answer: whoever clicked waits for no ledger."""
    reactor.answer(keep_click(system, touch_id, machine))


def _unknown(system: System, request: Request) -> HTMLResponse:
    """Nobody is sent to an address that somebody else wrote into the link."""
    language = language_for(system, request)
    values = {
        "language": language,
        "root": "../",
        "sender": system.workspace.settings.imprint.legal_name,
        "title": say(language, "refusal_title.unknown"),
        "text": say(language, "click.unknown"),
        "question": None,
        "button": "",
    }
    return page("answers.html", values, 404)
