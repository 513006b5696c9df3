"""The next action for whoever is on the customer's screen, and what he did with it: for the popup's script on the product's pages."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from engine.channels.question import Question, choices_of
from engine.errors import BansoError
from engine.ledger.open import StoreError
from engine.messages import Language, say
from engine.pipeline.screen import NextAction, Word, next_action, respond
from engine.pipeline.system import System
from engine.pipeline.visitors import NoVisitor, Visitor, visitor_of
from web.events import Denial, away
from web.reactor import Reactor
from web.requests import Gate, Refusal

PATH = "/v1/next-action"
PREFLIGHT_SECONDS = "600"


class LinkTold(BaseModel):
    label: str
    url: str


class Choice(BaseModel):
    value: str
    label: str


class QuestionTold(BaseModel):
    """`form`: one, many, yes_no, number, date or text; choices for the first three."""

    form: str
    choices: list[Choice]


class Words(BaseModel):
    """What stands on and around a popup's buttons, in the language of its texts."""

    later: str
    close: str
    send: str
    thanks: str
    no_answer: str
    not_sent: str
    new_tab: str
    notice: str


class ActionTold(BaseModel):
    """One popup in plain texts. `language` is that of all of them: ja or en."""

    id: str
    language: str
    words: Words
    title: str
    paragraphs: list[str]
    link: LinkTold | None
    question: QuestionTold | None


class Shown(BaseModel):
    """What to show now, if anything."""

    action: ActionTold | None


class Answered(BaseModel):
    """What the visitor said: one text, or the values he chose."""

    value: str | list[str] = ""


class Kept(BaseModel):
    kept: bool = True


ANSWERS: dict[int | str, dict[str, Any]] = {
    400: {"model": Denial, "description": "That is none of the answers"},
    401: {"model": Denial, "description": "No token"},
    422: {"model": Denial, "description": "The request is not as described here"},
    403: {"model": Denial, "description": "The token tells nobody, or the page is not one of BANSO_ORIGINS"},
    410: {"model": Denial, "description": "It may not be shown any more"},
    429: {"model": Denial, "description": "Too many requests at once; come again after Retry-After"},
    503: {"model": Denial, "description": "Nothing can be told just now; come again after Retry-After"},
}
Bearer = Annotated[str, Header(description="`Bearer` and the token that the product's server minted")]


def routes(system: System, reactor: Reactor, gate: Gate) -> APIRouter:
    router = APIRouter(tags=["screen"], responses=ANSWERS)
    origins = system.config.popup_origins

    @router.get(PATH, operation_id="next_action")
    async def look(request: Request, response: Response, authorization: Bearer = "") -> Shown:
        """What to show to the signed-in user now. Changes nothing, so it may be asked as often as you like."""
        _let_in(request, response, origins)
        with gate:
            found = await run_in_threadpool(_told, system, reactor, authorization)
        return Shown(action=None if found is None else _action(found, system.workspace.settings.workspace.language))

    @router.post(f"{PATH}/{{touch}}/{{word}}", operation_id="respond")
    async def act(request: Request, response: Response, touch: str, word: Word, said: Answered | None = None, authorization: Bearer = "") -> Kept:
        """What the user did with it: shown, clicked, answered, later or closed. Told twice it counts once."""
        _let_in(request, response, origins)
        with gate:
            await run_in_threadpool(_respond, system, reactor, authorization, touch, word, said or Answered())
        return Kept()

    @router.options(PATH, include_in_schema=False)
    @router.options(f"{PATH}/{{touch}}/{{word}}", include_in_schema=False)
    async def preflight(request: Request) -> Response:
        answer = Response(status_code=204)
        _let_in(request, answer, origins)
        answer.headers.update(
            {
                "Access-Control-Allow-Methods": "GET, POST",
                "Access-Control-Allow-Headers": "authorization, content-type",
                "Access-Control-Max-Age": PREFLIGHT_SECONDS,
            }
        )
        return answer

    return router


def _let_in(request: Request, response: Response, origins: frozenset[str]) -> None:
    """Pages of the product only, by their exact origin; no cookies are asked for or given."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Origin"
    origin = request.headers.get("origin")
    if origin is None:
        return
    if origin not in origins:
        raise Refusal(403, "other_page", "this page is not one of BANSO_ORIGINS")
    response.headers["Access-Control-Allow-Origin"] = origin


def _visitor(system: System, authorization: str) -> Visitor:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refusal(401, "no_token", "Authorization: Bearer and a token that the product's server minted", {"WWW-Authenticate": "Bearer"})
    try:
        return visitor_of(system, token.strip())
    except NoVisitor as problem:
        raise Refusal(403, "no_visitor", str(problem)) from problem


def _told(system: System, reactor: Reactor, authorization: str) -> NextAction | None:
    try:
        return next_action(system, _visitor(system, authorization), reactor.recent)
    except (StoreError, BansoError) as problem:
        raise away(problem) from problem


def _respond(system: System, reactor: Reactor, authorization: str, touch: str, word: Word, said: Answered) -> None:
    value = said.value if isinstance(said.value, str) else ",".join(said.value)
    try:
        response = respond(system, _visitor(system, authorization), touch, word, value)
    except (StoreError, BansoError) as problem:
        raise away(problem) from problem
    if response.kind == "gone":
        raise Refusal(410, "gone", "it may not be shown any more")
    if response.kind == "no_answer":
        raise Refusal(400, "no_answer", "that is none of the answers")
    reactor.answer(response.answers)


def _action(found: NextAction, language: Language) -> ActionTold:
    screen = found.screen
    link = LinkTold(label=screen.link.label, url=screen.link.url) if screen.link else None
    question = _question(screen.question, language) if screen.question else None
    texts = list(screen.paragraphs)
    return ActionTold(
        id=found.touch_id, language=language, words=_words(language), title=screen.title, paragraphs=texts, link=link, question=question
    )


def _question(asked: Question, language: Language) -> QuestionTold:
    choices = [Choice(value=each, label=words) for each, words in choices_of(asked, language).items()]
    return QuestionTold(form=asked.form, choices=choices)


def _words(language: Language) -> Words:
    return Words(
        later=say(language, "screen.later"),
        close=say(language, "screen.close"),
        send=say(language, "screen.send"),
        thanks=say(language, "screen.thanks"),
        no_answer=say(language, "screen.no_answer"),
        not_sent=say(language, "screen.not_sent"),
        new_tab=say(language, "screen.new_tab"),
        notice=say(language, "screen.notice"),
    )
