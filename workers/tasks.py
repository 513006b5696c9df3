"""Tasks: ids in, nothing out. The ledger knows what is due and what became of it."""

import logging

from celery import Celery

from engine.ledger.open import StoreError, problem_of
from engine.pipeline.dispatch import dispatch
from engine.pipeline.worker import Worker

log = logging.getLogger("banso.worker")
AWAY_SECONDS = 1.0  # before the next message, else all that wait would be spent on a ledger that is away


def register(app: Celery, worker: Worker) -> None:
    """Bind the tasks to one worker process's connections."""

    @app.task(name="dispatch")  # type: ignore[untyped-decorator]  # Celery has no types
    def _dispatch(ids: list[str]) -> None:
        try:
            dispatch(worker, ids)
        except StoreError as problem:  # the sweep rings for these again
            log.warning("ledger away, %s touches wait: %s", len(ids), problem_of(problem))
            worker.system.clock.sleep(AWAY_SECONDS)
