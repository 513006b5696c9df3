"""What ops people see: the state of everything at an instant, what waits, what failed, and how fresh the sources are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.calendar import SECOND
from engine.channels import DISPATCHED
from engine.decision.standing import Pause
from engine.facts.reads import names_read, sources_read
from engine.ledger import holds, intake, overview, relays, restores, returned, waiting
from engine.ledger import records as ledger_records
from engine.ledger import touches as ledger_touches
from engine.ledger.open import Connection
from engine.ledger.overview import Run, Waiting, Wanted
from engine.ledger.records import LoadRow, Refusal
from engine.ledger.restores import Restore
from engine.ledger.returned import Rate
from engine.pipeline.complaints import SPAN
from engine.pipeline.evaluate import stale_at
from engine.pipeline.ops.life import Process, processes
from engine.pipeline.room import Room, room_of
from engine.pipeline.system import System
from engine.rulebook.plan import Plan
from engine.touches.breaker import Breaker
from engine.touches.touch import Touch


@dataclass(frozen=True)
class Status:
    """The state of queues, processes and sources at an instant. `unknown_since`: the oldest touch of which nobody can tell."""

    states: Mapping[str, int]
    reasons: Mapping[str, Mapping[str, int]]  # state -> why touches wait or ended -> how many
    due: int
    next_due: int | None
    oldest_due: int | None
    unknown: int
    unknown_since: int | None
    unfinished: Sequence[Run]
    restored: Restore | None  # for which sending is held
    workers: Sequence[Process]
    breakers: Sequence[Breaker]  # receivers that failed lately, left alone or not
    pauses: Sequence[Pause]
    loads: Sequence[LoadRow]
    stale: frozenset[str]
    quarantine: Mapping[str, int]
    strangers: int  # messages of people whose account nobody knows yet
    returned: Mapping[str, int]  # what came back by mail within a week, by kind
    complaints: Sequence[Rate]  # senders that somebody complained about in it, the worst first
    room: Room


def status(system: System, *, lake: bool = True) -> Status:
    """The status; without the `lake`, for when it cannot be read, no source is called stale."""
    now = system.clock.now()
    stale = stale_at(system, system.workspace, now) if lake else frozenset[str]()
    seen = processes(system)
    with system.ledger.read() as connection:
        return _status(connection, now, stale, seen, room_of(system.config))


def _status(connection: Connection, now: int, stale: frozenset[str], seen: Sequence[Process], room: Room) -> Status:
    unknown, since = overview.unclear(connection)
    return Status(
        states=ledger_touches.count_states(connection),
        reasons=ledger_touches.count_reasons(connection),
        due=waiting.count_due(connection, now),
        next_due=waiting.next_due(connection),
        oldest_due=overview.oldest_due(connection, now, DISPATCHED),
        unknown=unknown,
        unknown_since=since,
        unfinished=overview.unfinished(connection),
        restored=restores.holding(connection),
        workers=seen,
        breakers=relays.all_breakers(connection),
        pauses=holds.pauses_at(connection, now),
        loads=ledger_records.last_loads(connection),
        stale=stale,
        quarantine=ledger_records.count_quarantine(connection),
        strangers=intake.count_strangers(connection),
        returned=returned.counts_since(connection, now - SPAN),
        complaints=returned.complaint_rates(connection, now - SPAN),
        room=room,
    )


@dataclass(frozen=True)
class Lateness:
    """How long the oldest touch is due that a worker should have taken, and whether that is longer than BANSO_LATE_SECONDS allows.

    `is_held`: the ledger was restored, and nothing goes out until a person releases it.
    """

    seconds: float
    is_late: bool
    is_held: bool


def lateness(system: System) -> Lateness:
    now = system.clock.now()
    with system.ledger.read() as connection:
        oldest, held = overview.oldest_due(connection, now, DISPATCHED), restores.holding(connection) is not None
    seconds = 0.0 if oldest is None else (now - oldest) / SECOND
    return Lateness(seconds, seconds > system.config.late_seconds, held)


@dataclass(frozen=True)
class Queue:
    """What is still to go out, and the runs that hold some of it."""

    waiting: Sequence[Waiting]
    unfinished: Sequence[Run]
    restored: Restore | None


def queue(system: System) -> Queue:
    with system.ledger.read() as connection:
        return Queue(overview.waiting(connection, system.clock.now()), overview.unfinished(connection), restores.holding(connection))


def failures(system: System, wanted: Wanted) -> list[Touch]:
    """Touches that failed, expired or are unknown, newest first."""
    with system.ledger.read() as connection:
        return overview.find_touches(connection, wanted)


@dataclass(frozen=True)
class SourceState:
    """A declared source: its last load, how old it may become, whether it is, and the rules that cannot be sure while it is."""

    name: str
    label: str
    max_age: str
    load: LoadRow | None
    stale: bool
    quarantine: int
    unsure: Sequence[str]


def sources(system: System) -> list[SourceState]:
    """Every source that the workspace declares, stale ones first."""
    workspace, now = system.workspace, system.clock.now()
    stale = stale_at(system, workspace, now)
    with system.ledger.read() as connection:
        loads = {load.source: load for load in ledger_records.last_loads(connection)}
        refused = ledger_records.count_quarantine(connection)
    unsure = _unsure_rules(workspace.plan)
    found = [
        SourceState(name, source.label, source.max_age, loads.get(name), name in stale, refused.get(name, 0), unsure.get(name, ()))
        for name, source in workspace.settings.sources.items()
    ]
    return sorted(found, key=lambda each: (not each.stale, each.name))


def refused(system: System, source: str | None, limit: int) -> list[Refusal]:
    """What was kept aside instead of being taken, of a source or of all, the newest first."""
    with system.ledger.read() as connection:
        return ledger_records.refusals(connection, source, limit)


def _unsure_rules(plan: Plan) -> Mapping[str, Sequence[str]]:
    """Source → rules whose answer its staleness can change, also through the facts they read."""
    found: dict[str, list[str]] = {}
    through = {column.name: column.sources for column in plan.columns}
    for rule, conditions in plan.rules.items():
        asked = sources_read(conditions.matches).union(*(through.get(name, ()) for name in names_read(conditions.matches)))
        for source in asked:
            found.setdefault(source, []).append(rule)
    return found
