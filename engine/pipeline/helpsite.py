"""The help site for a known reader: what stands first for him, and what he read as records of his account. Told twice within an hour is told once."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from engine.calendar import HOUR
from engine.channels.letter import Unwritable
from engine.channels.note import HelpChannel
from engine.facts.route import COMPLETE
from engine.help.folding import fold
from engine.ledger import intake
from engine.ledger import screen as ledger_screen
from engine.ledger.dues import Due
from engine.pipeline.folds import Recent
from engine.pipeline.readers import Reader
from engine.pipeline.realtime import take_in
from engine.pipeline.screen import first_shown, with_ground
from engine.pipeline.system import System
from engine.records.record import Record
from engine.rulebook.python import Known
from engine.touches.touch import Touch
from engine.wire.machines import Machine

HELP = "help"
VIEWED = "viewed"
SEARCHES_AN_HOUR = 64  # searches without a hit that are kept of one reader, at most

Answers = list[list[Due]]


@dataclass(frozen=True)
class Suggestion:
    """A touch that puts articles first, and which."""

    touch: Touch
    articles: Sequence[str]


@dataclass(frozen=True)
class Where:
    """Where the reader's account stands on the route: the step that is next, if that can be told and there is one."""

    next_step: str | None
    columns: Mapping[str, Known]


def opened(system: System, reader: Reader, machine: Machine | None) -> Answers:
    """The front page was asked for; returns the rules to judge now."""
    return _tell(system, reader, "opened", {}, machine)


def viewed(system: System, reader: Reader, article: str, machine: Machine | None, recent: Recent) -> Answers:
    """An article was asked for. Where a rule had put it first, this is the answer to that touch."""
    said = {"article": article}
    suggested = [] if machine else [each.touch for each in suggestions(system, reader, recent) if article in each.articles]
    if suggested:
        said |= {"touch": suggested[0].id, "rule": suggested[0].rule}
        shown(system, reader, suggested[:1])
        with system.ledger.write() as connection:
            ledger_screen.mark_answered(connection, suggested[0].id, VIEWED)
    return _tell(system, reader, VIEWED, said, machine, about=article)


def nothing_found(system: System, reader: Reader, query: str, machine: Machine | None) -> Answers:
    """A search found nothing. How often one reader may say so in an hour is bounded, however many words he tries."""
    about = str(int(sha256(fold(query).encode()).hexdigest(), 16) % SEARCHES_AN_HOUR)
    return [] if machine else _tell(system, reader, "search_no_hit", {"query": query}, None, about=about)


def suggestions(system: System, reader: Reader, recent: Recent) -> list[Suggestion]:
    """What rules put first for the reader and still has ground, in the written order. Changes nothing."""
    workspace, found = system.workspace, list[Suggestion]()
    channel = HelpChannel(workspace)
    for occasion in with_ground(system, reader.account, reader.contact, HELP, recent):
        try:
            named = channel.articles(occasion)
        except Unwritable:
            continue  # the rule changed its action since
        found.append(Suggestion(occasion.touch, [name for name in named if name in (workspace.articles or {})]))
    return found


def shown(system: System, reader: Reader, touches: Sequence[Touch]) -> Answers:
    """The page with these suggestions went to the reader."""
    now, workspace = system.clock.now(), system.workspace
    if not touches:
        return []
    with system.ledger.write() as connection:
        records = [record for touch in touches for record in first_shown(connection, workspace, touch, reader.contact, now)]
        return take_in(connection, workspace, records, now)


def where_is(system: System, account: str, recent: Recent) -> Where:
    """Where an account stands now."""
    columns = recent.look(system, system.workspace, account, system.clock.now()).answer.columns
    step = columns.get("next_step")
    return Where(None if step in {None, COMPLETE} else str(step), columns)


def _tell(system: System, reader: Reader, word: str, said: Mapping[str, str], machine: Machine | None, *, about: str = "") -> Answers:
    """Keep it once an hour for each reader and thing. What a machine asked for is kept too, as an event that no rule counts."""
    now, workspace = system.clock.now(), system.workspace
    event = f"{HELP}.scanned" if machine else f"{HELP}.{word}"
    named = "\0".join((event, word, reader.account, reader.contact or "", about, str(now // HOUR)))
    identity = sha256(named.encode()).hexdigest()[:32]
    properties = {**said, **({"asked": word, "why": machine} if machine else {})}
    record = Record(
        "banso" if machine else workspace.source_of(event),  # a scanner is no sign of life of a source
        f"{HELP}:{identity}",
        reader.account,
        now,
        0,
        reader.contact,
        event,
        key=properties.get(workspace.item_keys.get(event, "")),
        properties=json.dumps(properties, ensure_ascii=False),
    )
    with system.ledger.write() as connection:
        if intake.seen_before(connection, {identity: ""}, now):
            return []
        return take_in(connection, workspace, [record], now)
