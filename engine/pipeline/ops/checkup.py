"""The doctor: looks at everything that can be wrong with a deployment, and changes nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from engine.calendar import DAY, HOUR, MINUTE, SECOND
from engine.channels.mail.evidence import open_evidence
from engine.detail import detail
from engine.errors import BansoError
from engine.ledger import overview, restores
from engine.ledger import records as ledger_records
from engine.ledger.open import SAFE_SQLITE, reachable, sqlite_version
from engine.ledger.overview import Book
from engine.pipeline.complaints import SPAN, WARN, is_too_high
from engine.pipeline.nightly import last_finished
from engine.pipeline.ops.view import Status, lateness, status
from engine.pipeline.queues import unknown_relays
from engine.pipeline.restored import must_hold
from engine.pipeline.returns import SOURCE
from engine.pipeline.room import room_of
from engine.pipeline.system import System
from engine.touches.touch import State

SAFE_PYTHON = {(3, 11): 15, (3, 12): 13, (3, 13): 12, (3, 14): 3}  # first release of each line without the mail header CVEs
NIGHT_TAKES = 2 * HOUR  # a run that is under way for longer is taken for given up
SHOWN = 10  # rules, ids or names that one check lists
Level = Literal["ok", "warn", "bad"]


@dataclass(frozen=True)
class Check:
    """One thing the doctor looked at: each of `details` is written as in `engine.detail`, or a plain value."""

    name: str
    level: Level
    details: Sequence[str]


def doctor(system: System, python: tuple[int, int, int]) -> list[Check]:
    """Every check, in the order in which to mend what is bad. Of a ledger that cannot be reached nothing more is asked."""
    checks = [_python(python), _store(system)]
    if checks[-1].level == "bad":
        return checks
    if system.ledger.is_sqlite:
        checks.append(_sqlite())
    found = status(system, lake=False)
    return [*checks, *(check(system) for check in LEDGER_CHECKS), *(check(system, found) for check in STATUS_CHECKS)]


def _python(python: tuple[int, int, int]) -> Check:
    floor = SAFE_PYTHON.get(python[:2])
    version = ".".join(str(part) for part in python)
    if floor is not None and python[2] < floor:
        return Check("python", "warn", [detail("old_python", version, f"{python[0]}.{python[1]}.{floor}", "CVE-2024-6923, CVE-2026-1299")])
    return Check("python", "ok", [version])


def _store(system: System) -> Check:
    level: Level = "ok" if reachable(system.ledger) else "bad"
    return Check("ledger", level, [system.ledger.engine.url.render_as_string(hide_password=True)])


def _sqlite() -> Check:
    version = sqlite_version()
    return Check("sqlite", "ok" if version >= SAFE_SQLITE else "bad", [".".join(str(part) for part in version)])


def _books(system: System) -> Check:
    """Of every rule: what was decided is what was sent, failed, is unknown, was dropped, expired, withheld or is under way."""
    with system.ledger.read() as connection:
        found = overview.books(connection)
        strays = overview.strays(connection)
    wrong = [_told(book) for book in found if not book.balances]
    wrong += [detail("strays", len(strays), strays[0])] if strays else []
    if wrong:
        return Check("books", "bad", wrong[:SHOWN])
    return Check("books", "ok", [detail(state, number) for state, number in sorted(_sum(found).items())])


def _told(book: Book) -> str:
    strange = sorted(book.touches.keys() - set(State))
    if strange:
        return detail("no_state", book.rule, strange[0])
    if book.won != book.made:
        return detail("imbalance", book.rule, book.won, book.made)
    return detail("imbalance_withheld", book.rule, book.withheld, book.touches.get(State.WITHHELD, 0))


def _sum(found: Sequence[Book]) -> Mapping[str, int]:
    states = sorted({state for book in found for state in book.touches})
    return {state: sum(book.touches.get(state, 0) for book in found) for state in states}


def _disk(system: System) -> Check:
    """Below the low-water mark nothing new is begun."""
    room = room_of(system.config)
    return Check("disk", "bad" if room.is_low else "ok", [detail("free", room.free_mb, room.least_mb)])


def _restored(system: System) -> Check:
    """A ledger that was restored sends nothing until a person says so."""
    held = must_hold(system)
    with system.ledger.read() as connection:
        doubted = restores.count_doubted(connection)
    return Check("restored", "bad" if held else "warn" if doubted else "ok", [detail("doubted", doubted)] if held or doubted else [])


def _rows(system: System) -> Check:
    """A touch has what its state must have: one that is sent has an instant, one that failed a reason."""
    with system.ledger.read() as connection:
        wrong = overview.impossible(connection)
    if wrong:
        return Check("rows", "bad", [detail("impossible", state, number, first) for state, number, first in wrong[:SHOWN]])
    return Check("rows", "ok", [])


def _lake(system: System) -> Check:
    """Every file of the manifest is there."""
    with system.ledger.read() as connection:
        parts = ledger_records.live_parts(connection)
    missing = [part.path for part in parts if not (system.lake / part.path).is_file()]
    if missing:
        return Check("lake", "bad", [detail("missing", len(missing), missing[0])])
    return Check("lake", "ok", [detail("files", len(parts), sum(part.rows for part in parts))])


def _evidence(system: System) -> Check:
    """Without the relay's log or a journal, every touch that nobody can tell about waits for a person."""
    config = system.config
    sources = open_evidence(config.relay_log, config.journal)
    if not sources:
        return Check("evidence", "warn" if config.smtp_url else "ok", [detail("no_evidence")])
    try:
        behind = max(system.clock.now() - each.look(()).until for each in sources)
    except BansoError as error:
        return Check("evidence", "bad", [detail("unreadable", str(error.faults[0].place))])
    return Check("evidence", "ok", [detail("evidence", len(sources), max(behind, 0) // MINUTE)])


def _relays(system: System) -> Check:
    """A relay that a sender names and nobody configured: its mails wait."""
    unknown = unknown_relays(system)
    return Check("relays", "bad" if unknown else "ok", [detail("unknown_relay", sender, relay) for sender, relay in unknown.items()][:SHOWN])


def _returns(system: System) -> Check:
    """What came back by mail can be read where it is delivered, and was; what was kept aside of it is for a person."""
    drop = system.config.mail_drop
    if drop is not None and not ((drop / "new").is_dir() and (drop / "cur").is_dir()):
        return Check("returns", "bad", [detail("no_maildir")])
    with system.ledger.read() as connection:
        aside = ledger_records.refused_lately(connection, SOURCE, system.clock.now() - SPAN)
    told = [detail("aside", reason, number) for reason, number in sorted(aside.items())]
    return Check("returns", "warn" if told else "ok", told[:SHOWN])


def _late(system: System) -> Check:
    found = lateness(system)
    return Check("late", "bad" if found.is_late else "ok", [detail("minutes", int(found.seconds) // 60)] if found.seconds else [])


# --- from the status --------------------------------------------------------------------------------------------------


def _nights(system: System, found: Status) -> Check:
    """What a run made that never finished does not go out."""
    given_up = system.clock.now() - NIGHT_TAKES
    late = [run for run in found.unfinished if run.started_at < given_up]
    told = [detail("unfinished", run.slot, run.held) for run in late or found.unfinished]
    return Check("nights", "bad" if late else "warn" if told else "ok", told[:SHOWN])


def _self_check(system: System) -> Check:
    """What the last night's sample said one by one is what the night said of all at once."""
    with system.ledger.read() as connection:
        last = last_finished(connection)
    summary = dict(last.summary or {}) if last is not None else {}
    differing: Mapping[str, Sequence[str]] = summary.get("differing", {})
    told = [detail("differing", account, ", ".join(names)) for account, names in differing.items()]
    return Check("self_check", "bad" if told else "ok", told[:SHOWN] or [detail("checked", summary.get("checked", 0))])


def _unknown(system: System, found: Status) -> Check:
    """A touch of which nobody can tell is for evidence first; after a day it is for people."""
    if not found.unknown:
        return Check("unknown", "ok", [detail("touches", 0)])
    age = system.clock.now() - (found.unknown_since or 0)
    return Check("unknown", "bad" if age > DAY else "warn", [detail("touches", found.unknown), detail("oldest_hours", age // HOUR)])


def _breakers(system: System, found: Status) -> Check:
    """A relay that is left alone stops all mail; a domain that is, only its own."""
    now = system.clock.now()
    left = [each for each in found.breakers if each.open_until > now]
    level: Level = "bad" if any(each.name.startswith("relay:") for each in left) else "warn" if left else "ok"
    return Check("breakers", level, [detail("left_alone", each.name, (each.open_until - now) // SECOND) for each in left[:SHOWN]])


def _complaints(system: System, found: Status) -> Check:
    """What providers bear of complaints, and what they do not."""
    told = [detail("complaints", each.domain, each.complaints, each.sent) for each in found.complaints[:SHOWN]]
    if any(is_too_high(each) for each in found.complaints):
        return Check("complaints", "bad", told)
    return Check("complaints", "warn" if any(each.share >= WARN for each in found.complaints) else "ok", told)


def _workers(system: System, found: Status) -> Check:
    """Somebody must be there where something is due; who fell silent while others work is only told."""
    alive = [each for each in found.workers if each.condition == "alive"]
    lost = [detail(each.condition, each.kind, each.name) for each in found.workers if each.condition != "alive"]
    hangs = any(each.condition == "hanging" for each in found.workers)
    idle = found.due and not any(each.kind == "worker" for each in alive)
    told = [detail("alive", kind, number) for kind, number in _kinds([each.kind for each in alive])]
    level: Level = "bad" if hangs or idle else "warn" if lost or len(told) < len(KINDS) else "ok"
    return Check("workers", level, [*(told or [detail("nobody")]), *lost[:SHOWN]])


KINDS = ("scheduler", "worker")


def _kinds(names: Sequence[str]) -> list[tuple[str, int]]:
    return [(kind, names.count(kind)) for kind in KINDS if kind in names]


LEDGER_CHECKS: tuple[Callable[[System], Check], ...] = (_disk, _restored, _books, _rows, _lake, _self_check, _evidence, _relays, _returns, _late)
STATUS_CHECKS: tuple[Callable[[System, Status], Check], ...] = (_nights, _unknown, _breakers, _complaints, _workers)
