"""on_event: a record comes in, the rules that wait for it are judged at once; those that say `after` when their time has come."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import groupby

from engine.calendar import DAY, HOUR, MINUTE, SECOND
from engine.decision.arbitrate import Decision, decide
from engine.decision.candidates import candidate_of
from engine.decision.recipient import contact_of
from engine.decision.standing import Standing, is_for
from engine.facts.fold import dump
from engine.facts.open_items import microseconds
from engine.ledger import decisions as ledger_decisions
from engine.ledger import dues as ledger_dues
from engine.ledger import records as ledger_records
from engine.ledger import touches as ledger_touches
from engine.ledger.dues import Due
from engine.ledger.open import Connection, StoreError
from engine.pipeline.evaluate import Judged
from engine.pipeline.folds import Recent
from engine.pipeline.nightly import MAKES_A_TOUCH, decision_row
from engine.pipeline.standings import read_standings, read_stock
from engine.pipeline.system import System
from engine.records.record import Record
from engine.rulebook.spec import RuleSpec
from engine.rulebook.triggers import triggered
from engine.touches.plan import Occasion, plan_touch
from engine.touches.touch import State, Touch
from engine.workspace.model import Workspace

log = logging.getLogger("banso.realtime")
DUES_AT_ONCE = 500
PUT_OFF = HOUR
HISTORY = DAY
LEFT_TO_THE_DOOR = 30 * SECOND  # to answer a record it took in, before the sweep does


@dataclass(frozen=True)
class Reaction:
    """What one record led to: each judged rule's fate, the touches to be delivered, and the rules that will be judged later."""

    account_id: str
    decisions: Sequence[Decision]
    touches: Sequence[Touch]
    later: Sequence[str] = ()


def on_event(system: System, record: Record, recent: Recent | None = None) -> Reaction:
    """Take a record into the log and answer it. A record that came before changes nothing and is answered with nothing.

    That it is to be answered is kept together with the record: should this process end before it has, the sweep does.
    """
    now = system.clock.now()
    at_once, later = dues_of(system.workspace, record, now)
    with system.ledger.write() as connection:
        if not ledger_records.append_tail(connection, [record], now):
            return Reaction(record.account_id, [], [])
        ledger_dues.add_dues(connection, [*at_once, *later])
    reaction = react(system, at_once, recent) if at_once else Reaction(record.account_id, [], [])
    return replace(reaction, later=[due.rule for due in later])


def take_in(connection: Connection, workspace: Workspace, records: Sequence[Record], now: int) -> list[list[Due]]:
    """Keep new records with the rules that wait for them; returns, record by record, what is to be judged at once.

    What is told a day after it happened is history: it counts for facts, and nobody is answered for it.
    """
    ledger_records.append_tail(connection, records, now)
    waiting = [dues_of(workspace, record, now) for record in records if record.event is not None and record.occurred_at > now - HISTORY]
    new = ledger_dues.add_dues(connection, [due for at_once, later in waiting for due in (*at_once, *later)])
    fresh = ([due for due in at_once if due.id in new] for at_once, _ in waiting)  # what is told again was answered before
    return [dues for dues in fresh if dues]


def dues_of(workspace: Workspace, record: Record, now: int) -> tuple[list[Due], list[Due]]:
    """The rules that wait for such a record: to be judged at once, and when their time has come.

    Those at once are due a little later too: should the door not come to it, the sweep does.
    """
    awaited = record.event in workspace.waiting
    waiting = list(triggered(workspace, record.event, json.loads(record.properties) if record.properties else {})) if awaited else []
    at_once = [due_of(rule_id, record, now + LEFT_TO_THE_DOOR) for rule_id, trigger in waiting if not trigger.after]
    later = [due_of(rule_id, record, record.occurred_at + microseconds(trigger.after)) for rule_id, trigger in waiting if trigger.after]
    return at_once, later


def judge_dues(system: System) -> int:
    """Judge what was put off until now; returns how many rows. Who judges a row twice adds nothing, its slot is its own."""
    now = system.clock.now()
    with system.ledger.read() as connection:
        waiting = ledger_dues.waiting(connection, now, DUES_AT_ONCE)
    recent = Recent()
    for _, group in groupby(waiting, key=_slot_of):
        _judge_or_put_off(system, list(group), now, recent)
    return len(waiting)


def _judge_or_put_off(system: System, dues: Sequence[Due], now: int, recent: Recent) -> None:
    """One account that cannot be judged must not stop the sweep, and so the mail of all others."""
    try:
        react(system, dues, recent)
    except StoreError:
        raise
    except Exception:  # whatever a record brings about; it is told, and looked at again
        log.exception("%s not judged, again in %s minutes", [due.rule for due in dues], PUT_OFF // MINUTE)
        with system.ledger.write() as connection:
            ledger_dues.put_off(connection, [due.id for due in dues], now + PUT_OFF)


def due_of(rule_id: str, record: Record, due_at: int) -> Due:
    """The row for a rule that looks again at an instant; the same record and rule make the same row."""
    identity = sha256(f"{rule_id}\0{record.source}\0{record.source_id}".encode()).hexdigest()[:32]
    return Due(identity, record.account_id, record.contact_id, rule_id, f"{record.source}:{record.source_id}", due_at)


def _slot_of(due: Due) -> str:
    """Rules that look at the same record at the same instant are judged together; however long its name, the slot is short."""
    return "event/" + sha256(f"{due.record}\0{due.due_at}".encode()).hexdigest()[:32]


def react(system: System, dues: Sequence[Due], recent: Recent | None = None) -> Reaction:
    """Judge the rules of rows that belong together; the rows are done with the decisions. `recent`: what this process remembers of before."""
    account, contact, slot = dues[0].account_id, dues[0].contact_id, _slot_of(dues[0])
    instant, workspace = system.clock.now(), system.workspace
    rules = _still_in_time(workspace, dues, instant)
    judged = (recent or Recent()).judge(system, workspace, account, instant) if rules else None
    with system.ledger.write() as connection:
        ledger_dues.done(connection, [due.id for due in dues], instant)
        if judged is None:
            return Reaction(account, [], [])
        ledger_decisions.keep_rule_set(connection, workspace.hash, workspace.texts, instant)
        ledger_decisions.one_decider(connection)
        if ledger_decisions.decided_accounts(connection, slot, [account]):
            return Reaction(account, [], [])
        standing = _standing(connection, workspace, judged, contact, instant)
        candidates = [
            candidate_of(workspace, rule, judged.account_id, judged.answer.columns, instant)
            for rule in rules
            if judged.answer.rules[rule] is True and is_for(workspace.rules[rule], standing)
        ]
        decisions = decide(candidates, standing, read_stock(connection, workspace, instant))
        touches = _kept(connection, decisions, standing, Occasion(slot, judged.arrival, dump(judged.fold)))
    return Reaction(account, decisions, [touch for touch in touches if touch.state is State.PENDING])


def _still_in_time(workspace: Workspace, dues: Sequence[Due], now: int) -> list[str]:
    """The rules by their names of today; what was to be on the screen within seconds is not made up for later."""
    named = dict.fromkeys(workspace.rule_now(due.rule) for due in dues)
    late = now - dues[0].due_at

    def is_over(rule: RuleSpec) -> bool:
        within = workspace.settings.channels[rule.do.channel].deliver_within
        return rule.do.lane == "pull" and within is not None and late > microseconds(within)

    return [rule_id for rule_id in named if rule_id is not None and not is_over(workspace.rules[rule_id])]


def _standing(connection: Connection, workspace: Workspace, judged: Judged, contact: str | None, instant: int) -> Standing:
    """The account's standing; a popup goes to the person who is there, every other touch to the main contact."""
    standing = read_standings(connection, workspace, [judged], instant)[judged.account_id]
    if contact is None:
        return standing
    there = contact_of(judged.fold, contact)
    return replace(standing, recipient=standing.recipient or there, present=there)


def _kept(connection: Connection, decisions: Sequence[Decision], standing: Standing, occasion: Occasion) -> list[Touch]:
    rows, touches = [], []
    for decision in decisions:
        touch = plan_touch(decision, standing, occasion) if decision.outcome in MAKES_A_TOUCH else None
        rows.append(decision_row(decision, standing, occasion.slot, touch))
        touches += [touch] if touch else []
    ledger_decisions.add_decisions(connection, rows)
    ledger_touches.add_touches(connection, touches)
    return touches
