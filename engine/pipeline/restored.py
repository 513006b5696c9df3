"""A ledger that was restored from a backup forgot what went out since: that is noticed, sending is held, and what is in doubt becomes unknown."""

import logging
from dataclasses import replace

from engine.calendar import MINUTE
from engine.channels import DISPATCHED
from engine.facts.fold import Fold, dump
from engine.ledger import decisions as ledger_decisions
from engine.ledger import holds, leases, restores
from engine.ledger import records as ledger_records
from engine.ledger.open import Connection
from engine.ledger.restores import Restore
from engine.pipeline.system import System
from engine.pipeline.wave import outcome_record
from engine.touches.touch import State, Touch

log = logging.getLogger("banso.restored")
ITSELF = "banso"  # who noticed, where no person said so
NOTHING_FOLDED, UNSEEN = dump(Fold()), -1  # of a touch that was put in again: its account is folded anew before it goes out


def is_held(system: System) -> bool:
    """Whether sending is held; whoever finds the ledger behind its counterfoils holds it. Cheap: one small file and two rows."""
    newest = system.counterfoils.newest()
    with system.ledger.read() as connection:
        count, held = restores.counted(connection), restores.holding(connection) is not None
    if count < newest:
        _hold(system, ITSELF, f"{count} < {newest}", newest)
    return held or count < newest


def must_hold(system: System) -> bool:
    """The same, without changing anything."""
    newest = system.counterfoils.newest()
    with system.ledger.read() as connection:
        return restores.must_hold(connection, newest)


def declare(system: System, by: str, reason: str) -> Restore:
    """A person says that the ledger was restored, where the state folder was lost with it. Where it is held already nothing changes."""
    is_held(system)
    return _hold(system, by, reason, None)


def _hold(system: System, by: str, reason: str, newest: int | None) -> Restore:
    """Hold, unless somebody did meanwhile. `newest`: the number the ledger is behind of; None where only a person knows."""
    now = system.clock.now()
    with system.ledger.write() as connection:
        ledger_decisions.one_decider(connection)  # so that what is put in and what a night decides do not meet
        holds.hold_still(connection, alone=True)
        count, known = restores.counted(connection), restores.holding(connection) if newest is None else restores.last(connection)
        if known is not None and (newest is None or count >= newest):
            return known
        doubted = _doubted(system, connection, count if newest is not None else None, now)
        found = Restore(max(count, newest or 0) + 1, now, by, reason, len(doubted))
        restores.hold(connection, found)
        ledger_records.append_tail(connection, [outcome_record(touch, State.UNKNOWN, now) for touch in doubted], now)
    log.error("the ledger was restored: %s touches may have gone out since, sending is held", len(doubted))
    _write_down(system, found.number)
    return found


def _doubted(system: System, connection: Connection, count: int | None, now: int) -> list[Touch]:
    """What was begun since the backup, as the counterfoils know it; all that could have been, where they do not reach back so far."""
    if count is None:
        return restores.doubt_due(connection, DISPATCHED, now)
    kept = system.counterfoils.beyond(count)
    begun = restores.doubt(connection, [replace(touch, fold=NOTHING_FOLDED, arrival=UNSEEN) for touch in kept.touches], now)
    return begun if kept.whole else begun + restores.doubt_due(connection, DISPATCHED, now)


def release(system: System, by: str, reason: str) -> int:
    """A person lets sending go on; returns how many touches are still unknown, which stay so. Nothing is released that was not noticed before."""
    is_held(system)
    now = system.clock.now()
    with system.ledger.write() as connection:
        restores.release(connection, by, reason, now)
        return restores.count_doubted(connection)


def count_on(system: System) -> None:
    """Move the count on, at most once a minute over all processes, so that a backup of a quiet time is known for one too."""
    now, newest = system.clock.now(), system.counterfoils.newest()
    with system.ledger.write() as connection:
        if restores.must_hold(connection, newest) or not leases.take_turn(connection, "count", now, now + MINUTE):
            return
        number = restores.count_on(connection)
    _write_down(system, number)


def _write_down(system: System, number: int) -> None:
    """A number without letters; one that is missing only makes the next restore be noticed a minute later."""
    try:
        system.counterfoils.keep(number, system.clock.now())
        system.counterfoils.forget(system.clock.now())
    except OSError as problem:
        log.warning("count not written down: %s", problem)
