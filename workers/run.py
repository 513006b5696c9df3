"""Runs a worker process: a Celery consumer that sends, and beside it a sweeper, so that nothing depends on a message arriving."""

import logging
import os
import secrets
import signal
import socket
import warnings
from threading import Event, Thread
from types import FrameType

from celery import Celery
from celery.exceptions import SecurityWarning
from celery.signals import setup_logging
from kombu.exceptions import OperationalError

from engine.ledger.open import StoreError
from engine.pipeline.ops import farewell, open_work, sign_of_life
from engine.pipeline.sweep import sweep
from engine.pipeline.system import System
from engine.pipeline.worker import Worker
from workers.app import make_app, ring
from workers.tasks import Busy, register

log = logging.getLogger("banso.worker")
IDLE_ROUNDS = 2  # sweeps without anything to do before a worker that may leave does


def run_worker(system: System, queues: list[str], *, until_idle: bool = False) -> None:
    """Consume the queues until told to stop; with `until_idle`, until nothing is due."""
    warnings.filterwarnings("ignore", category=SecurityWarning)  # Celery warns of root; messages are JSON ids, nothing is unpickled
    logging.getLogger("kombu").setLevel(logging.ERROR)  # a broker of files has no host name, and kombu says so each time
    app = make_app(system.config)
    setup_logging.connect(_leave_logging_alone)
    _ = system.ledger  # opened here: who cannot reach it leaves and is started again, instead of living on with a thread less
    worker, busy, stop = Worker(system, worker_name()), Busy(), Event()
    register(app, worker, busy)
    sweeping = {"name": worker.name, "busy": busy, "stop": stop, "until_idle": until_idle}
    sweeper = Thread(target=_sweep_on, args=(system, app), kwargs=sweeping, name="sweeper", daemon=True)
    signal.signal(signal.SIGTERM, _leave)  # until Celery listens for it
    sweeper.start()
    try:
        _consume(app, worker.name, queues, events=system.config.celery_events)
    finally:
        stop.set()
        sweeper.join(timeout=5)
        worker.close()
        say_farewell(system, worker.name)


def _consume(app: Celery, name: str, queues: list[str], *, events: bool) -> None:
    options = {"without_gossip": True, "without_mingle": True, "without_heartbeat": not events, "task_events": events}
    app.Worker(pool="solo", queues=queues, loglevel="WARNING", hostname=name, quiet=True, **options).start()


def _leave(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def _leave_logging_alone(**_: object) -> None:
    """Celery would bring handlers of its own, past ours and what they strike out."""


def say_farewell(system: System, name: str) -> None:
    """Told to leave, so not missed; a ledger that is away only makes it look silent for a while."""
    try:
        farewell(system, name)
    except StoreError as problem:
        log.warning("ledger away at the end: %s", problem)


def worker_name() -> str:
    """Names the process once in the world: a container that starts again has the same host name and pid."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


def _sweep_on(system: System, app: Celery, *, name: str, busy: Busy, stop: Event, until_idle: bool) -> None:
    idle = 0
    while not stop.is_set():
        try:
            sign_of_life(system, name, busy_since=busy.since)
            idle = 0 if sweep_once(system, app) or open_work(system) else idle + 1
        except StoreError as problem:  # the next round tries again; the store is what must come back, not this loop
            log.warning("ledger away, sweeping goes on: %s", problem)
        if until_idle and idle >= IDLE_ROUNDS:
            os.kill(os.getpid(), signal.SIGTERM)
            return
        stop.wait(min(system.config.sweep_seconds, 0.2) if until_idle else system.config.sweep_seconds)


def sweep_once(system: System, app: Celery) -> bool:
    """One sweep; a broker or a ledger that is away only delays. Returns whether anything was moved."""
    try:
        found = sweep(system, lambda queue, ids: ring(app, system.config, queue, ids))
    except (OperationalError, OSError) as problem:
        log.warning("broker away, sweeping goes on: %s", problem)
        return True
    except StoreError as problem:  # the next round tries again; the store is what must come back, not this loop
        log.warning("ledger away, sweeping goes on: %s", problem)
        return True
    return bool(found.rung or found.released or found.unknown or found.expired)
