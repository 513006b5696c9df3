"""Runs a worker process: a Celery consumer that sends, and beside it a sweeper, so that nothing depends on a message arriving."""

import logging
import os
import signal
import warnings
from threading import Event, Thread
from types import FrameType

from celery import Celery
from celery.exceptions import SecurityWarning
from celery.signals import setup_logging
from kombu.exceptions import OperationalError

from engine.ledger.open import StoreError
from engine.pipeline.ops import open_work
from engine.pipeline.sweep import sweep
from engine.pipeline.system import System
from engine.pipeline.worker import Worker
from workers.app import make_app, ring
from workers.rounds import CONSUMER, SWEEPER, Rounds, comes_round
from workers.signs import process_name, signs_of_life
from workers.tasks import register

log = logging.getLogger("banso.worker")
IDLE_ROUNDS = 2  # sweeps without anything to do before a worker that may leave does


def run_worker(system: System, queues: list[str], *, until_idle: bool = False) -> None:
    """Consume the queues until told to stop; with `until_idle`, until nothing is due."""
    warnings.filterwarnings("ignore", category=SecurityWarning)  # Celery warns of root; messages are JSON ids, nothing is unpickled
    logging.getLogger("kombu").setLevel(logging.ERROR)  # a broker of files has no host name, and kombu says so each time
    app = make_app(system.config)
    setup_logging.connect(_leave_logging_alone)
    _ = system.ledger  # opened here: who cannot reach it leaves and is started again, instead of living on with a thread less
    worker, rounds, stop = Worker(system, process_name()), Rounds(system.clock), Event()
    register(app, worker, rounds)
    app.steps["consumer"].add(comes_round(rounds))
    sweeping = {"rounds": rounds, "stop": stop, "until_idle": until_idle}
    sweeper = Thread(target=_sweep_on, args=(system, app), kwargs=sweeping, name="sweeper", daemon=True)
    signal.signal(signal.SIGTERM, _leave)  # until Celery listens for it
    rounds.begin(CONSUMER)
    with signs_of_life(system, worker.name, "worker", rounds.busy_since):
        sweeper.start()
        try:
            consume(app, worker.name, queues, events=system.config.celery_events)
        finally:
            stop.set()
            sweeper.join(timeout=5)
            worker.close()


def consume(app: Celery, name: str, queues: list[str], *, events: bool) -> None:
    """Take messages and do what they ask until told to stop."""
    options = {"without_gossip": True, "without_mingle": True, "without_heartbeat": not events, "task_events": events}
    app.Worker(pool="solo", queues=queues, loglevel="WARNING", hostname=name, quiet=True, **options).start()


def _leave(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def _leave_logging_alone(**_: object) -> None:
    """Celery would bring handlers of its own, past ours and what they strike out."""


def _sweep_on(system: System, app: Celery, *, rounds: Rounds, stop: Event, until_idle: bool) -> None:
    idle = 0
    while not stop.is_set():
        try:
            rounds.begin(SWEEPER)
            idle = 0 if sweep_once(system, app) or open_work(system) else idle + 1
        except StoreError as problem:  # the next round tries again; the store is what must come back, not this loop
            log.warning("ledger away, sweeping goes on: %s", problem)
        if until_idle and idle >= IDLE_ROUNDS:
            rounds.rest(SWEEPER)
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
