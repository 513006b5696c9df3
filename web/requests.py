"""How requests of products come in: bounded in bytes, counted while they are at work, known by their key."""

import asyncio
import base64
import binascii
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from fastapi import HTTPException, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as AnyHTTPException

from engine.wire.body import LARGEST, BadBody, parsed, unpacked

AT_WORK_MAX = 64  # requests of one process; the next are asked to come again
AGAIN_SECONDS = "1"
LONGEST_VALUE = 1_000  # characters of one field of a form
LONGEST_FORM = 10_000  # bytes; what a provider posts has 26, ours fewer
BODY_SECONDS = 20  # who sends slower would hold a place that others need
STATUS = {"too_large": 413, "not_gzip": 400}
REASONS = {400: "bad_request", 404: "not_found", 405: "method_not_allowed"}  # of the framework's own refusals
IN_THE_BODY = ("writeKey", "write_key", "api_key", "token")  # where Segment's and PostHog's clients put the key


class Refusal(HTTPException):
    """An answer that says no: `reason` for programs, `message` for whoever reads the log of the client."""

    def __init__(self, status: int, reason: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, {"success": False, "reason": reason, "message": message}, dict(headers or {}))


def as_refusal(problem: Exception) -> Refusal:
    """What the framework refuses, in our form: an unknown path, another method, a body that is none."""
    if isinstance(problem, Refusal):
        return problem
    if isinstance(problem, AnyHTTPException):
        status, said = problem.status_code, str(problem.detail)
        return Refusal(status, REASONS.get(status, "refused"), said, problem.headers)
    return Refusal(422, "not_as_described", "the request is not as /openapi.json describes it")


def refusal_to(request: Request, problem: Refusal, origins: frozenset[str]) -> JSONResponse:
    """A refusal that the page's script may read, if it is a page of the product."""
    headers, origin = dict(problem.headers or {}), request.headers.get("origin")
    if origin in origins:
        headers |= {"Access-Control-Allow-Origin": str(origin), "Access-Control-Expose-Headers": "Retry-After", "Vary": "Origin"}
    return JSONResponse({"detail": problem.detail}, problem.status_code, headers)


async def form_of(request: Request) -> dict[str, list[str]]:
    """What was posted by a page's form, as far as it matters: who posts more, or never ends, is answered all the same."""
    found = bytearray()
    with suppress(TimeoutError):
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                found += chunk[: LONGEST_FORM - len(found)]
                if len(found) == LONGEST_FORM:
                    break
    said = parse_qs(found.decode(errors="replace"))
    return {name: [value.replace("\0", "")[:LONGEST_VALUE] for value in values] for name, values in said.items()}


@dataclass
class Gate:
    """How many requests are at work. Beyond the bound they are refused at once, as waiting ones would only be given up by their clients."""

    at_most: int = AT_WORK_MAX
    at_work: int = field(default=0, init=False)

    def __enter__(self) -> None:
        if self.at_work >= self.at_most:
            raise Refusal(429, "busy", "too many requests at once; come again", {"Retry-After": AGAIN_SECONDS})
        self.at_work += 1

    def __exit__(self, *_: object) -> None:
        self.at_work -= 1


async def body_of(request: Request) -> dict[str, Any]:
    """The JSON object of a request. Raises Refusal before more than the limit was read."""
    packed = await bytes_of(request, LARGEST)
    try:
        return parsed(unpacked(packed, request.headers.get("content-encoding", "").strip().lower()))
    except BadBody as problem:
        raise Refusal(STATUS.get(problem.reason, 400), problem.reason, str(problem)) from problem


async def bytes_of(request: Request, most: int) -> bytes:
    """The body as it came. Raises Refusal where it is longer than that, or comes too slowly."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return bytes(await _read(request, most))
    except TimeoutError as problem:
        raise Refusal(408, "too_slow", f"the body did not come within {BODY_SECONDS} seconds") from problem


async def _read(request: Request, most: int) -> bytearray:
    packed = bytearray()
    async for chunk in request.stream():
        packed += chunk
        if len(packed) > most:
            raise Refusal(413, "too_large", f"more than {most:,} bytes")
    return packed


def secret_of(request: Request, body: Mapping[str, Any]) -> str:
    """The key a request came with: as user of Basic, as Bearer, or in the body. Empty where there is none."""
    scheme, _, said = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return said.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(said, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return next((found for name in IN_THE_BODY if isinstance(found := body.get(name), str)), "")
