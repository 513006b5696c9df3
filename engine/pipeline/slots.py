"""Which night is due: the last local `nightly_at` that has passed and whose slot is not finished. Missed ones coalesce into it."""

from engine.calendar import date_of_day
from engine.ledger import decisions as ledger_decisions
from engine.ledger import records as ledger_records
from engine.ledger.instants import arrival
from engine.pipeline.nightly import JOB
from engine.pipeline.system import System


def due_night(system: System) -> int | None:
    """The instant to decide at, or None when the last night is done or nothing was ever loaded. A night that is late decides as of now."""
    workspace, now = system.workspace, system.clock.now()
    day = workspace.zone.day(now)
    if workspace.zone.at_wall(day, workspace.nightly_minutes) > now:
        day -= 1
    with system.ledger.read() as connection:
        if not ledger_records.last_loads(connection) and not arrival(connection):
            return None  # a first night without any record would decide nothing and take the slot
        slot = ledger_decisions.find_slot(connection, JOB, date_of_day(day).isoformat())
    if slot is not None and slot.finished_at is not None:
        return None
    return slot.instant if slot is not None else now if workspace.zone.day(now) == day else workspace.zone.at_wall(day, workspace.nightly_minutes)


def night_of(system: System, day: int) -> int:
    """The instant at which the night of a local day decided, or would: its slot's where there is one, else `nightly_at`."""
    with system.ledger.read() as connection:
        slot = ledger_decisions.find_slot(connection, JOB, date_of_day(day).isoformat())
    return slot.instant if slot is not None else system.workspace.zone.at_wall(day, system.workspace.nightly_minutes)
