"""The web door in a test: asked without a port, or served on one for clients that need it."""

import asyncio
import base64
import gzip
import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Thread
from typing import Any

import httpx
import uvicorn
from starlette.types import ASGIApp

from engine.ledger import records as ledger_records
from engine.ledger.keys import Key
from engine.pipeline.keys import add_key
from engine.pipeline.system import System
from engine.records.record import COLUMNS, Record
from web.app import make_app
from web.reactor import Reactor
from web.requests import Gate

KEY = "bk_a-key-of-a-test"


def a_key(system: System, *sources: str, secret: str = KEY, scopes: frozenset[str] = frozenset({"ingest"}), **more: Any) -> str:
    sources = sources or ("product", "help", "hearing", "crm", "sfa")
    add_key(system, secret, Key(f"app-{secret[-4:]}", scopes, sources, system.clock.now(), "tanaka", **more))
    return secret


class Web:
    """Asks the application itself. `rung` is what it rang for, by queue."""

    def __init__(self, system: System, at_most: int = 64) -> None:
        self.rung: dict[str, list[str]] = {}
        self._reactor = Reactor(system, lambda queue, ids: self.rung.setdefault(queue, []).extend(ids))
        self.app = make_app(system, self._reactor, Gate(at_most))

    def come_to_rest(self) -> None:
        """Everything that was told is answered; after this nothing is any more."""
        self._reactor.close()

    def post(self, path: str, body: Any, *, key: str | None = KEY, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """`body`: bytes as they are, anything else as JSON."""
        basic = {"Authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()} if key else {}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask("POST", path, content=content, headers={"Content-Type": "application/json", **basic, **(headers or {})})

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        return asyncio.run(self._ask(method, path, more))

    async def _ask(self, method: str, path: str, more: Mapping[str, Any]) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://banso") as client:
            return await client.request(method, path, **more)


def packed(body: Any) -> bytes:
    return gzip.compress(json.dumps(body).encode())


def records_of(system: System, account: str) -> list[Record]:
    """What the log says of an account, in the order it came."""
    with system.ledger.read() as connection:
        rows = ledger_records.snapshot(connection, accounts=[account]).tail
    return [Record(**{name: row[name] for name in COLUMNS}) for row in rows]


@contextmanager
def served(system: System, around: Callable[[ASGIApp], ASGIApp] = lambda app: app) -> Iterator[str]:
    """The application on a port of this machine, with something around it."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        reactor = Reactor(system, lambda *_: None)
        config = uvicorn.Config(around(make_app(system, reactor, Gate())), log_config=None, access_log=False)
        server = uvicorn.Server(config)
        thread = Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not server.started and thread.is_alive():
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)
            reactor.close()
