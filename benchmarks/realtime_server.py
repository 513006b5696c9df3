"""The two servers that `benchmarks.realtime` asks, one process each: the product's web door, and the bare form of the same work.

`python -m benchmarks.realtime_server product|bare PORT RINGS`: settings come from the environment; RINGS is a file that gets a line for each touch
that was rung for, with the instant on the machine's monotonic clock, and at the end what the time was spent on.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TextIO

import uvicorn
from fastapi import Body, FastAPI
from sqlalchemy import event, select, text
from sqlalchemy.dialects.postgresql import insert

from engine.config import Config
from engine.ledger.tables import tail, touches
from engine.pipeline import folds
from engine.pipeline.ops import open_work
from engine.pipeline.system import System
from engine.records.record import bucket_of
from engine.rulebook.python import Evaluator
from web.app import make_app
from web.reactor import Reactor
from web.requests import Gate

SPENT: dict[str, float] = {}


def main(arguments: Sequence[str]) -> None:
    kind, port, rings = arguments
    config = Config()
    system = System(config, config.clock())
    open_work(system)
    with Path(rings).open("w", encoding="utf-8", buffering=1) as out:
        if kind == "bare":
            _run(bare(system), int(port))
        else:
            reactor = Reactor(system, lambda _, ids: _rung(system, out, ids))
            watch(system)
            app = make_app(system, reactor, Gate())
            _run(app, int(port))
            reactor.close()
        out.write(json.dumps({"spent": SPENT}) + "\n")
    system.close()


def _run(app: Any, port: int) -> None:
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


def _rung(system: System, out: TextIO, ids: Sequence[str]) -> None:
    """The doorbell of the benchmark. Whose touch it is is looked up after the clock was read."""
    now = time.monotonic()
    with system.ledger.read() as connection:
        accounts = connection.scalars(select(touches.c.account_id).where(touches.c.id.in_(ids))).all()
    out.writelines(json.dumps({"account": account, "at": now}) + "\n" for account in accounts)


def watch(system: System) -> None:
    """Count the seconds that judging an event spends in the ledger, on folds and on rules."""
    engine = system.ledger.engine
    begun: list[float] = []
    event.listen(engine, "before_cursor_execute", lambda *_: begun.append(time.perf_counter()))
    event.listen(engine, "after_cursor_execute", lambda *_: _add("ledger", time.perf_counter() - begun.pop()))
    for owner, name in ((folds, "parse"), (folds, "dump"), (folds, "bring_up")):
        setattr(owner, name, _timed("folds", getattr(owner, name)))
    Evaluator.answer = _timed("rules", Evaluator.answer)  # type: ignore[method-assign]  # to be counted
    folds.Recent.judge = _timed("judging", folds.Recent.judge)  # type: ignore[method-assign]


def _add(what: str, seconds: float) -> None:
    SPENT[what] = SPENT.get(what, 0.0) + seconds


def _timed(what: str, work: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(work)
    def timed(*given: Any, **named: Any) -> Any:
        began = time.perf_counter()
        try:
            return work(*given, **named)
        finally:
            _add(what, time.perf_counter() - began)

    return timed


def bare(system: System) -> FastAPI:
    """The same messages put into a table with the same columns and indexes, one transaction a request; and one row by its key."""
    app, table = FastAPI(), tail.to_metadata(type(tail.metadata)(), name="bare_tail")

    def row(message: dict[str, Any], now: int) -> dict[str, Any]:
        account = message["context"]["groupId"]
        known = {"bucket": bucket_of(account), "source": "product", "source_id": message["messageId"], "account_id": account, "occurred_at": now}
        return {**known, "known_at": now, "contact_id": message["userId"], "event": message["event"], "properties": json.dumps(message["properties"])}

    def keep(messages: list[dict[str, Any]]) -> int:
        now = system.clock.now()
        with system.ledger.write() as connection:
            connection.execute(insert(table).on_conflict_do_nothing(), [row(message, now) for message in messages])
        return len(messages)

    @app.post("/v1/track")
    def track(message: Annotated[dict[str, Any], Body()]) -> dict[str, int]:
        return {"accepted": keep([message])}

    @app.post("/v1/batch")
    def batch(body: Annotated[dict[str, Any], Body()]) -> dict[str, int]:
        return {"accepted": keep(body["batch"])}

    @app.get("/v1/next-action")
    def one_row() -> dict[str, Any]:
        with system.ledger.read() as connection:
            found = connection.execute(text("SELECT id, rule, state FROM touches WHERE id = (SELECT min(id) FROM touches)")).mappings().one()
        return dict(found)

    return app


if __name__ == "__main__":
    main(sys.argv[1:])
