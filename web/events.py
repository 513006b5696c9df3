"""What products tell: the Segment HTTP calls and PostHog's, as their clients send them."""

import logging
from collections.abc import Mapping
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from engine.errors import BansoError
from engine.ledger.open import StoreError, is_full
from engine.pipeline.ingest import Taken, ingest
from engine.pipeline.keys import Keyring
from engine.pipeline.room import room_of
from engine.pipeline.system import System
from engine.records.intake import Reason
from engine.wire import FORMATS
from engine.wire.form import BATCH, MANY, TEXT, Call
from engine.wire.message import Unreadable
from web.reactor import Reactor
from web.requests import Gate, Refusal, body_of, secret_of

log = logging.getLogger("banso.web")
LONGEST_BATCH = 5_000  # messages


class Aside(BaseModel):
    """A message that was kept aside, by its place in the batch."""

    index: int
    reason: str
    message: str


class Told(BaseModel):
    """What became of the messages. They are kept by the time this is said."""

    success: Literal[True] = True
    accepted: int
    repeated: int
    waiting: int
    refused: list[Aside] = []


class Denied(BaseModel):
    """Why nothing of the request was kept."""

    success: Literal[False] = False
    reason: str
    message: str


class Denial(BaseModel):
    detail: Denied


ANSWERS: dict[int | str, dict[str, Any]] = {
    400: {"model": Denial, "description": "The body cannot be read, or its one message cannot be a record"},
    401: {"model": Denial, "description": "No key, or one that is not in force"},
    403: {"model": Denial, "description": "The key is not for sending events"},
    408: {"model": Denial, "description": "The body came too slowly"},
    409: {"model": Denial, "description": "The same messageId came before and said something else"},
    413: {"model": Denial, "description": "The body is too large"},
    429: {"model": Denial, "description": "Too many requests at once; come again after Retry-After"},
    503: {"model": Denial, "description": "Nothing can be kept just now; come again after Retry-After"},
    507: {"model": Denial, "description": "The disk is nearly full"},
}
SHAPES: Mapping[str, Mapping[str, Any]] = {TEXT: {"type": "string", "minLength": 1}, MANY: {"type": "array", "items": {"type": "object"}}}


def routes(system: System, keys: Keyring, reactor: Reactor, gate: Gate) -> APIRouter:
    router = APIRouter(tags=["events"], responses=ANSWERS)

    async def take(request: Request, form: str, call: str) -> Told:
        with gate:
            body = await body_of(request)
            taken = await run_in_threadpool(_take, system, keys, secret_of(request, body), form, call, body)
        reactor.answer(taken.answers)
        refused = [Aside(index=each.index, reason=each.reason, message=each.why) for each in taken.refused]
        return Told(accepted=taken.accepted, repeated=taken.repeated, waiting=taken.waiting, refused=refused)

    def add(form: str, name: str, call: Call) -> None:
        async def told(request: Request) -> Told:
            return await take(request, form, name)

        router.add_api_route(call.path, told, methods=["POST"], operation_id=f"{form}_{name}", summary=call.says, openapi_extra=_body(call))

    for form, spoken in FORMATS.items():
        for name, call in spoken.calls.items():
            add(form, name, call)
    return router


def _body(call: Call) -> dict[str, Any]:
    """What must be in a body at least, for those who read the OpenAPI document."""
    properties = {key: SHAPES[shape] for key, shape in call.needs.items()}
    schema = {"type": "object", "required": list(properties), "properties": properties}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _take(system: System, keys: Keyring, secret: str, form: str, call: str, body: Mapping[str, Any]) -> Taken:
    """Raises Refusal where nothing of the request was kept."""
    try:
        key = keys.find(secret)
        if key is None:
            raise Refusal(401, "no_key", "the key is missing or not in force", {"WWW-Authenticate": 'Basic realm="banso"'})
        if "ingest" not in key.scopes:
            raise Refusal(403, "not_for_that", "the key is not for sending events")
        if room_of(system.config).is_low:
            raise Refusal(507, "disk_full", "the disk is nearly full")
        messages = FORMATS[form].read(call, body)
        if len(messages) > LONGEST_BATCH:
            raise Refusal(413, "too_large", f"more than {LONGEST_BATCH:,} messages in a batch")
        taken = ingest(system, key, messages)
    except Unreadable as problem:
        raise Refusal(400, problem.reason, str(problem)) from problem
    except (StoreError, BansoError) as problem:
        raise away(problem) from problem
    if call != BATCH and taken.refused:
        (refused,) = taken.refused
        raise Refusal(409 if refused.reason is Reason.CONFLICTING_REPEAT else 400, refused.reason, refused.why)
    return taken


def away(problem: Exception) -> Refusal:
    """What is said while the ledger cannot keep or tell anything, or the deployment is not set up for it; why stands in the log."""
    log.warning("not answered: %s", problem)
    if is_full(problem):
        return Refusal(507, "disk_full", "the disk is full")
    return Refusal(503, "unavailable", "nothing can be kept just now", {"Retry-After": "5"})
