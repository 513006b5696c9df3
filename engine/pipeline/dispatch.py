"""dispatch: touches that were rung for are claimed a wave at a time and sent, until nothing of them is due or the task has run long enough."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from engine.ledger import restores
from engine.ledger import touches as ledger_touches
from engine.pipeline.room import room_of
from engine.pipeline.wave import send_wave
from engine.pipeline.worker import TASK_SECONDS, Worker, heartbeat
from engine.touches.rate import WAVE
from engine.touches.touch import Touch


def dispatch(worker: Worker, ids: Sequence[str], told_to_stop: Callable[[], bool] = lambda: False) -> Mapping[str, int]:
    """Send what is due of these touches, wave by wave and each of them once, until it is told to stop. Returns how many ended in which state."""
    counts: Counter[str] = Counter()
    open_ids = set(ids)
    clock = worker.system.clock
    over = clock.monotonic() + TASK_SECONDS
    with heartbeat(worker):
        while clock.monotonic() < over and not told_to_stop() and (wave := _claim(worker, sorted(open_ids))):
            left = {touch.id for touch in wave}
            open_ids -= left
            try:
                for touch_id, state in send_wave(worker, wave):
                    counts[state] += 1
                    left.discard(touch_id)
            finally:
                _let_go(worker, sorted(left))
    return counts


def _claim(worker: Worker, ids: Sequence[str]) -> list[Touch]:
    if room_of(worker.system.config).is_low:
        return []
    now, newest = worker.system.clock.now(), worker.system.counterfoils.newest()
    with worker.system.ledger.write() as connection:
        if restores.must_hold(connection, newest):
            return []
        wave = ledger_touches.claim(connection, ids, worker.name, now, now + worker.lease, WAVE)
    worker.in_hand.update(touch.id for touch in wave)
    return wave


def _let_go(worker: Worker, left: Sequence[str]) -> None:
    """Whatever of a wave is still only claimed goes back at once; after a wave that ended well that is nothing."""
    worker.in_hand.clear()
    if left:
        with worker.system.ledger.write() as connection:
            ledger_touches.release(connection, left, worker.name)
