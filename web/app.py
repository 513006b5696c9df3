"""The HTTP application: is the process alive, can it work, does the deployment do its work, and the numbers of it all."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any, TypeVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from engine.errors import BansoError
from engine.pipeline.keys import Keyring
from engine.pipeline.ops import Status, gauges, lateness, open_work, status
from engine.pipeline.system import System
from web import answers, clicks, events, feedback, helpsite, refusal, screen, script
from web.metrics import CONTENT_TYPE_LATEST, written
from web.reactor import Reactor
from web.requests import Gate, as_refusal, refusal_to

log = logging.getLogger("banso.web")
UNAVAILABLE = 503

Body = Mapping[str, Any]
Answer = TypeVar("Answer", bound=Response)


def make_app(system: System, reactor: Reactor, gate: Gate) -> FastAPI:
    """The application for a deployment. Without the pages that explain the API: they load scripts from other people's servers."""
    app = FastAPI(title="banso", docs_url=None, redoc_url=None)
    app.include_router(events.routes(system, Keyring(system), reactor, gate))
    app.include_router(screen.routes(system, reactor, Gate(gate.at_most)))  # a gate of its own: a burst of events takes no popup's place
    app.include_router(script.routes())
    app.include_router(refusal.routes(system))
    app.include_router(answers.routes(system, reactor))
    app.include_router(clicks.routes(system, reactor))
    app.include_router(feedback.routes(system))
    app.include_router(helpsite.routes(system, reactor))
    app.add_exception_handler(HTTPException, partial(_refused, system))
    app.add_exception_handler(RequestValidationError, partial(_refused, system))

    @app.get("/live")
    async def live() -> dict[str, str]:
        """The process answers; nothing else is looked at, so that an absent ledger does not get it killed."""
        return {"status": "ok"}

    @app.get("/ready")
    def ready() -> JSONResponse:
        """Whether ledger and workspace can be worked with. Late touches do not matter here: workers wait for a web that is ready."""
        return _answer(lambda: JSONResponse(_readiness(system)))

    @app.get("/health")
    def health() -> JSONResponse:
        """Whether the deployment does its work: it is ready, nothing is held after a restore, and no touch is due for longer than BANSO_LATE_SECONDS."""
        return _answer(lambda: _health(system))

    @app.get("/metrics", response_class=Response, responses={200: {"content": {CONTENT_TYPE_LATEST: {}}}})
    def metrics() -> Response:
        return _answer(lambda: Response(written(gauges(system)), media_type=CONTENT_TYPE_LATEST))

    @app.get("/status")
    def numbers() -> JSONResponse:
        """Queues and sources in numbers; instants are microseconds UTC."""
        return _answer(lambda: JSONResponse(_numbers(status(system))))

    return app


async def _refused(system: System, request: Request, problem: Exception) -> Response:
    """Every no has the same form, also where the framework says it."""
    return refusal_to(request, as_refusal(problem), system.config.popup_origins)


def _answer(ask: Callable[[], Answer]) -> Answer | JSONResponse:
    """What `ask` found, or 503. The reason is codes and names only: messages may quote hosts, users or customers."""
    try:
        return ask()
    except BansoError as error:
        log.warning("not ready: %s", error)
        reason = " ".join(sorted({fault.code for fault in error.faults}))
    except Exception as error:  # noqa: BLE001 - the answer to a probe is no, whatever the store's driver raises
        log.warning("not ready: %s", error)
        reason = type(error).__name__
    return JSONResponse({"status": "unavailable", "reason": reason}, UNAVAILABLE)


def _readiness(system: System) -> Body:
    """Reads a table, as a ledger that answers may still be empty. A workspace that broke later is served from its last good state and counted."""
    open_work(system)
    rules = len(system.workspace.plan.rules)
    return {"status": "ready", "rules": rules, "workspace_faults": len(system.faults)}


def _health(system: System) -> JSONResponse:
    ready, found = _readiness(system), lateness(system)
    word = "held" if found.is_held else "late" if found.is_late else "ok"
    return JSONResponse({**ready, "status": word, "oldest_due_seconds": round(found.seconds)}, 200 if word == "ok" else UNAVAILABLE)


def _numbers(found: Status) -> Body:
    """Names of sources, states and scopes as keys, numbers as values: a pause may carry an account's name, a worker its host's."""
    return {
        "states": dict(found.states),
        "due": found.due,
        "next_due": found.next_due,
        "oldest_due": found.oldest_due,
        "unknown_since": found.unknown_since,
        "unfinished": len(found.unfinished),
        "restored": found.restored is not None,
        "disk_low": found.room.is_low,
        "workers": sum(each.condition == "alive" for each in found.workers),
        "lost": sum(each.condition != "alive" for each in found.workers),
        "breakers": len(found.breakers),
        "pauses": dict(Counter(pause.scope for pause in found.pauses)),
        "loads": {load.source: {name: value for name, value in asdict(load).items() if name != "source"} for load in found.loads},
        "stale": len(found.stale),
        "quarantine": dict(found.quarantine),
        "strangers": found.strangers,
        "returned": dict(found.returned),
    }
