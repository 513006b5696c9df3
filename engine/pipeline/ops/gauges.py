"""The numbers for dashboards and alarms, under the very words of the code; no addresses, no domains and no accounts, for others read them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from engine.calendar import SECOND
from engine.decision.gates import REASONS
from engine.ledger import overview
from engine.pipeline.nightly import last_finished
from engine.pipeline.ops.view import Status, status
from engine.pipeline.room import MEGABYTE
from engine.pipeline.system import System
from engine.touches.touch import State

RETURNED = ("hard", "soft", "policy", "notice", "complaint", "reply", "automatic")
CONDITIONS = ("alive", "silent", "hanging")
PROCESSES = ("worker", "scheduler", "supervisor")


Values = Mapping[tuple[str, ...], float]


@dataclass(frozen=True)
class Gauge:
    """One number, or one for each combination of its labels' values."""

    name: str
    meaning: str
    labels: tuple[str, ...]
    values: Values


def gauges(system: System) -> list[Gauge]:
    """All of them, read from the ledger now."""
    found, now = status(system), system.clock.now()
    return [
        *_of_touches(found, now),
        *_of_rules(system),
        *_of_processes(found, now),
        *_of_sources(system, found, now),
        *_of_returns(found),
        *_of_the_night(system),
    ]


def _alone(name: str, meaning: str, value: float) -> Gauge:
    return Gauge(name, meaning, (), {(): value})


def _seconds(now: int, since: int | None) -> float:
    return 0.0 if since is None else max(now - since, 0) / SECOND


def _of_touches(found: Status, now: int) -> list[Gauge]:
    reasons: Values = {(state, reason): float(number) for state, of_it in found.reasons.items() for reason, number in of_it.items()}
    scopes = Counter(pause.scope for pause in found.pauses)
    return [
        Gauge("touches", "Touches by state.", ("state",), {(state,): found.states.get(state, 0) for state in State}),
        Gauge("touch_reasons", "Touches by state and the reason why they wait or ended.", ("state", "reason"), reasons),
        _alone("due", "Touches that a worker could take now or is holding.", found.due),
        _alone("oldest_due_age_seconds", "How long the oldest touch is due that a worker should have taken.", _seconds(now, found.oldest_due)),
        _alone("disk_free_bytes", "Free on the disk of the state folder.", found.room.free_mb * MEGABYTE),
        _alone("disk_low", "1 while so little is free that nothing new is begun.", found.room.is_low),
        _alone("restored", "1 while sending is held because the ledger was restored from a backup.", found.restored is not None),
        _alone("unknown_age_seconds", "How long the oldest touch is unknown.", _seconds(now, found.unknown_since)),
        Gauge("pauses", "Pauses in force by scope.", ("scope",), {(scope,): scopes[scope] for scope in ("all", "channel", "rule", "account")}),
    ]


def _of_rules(system: System) -> list[Gauge]:
    with system.ledger.read() as connection:
        books = overview.books(connection)
    made: Values = {(book.rule, state): float(number) for book in books for state, number in book.touches.items()}
    return [
        Gauge("rule_touches", "Touches by rule and state.", ("rule", "state"), made),
        _alone("unbalanced_rules", "Rules whose books do not balance.", sum(not book.balances for book in books)),
    ]


def _of_processes(found: Status, now: int) -> list[Gauge]:
    seen = Counter((each.kind, each.condition) for each in found.workers)
    left = Counter(each.name.partition(":")[0] for each in found.breakers if each.open_until > now)
    return [
        Gauge("processes", "Processes by kind and condition.", ("kind", "condition"), {(k, c): seen[k, c] for k in PROCESSES for c in CONDITIONS}),  # type: ignore[index]  # the same words
        Gauge("breakers_open", "Receivers that are left alone for a while.", ("kind",), {(kind,): left[kind] for kind in ("relay", "domain")}),
    ]


def _of_sources(system: System, found: Status, now: int) -> list[Gauge]:
    declared = system.workspace.settings.sources
    refused: Values = {(name,): float(found.quarantine.get(name, 0)) for name in sorted({*declared, *found.quarantine})}
    return [
        Gauge("source_stale", "1 while a source's silence proves nothing.", ("source",), {(name,): name in found.stale for name in declared}),
        Gauge("load_age_seconds", "Since the last load.", ("source",), {(load.source,): _seconds(now, load.loaded_at) for load in found.loads}),
        Gauge("covers_age_seconds", "Since what it covers.", ("source",), {(load.source,): _seconds(now, load.covers_until) for load in found.loads}),
        Gauge("load_seconds", "How long the last load took.", ("source",), {(load.source,): load.seconds for load in found.loads}),
        Gauge("quarantine", "Rows that were refused.", ("source",), refused),
        _alone("strangers", "Messages of people whose account nobody knows yet.", found.strangers),
        _alone("workspace_faults", "Faults of the workspace's files; while there are any, the last good rules stay in force.", len(system.faults)),
    ]


def _of_returns(found: Status) -> list[Gauge]:
    worst = max((each.share for each in found.complaints), default=0.0)
    return [
        Gauge("returned", "What came back by mail within a week.", ("kind",), {(kind,): found.returned.get(kind, 0) for kind in RETURNED}),
        _alone("complaint_rate", "Complaints beside letters sent within a week, of the sender that has most.", worst),
    ]


def _of_the_night(system: System) -> list[Gauge]:
    """The last night that finished, and how many did not."""
    with system.ledger.read() as connection:
        last = last_finished(connection)
        held = len(overview.unfinished(connection))
    summary = dict(last.summary or {}) if last is not None else {}
    words = _by_word(summary.get("outcomes", {}))
    age = _seconds(system.clock.now(), last.instant) if last is not None else float("nan")
    return [
        _alone("unfinished_runs", "Runs that began and have not finished; what they made does not go out.", held),
        _alone("night_age_seconds", "Since the instant of the last finished night; not a number before the first.", age),
        _alone("night_accounts", "Accounts that the last finished night judged.", summary.get("accounts", 0)),
        _alone("night_won", "Touches that it decided.", summary.get("won", 0)),
        _alone(
            "night_differing",
            "Accounts of its self-check that say otherwise one by one than all at once; anything but 0 is a defect.",
            len(summary.get("differing", ())),
        ),
        Gauge("night_reasons", "Why rules that matched did not win in it, by account and rule.", ("reason",), words),
    ]


def _by_word(outcomes: Mapping[str, Mapping[str, int]]) -> Values:
    counted = Counter[str]()
    for of_rule in outcomes.values():
        counted.update({word: number for word, number in of_rule.items() if word in REASONS})
    return {(reason,): float(counted[reason]) for reason in REASONS}
