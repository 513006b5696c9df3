"""Tasks: ids in, nothing out. The ledger knows what is due and what became of it."""

from celery import Celery

from engine.pipeline.dispatch import dispatch
from engine.pipeline.worker import Worker


def register(app: Celery, worker: Worker) -> None:
    """Bind the tasks to one worker process's connections."""

    @app.task(name="dispatch")  # type: ignore[untyped-decorator]  # Celery has no types
    def _dispatch(ids: list[str]) -> None:
        dispatch(worker, ids)
