"""The page behind the buttons of a mail: to look at it keeps nothing, to post to it keeps the answer; one answer may lead to one more question."""

import logging
from collections.abc import Mapping

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from engine.channels.question import choices_of
from engine.errors import BansoError
from engine.ledger.open import StoreError
from engine.messages import say
from engine.pipeline.answers import Answered, Asked, NoAnswer, asked_by, keep_answer
from engine.pipeline.postal import deployment_of
from engine.pipeline.system import System
from web.pages import language_for, page
from web.reactor import Reactor
from web.requests import form_of

log = logging.getLogger("banso.web")
AGAIN = {"Retry-After": "5"}


def routes(system: System, reactor: Reactor) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.api_route("/a/{token}", methods=["GET", "HEAD"])
    def look(request: Request, token: str, say: str = "") -> HTMLResponse:
        """The question with the answer of the button chosen. Harmless: scanners of mailboxes follow every link."""
        return _Page(system, request).asked(token, say)

    @router.post("/a/{token}")
    async def act(request: Request, token: str) -> HTMLResponse:
        form = await form_of(request)
        return await run_in_threadpool(_Page(system, request).kept, reactor, token, form)

    return router


class _Page:
    """One answer of this door, in the reader's language."""

    def __init__(self, system: System, request: Request) -> None:
        self.system, self.language = system, language_for(system, request)

    def asked(self, token: str, said: str) -> HTMLResponse:
        try:
            secret = deployment_of(self.system.config).secret
            found = None if secret is None else asked_by(self.system, secret, token)
        except (StoreError, BansoError) as problem:
            return self._away(problem)
        if found is None:
            return self._told("over", 410)
        return self._question(found, next(iter(found.questions)), "ask", said)

    def kept(self, reactor: Reactor, token: str, form: Mapping[str, list[str]]) -> HTMLResponse:
        field, said = (form.get("field") or [""])[0], ",".join(form.get("value", ()))
        try:
            secret = deployment_of(self.system.config).secret
            answered = None if secret is None else keep_answer(self.system, secret, token, field, said)
        except NoAnswer as problem:
            found = problem.asked
            return self._question(found, field if field in found.questions else next(iter(found.questions)), "unclear", said, 400)
        except (StoreError, BansoError) as problem:
            return self._away(problem)
        if answered is None:
            return self._told("over", 410)
        reactor.answer(answered.answers)
        return self._next(answered)

    def _next(self, answered: Answered) -> HTMLResponse:
        if answered.next_field is None:
            return self._told("thanks")
        return self._question(answered.asked, answered.next_field, "more", "")

    def _away(self, problem: Exception) -> HTMLResponse:
        log.warning("an answer could not be kept: %s", problem)
        return self._told("away", 503, AGAIN)

    def _question(self, asked: Asked, field: str, word: str, said: str, status: int = 200) -> HTMLResponse:
        question = asked.questions[field]
        values = {"field": field, "question": question, "choices": list(choices_of(question, self.language).items()), "said": said}
        return self._page(word, values, status)

    def _told(self, word: str, status: int = 200, headers: Mapping[str, str] | None = None) -> HTMLResponse:
        return self._page(word, {"question": None}, status, headers)

    def _page(self, word: str, values: Mapping[str, object], status: int, headers: Mapping[str, str] | None = None) -> HTMLResponse:
        frame = {
            "language": self.language,
            "root": "../",
            "sender": self.system.workspace.settings.imprint.legal_name,
            "title": say(self.language, f"answer_title.{word}"),
            "text": say(self.language, f"answer.{word}"),
            "button": say(self.language, "answer_button.send"),
        }
        return page("answers.html", {**frame, **values}, status, headers)
