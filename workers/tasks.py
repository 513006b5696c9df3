"""Tasks: ids in, nothing out. The ledger knows what is due and what became of it."""

import logging

from celery import Celery
from celery.worker import state as consumer

from engine.ledger.open import StoreError, problem_of
from engine.pipeline.dispatch import dispatch
from engine.pipeline.worker import Worker
from workers.rounds import CONSUMER, Rounds

log = logging.getLogger("banso.worker")
AWAY_SECONDS = 1.0  # before the next message, else all that wait would be spent on a ledger that is away


def register(app: Celery, worker: Worker, rounds: Rounds) -> None:
    """Bind the tasks to one worker process's connections."""

    @app.task(name="dispatch")  # type: ignore[untyped-decorator]  # Celery has no types
    def _dispatch(ids: list[str]) -> None:
        rounds.begin(CONSUMER)
        try:
            dispatch(worker, ids, _told_to_stop)
        except StoreError as problem:  # the sweep rings for these again
            log.warning("ledger away, %s touches wait: %s", len(ids), problem_of(problem))
            worker.system.clock.sleep(AWAY_SECONDS)
        finally:
            rounds.begin(CONSUMER)


def _told_to_stop() -> bool:
    """Celery finishes the task at hand when it is told to stop; it ends with the wave, and the sweep rings for what is left."""
    return consumer.should_stop is not None
