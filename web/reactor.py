"""Answers records beside the requests that brought them: the rules that wait are judged and what is due is rung for."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Semaphore

from engine.ledger.dues import Due
from engine.ledger.open import StoreError
from engine.pipeline.folds import Recent
from engine.pipeline.queues import queues_for
from engine.pipeline.realtime import react
from engine.pipeline.system import System

log = logging.getLogger("banso.reactor")
WAITING_MAX = 2_000  # records; the sweep answers what is beyond, half a minute later

Ring = Callable[[str, list[str]], None]


class Reactor:
    """One thread that judges. What it does not come to, or dies over, the sweep does: the rows that say so were kept with the records."""

    def __init__(self, system: System, ring: Ring) -> None:
        self._system, self._ring = system, ring
        self.recent = Recent()
        self._pool = ThreadPoolExecutor(1, "reactor")
        self._room = Semaphore(WAITING_MAX)

    def answer(self, answers: Sequence[Sequence[Due]]) -> None:
        """Returns at once."""
        for dues in answers:
            if self._room.acquire(blocking=False):
                self._pool.submit(self._react, dues)

    def answer_now(self, answers: Sequence[Sequence[Due]]) -> None:
        """Judge before going on: what the page shows next rests on it."""
        for dues in answers:
            if self._room.acquire(blocking=False):
                self._react(dues)

    def _react(self, dues: Sequence[Due]) -> None:
        try:
            touches = react(self._system, dues, self.recent).touches
            for queue, ids in queues_for(self._system, touches, self._system.clock.now()).items():
                self._ring(queue, ids)
        except (StoreError, OSError) as problem:
            log.warning("not answered, left to the sweep: %s", problem)
        except Exception:  # whatever a record brings about: the sweep looks at it again, and puts it off if that fails too
            log.exception("not answered, left to the sweep: %s", [due.rule for due in dues])
        finally:
            self._room.release()

    def close(self) -> None:
        """What waits is judged first; should the process be ended before that, the sweep does the rest."""
        self._pool.shutdown()
