"""The HTTP application: is the process alive, can it work, and how much is waiting."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse

from engine.errors import BansoError
from engine.pipeline.ops import Status, open_work, status
from engine.pipeline.system import System

log = logging.getLogger("banso.web")
UNAVAILABLE = 503

Body = Mapping[str, Any]


def make_app(system: System) -> FastAPI:
    """The application for a deployment. Without the pages that explain the API: they load scripts from other people's servers."""
    app = FastAPI(title="banso", docs_url=None, redoc_url=None)

    @app.get("/health")
    async def health() -> dict[str, str]:
        """The process answers; nothing else is looked at, so that an absent ledger does not get it killed."""
        return {"status": "ok"}

    @app.get("/ready")
    def ready() -> JSONResponse:
        """Whether ledger and workspace can be worked with."""
        return _answer(lambda: _readiness(system))

    @app.get("/status")
    def numbers() -> JSONResponse:
        """Queues and sources in numbers; instants are microseconds UTC."""
        return _answer(lambda: _numbers(status(system)))

    return app


def _answer(ask: Callable[[], Body]) -> JSONResponse:
    """What `ask` found, or 503. The reason is codes and names only: messages may quote hosts, users or customers, so they go to the log."""
    try:
        return JSONResponse(ask())
    except BansoError as error:
        log.warning("not ready: %s", error)
        reason = " ".join(sorted({fault.code for fault in error.faults}))
    except Exception as error:  # noqa: BLE001 - the answer to a probe is no, whatever the store's driver raises
        log.warning("not ready: %s: %s", type(error).__name__, error)
        reason = type(error).__name__
    return JSONResponse({"status": "unavailable", "reason": reason}, UNAVAILABLE)


def _readiness(system: System) -> Body:
    """Reads a table, as a ledger that answers may still be empty. A workspace that broke later is served from its last good state and counted."""
    open_work(system)
    rules = len(system.workspace.plan.rules)
    return {"status": "ready", "rules": rules, "workspace_faults": len(system.faults)}


def _numbers(found: Status) -> Body:
    """Names of sources, states and scopes as keys, numbers as values: a pause may carry an account's name, a worker its host's."""
    return {
        "states": dict(found.states),
        "due": found.due,
        "next_due": found.next_due,
        "workers": len(found.workers),
        "pauses": dict(Counter(pause.scope for pause in found.pauses)),
        "loads": {load.source: {name: value for name, value in asdict(load).items() if name != "source"} for load in found.loads},
        "stale": len(found.stale),
        "quarantine": dict(found.quarantine),
    }
