"""sweep: what keeps the touches moving without trusting the broker. Everything it does can be done twice."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from engine.calendar import SECOND
from engine.config import Config
from engine.errors import BansoError
from engine.ledger import records as ledger_records
from engine.ledger import waiting
from engine.ledger.open import StoreError
from engine.pipeline.ingest import place_strangers
from engine.pipeline.queues import queues_of
from engine.pipeline.realtime import judge_dues
from engine.pipeline.reconcile import reconcile_in_turn
from engine.pipeline.restored import count_on, is_held
from engine.pipeline.room import room_of
from engine.pipeline.system import System
from engine.pipeline.wave import outcome_record
from engine.touches.touch import State

log = logging.getLogger("banso.sweep")
CHUNK = 50  # ids in one message: a message costs far more than an id
RING_MAX = 2_000  # ids of one queue rung for in one sweep: several times what the worker beside it sends until the next
RING_AGAIN = 2  # sweeps after which what is still due is rung for again: a lost message costs so long, a needless one only a look

Ring = Callable[[str, list[str]], None]


def ring_again(config: Config) -> int:
    """Seconds after which a touch that is still due is rung for again, and an older message is worth nothing."""
    return RING_AGAIN * config.sweep_seconds


@dataclass(frozen=True)
class Swept:
    """What a sweep found: touches rung for, freed from dead workers, become unknown, expired; rows of `after:` that were judged."""

    rung: int
    released: int
    unknown: int
    expired: int
    judged: int = 0


def _reconcile(system: System) -> None:
    """Evidence that cannot be read settles nothing and stops nothing."""
    try:
        reconcile_in_turn(system)
    except BansoError as problem:
        log.warning("not reconciled: %s", problem)


def _place_strangers(system: System) -> None:
    """One message that cannot be placed must not stop the mail of all others."""
    try:
        place_strangers(system)
    except StoreError:
        raise
    except Exception:  # whatever a stored message brings about
        log.exception("messages of strangers not placed")


def sweep(system: System, ring: Ring) -> Swept:
    """Free what dead workers held, expire what is too late, and ring for what is due; `ring` is best effort.

    While sending is held after a restore, or the disk is nearly full, nothing is rung for.
    """
    held, low = is_held(system), room_of(system.config).is_low
    count_on(system)
    now = system.clock.now()
    _place_strangers(system)
    judged = judge_dues(system)
    _reconcile(system)
    queues = queues_of(system)
    with system.ledger.write() as connection:
        freed = waiting.release_expired(connection, now)
        if freed.unknown:
            ledger_records.append_tail(connection, [outcome_record(touch, State.UNKNOWN, now) for touch in freed.unknown], now)
        expired = waiting.expire_overdue(connection, now)
        before = now - ring_again(system.config) * SECOND
        due = {} if held or low else {queue.name: waiting.due_ids(connection, now, before, RING_MAX, queue) for queue in queues}
        rung = [touch for ids in due.values() for touch in ids]
        waiting.mark_rung(connection, rung, now)
    for queue, ids in due.items():
        for start in range(0, len(ids), CHUNK):
            ring(queue, ids[start : start + CHUNK])
    return Swept(len(rung), freed.released, len(freed.unknown), expired, judged)
