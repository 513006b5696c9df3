"""What mail providers tell of our letters: signed reports (Standard Webhooks), as JSON of our own or as the whole message that came back."""

from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from engine.errors import BansoError
from engine.ledger.open import StoreError
from engine.pipeline.feedback import MESSAGE, take_feedback
from engine.pipeline.room import room_of
from engine.pipeline.system import System
from engine.returns import LARGEST, Unreadable
from engine.wire.body import BadBody
from engine.wire.signature import ID, SIGNATURE, TIMESTAMP, BadSignature
from web.events import Denial, away
from web.requests import STATUS, Gate, Refusal, bytes_of

AT_WORK_MAX = 4  # each may hold a message of 20 MB before it is known who sent it


class Kept(BaseModel):
    """What became of the report. `aside`: it was kept for a person to look at, for the reason given, and changed nothing."""

    success: Literal[True] = True
    result: Literal["kept", "repeated", "aside"]
    reason: str | None = None


ANSWERS: dict[int | str, dict[str, Any]] = {
    400: {"model": Denial, "description": "The body is no report"},
    401: {"model": Denial, "description": "Not signed, signed too long ago, or by nobody that is known"},
    408: {"model": Denial, "description": "The body came too slowly"},
    413: {"model": Denial, "description": "The body is too large"},
    429: {"model": Denial, "description": "Too many requests at once; come again after Retry-After"},
    503: {"model": Denial, "description": "Nothing can be kept just now; come again after Retry-After"},
    507: {"model": Denial, "description": "The disk is nearly full"},
}
TEXT, OBJECT = {"type": "string"}, {"type": "object"}
REPORT = {"type": "object", "required": ["type", "data"], "properties": {"type": {"enum": ["mail.bounced", "mail.complained"]}, "data": OBJECT}}
SIGNED = [{"name": name, "in": "header", "required": True, "schema": TEXT} for name in (ID, TIMESTAMP, SIGNATURE)]
DESCRIBED = {
    "parameters": SIGNED,
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": REPORT}, MESSAGE: {"schema": {"type": "string", "format": "binary"}}},
    },
}


def routes(system: System) -> APIRouter:
    router, gate = APIRouter(tags=["feedback"], responses=ANSWERS), Gate(AT_WORK_MAX)

    @router.post("/v1/feedback", operation_id="feedback", summary="A bounce or a complaint about one of our letters", openapi_extra=DESCRIBED)
    async def feedback(request: Request) -> Kept:
        with gate:
            body = await bytes_of(request, LARGEST)
            return await run_in_threadpool(_take, system, request, body)

    return router


def _take(system: System, request: Request, body: bytes) -> Kept:
    if room_of(system.config).is_low:
        raise Refusal(507, "disk_full", "the disk is nearly full")
    try:
        fate = take_feedback(system, request.headers, body)
    except BadSignature as problem:
        raise Refusal(401, problem.reason, str(problem)) from problem
    except BadBody as problem:
        raise Refusal(STATUS.get(problem.reason, 400), problem.reason, str(problem)) from problem
    except Unreadable as problem:
        raise Refusal(400, problem.reason, str(problem)) from problem
    except (StoreError, BansoError) as problem:
        raise away(problem) from problem
    return Kept(result=fate.word, reason=fate.reason)
