"""on_event: a record comes in, the rules that wait for it are judged at once; `after` makes a row that is judged when its time has come."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from engine.decision.arbitrate import Decision, decide
from engine.decision.candidates import candidate_of
from engine.decision.recipient import contact_of
from engine.decision.standing import Standing
from engine.facts.fold import dump
from engine.facts.open_items import microseconds
from engine.ledger import decisions as ledger_decisions
from engine.ledger import dues as ledger_dues
from engine.ledger import records as ledger_records
from engine.ledger import touches as ledger_touches
from engine.ledger.dues import Due
from engine.ledger.open import Connection
from engine.pipeline.evaluate import Judged, judge_one
from engine.pipeline.nightly import MAKES_A_TOUCH, decision_row
from engine.pipeline.standings import read_standings, read_stock
from engine.pipeline.system import System
from engine.records.record import Record
from engine.rulebook.actions import Popup
from engine.rulebook.spec import RuleSpec
from engine.rulebook.triggers import triggered
from engine.touches.plan import Occasion, plan_touch
from engine.touches.touch import State, Touch
from engine.workspace.model import Workspace

DUES_AT_ONCE = 500


@dataclass(frozen=True)
class Reaction:
    """What one record led to: each judged rule's fate, the touches to be delivered, and the rules that will be judged later."""

    account_id: str
    decisions: Sequence[Decision]
    touches: Sequence[Touch]
    later: Sequence[str] = ()


def on_event(system: System, record: Record) -> Reaction:
    """Take a record into the log and answer it. A record that came before changes nothing and is answered with nothing."""
    workspace, now = system.workspace, system.clock.now()
    waiting = list(triggered(workspace, record.event, json.loads(record.properties) if record.properties else {}))
    with system.ledger.write() as connection:
        if not ledger_records.append_tail(connection, [record], now):
            return Reaction(record.account_id, [], [])
        later = [due_of(rule_id, trigger.after, record) for rule_id, trigger in waiting if trigger.after]
        ledger_dues.add_dues(connection, later)
    at_once = list(dict.fromkeys(rule_id for rule_id, trigger in waiting if not trigger.after))
    reaction = _react(system, record.account_id, at_once, f"event/{record.source}:{record.source_id}", record.contact_id)
    return replace(reaction, later=[due.rule for due in later])


def judge_dues(system: System) -> int:
    """Judge what was put off until now; returns how many rows. Who judges a row twice adds nothing, its slot is its own."""
    with system.ledger.read() as connection:
        waiting = ledger_dues.waiting(connection, system.clock.now(), DUES_AT_ONCE)
    for due in waiting:
        rule = system.workspace.rule_now(due.rule)
        _react(system, due.account_id, [rule] if rule else [], f"due/{due.id}", due.contact_id)
        with system.ledger.write() as connection:
            ledger_dues.done(connection, due.id, system.clock.now())
    return len(waiting)


def due_of(rule_id: str, after: str, record: Record) -> Due:
    """The row for a rule that looks again after a while; the same record and rule make the same row."""
    identity = sha256(f"{rule_id}\0{record.source}\0{record.source_id}".encode()).hexdigest()[:32]
    due_at = record.occurred_at + microseconds(after)
    return Due(identity, record.account_id, record.contact_id, rule_id, f"{record.source}:{record.source_id}", due_at)


def _react(system: System, account: str, rules: Sequence[str], slot: str, contact: str | None) -> Reaction:
    if not rules:
        return Reaction(account, [], [])
    instant = system.clock.now()
    judged, workspace, _ = judge_one(system, account, instant, exact=True)
    with system.ledger.write() as connection:
        ledger_decisions.keep_rule_set(connection, workspace.hash, workspace.texts, instant)
        ledger_decisions.one_decider(connection)
        if ledger_decisions.decided_accounts(connection, slot, [account]):
            return Reaction(account, [], [])
        standing = _standing(connection, workspace, judged, contact, instant)
        candidates = [
            candidate_of(workspace, rule, judged.answer.columns, instant)
            for rule in rules
            if judged.answer.rules[rule] is True and _is_for(workspace.rules[rule], standing)
        ]
        decisions = decide(candidates, standing, read_stock(connection, workspace, instant))
        touches = _kept(connection, decisions, standing, Occasion(slot, judged.arrival, dump(judged.fold)))
    return Reaction(account, decisions, [touch for touch in touches if touch.state is State.PENDING])


def _standing(connection: Connection, workspace: Workspace, judged: Judged, contact: str | None, instant: int) -> Standing:
    """The account's standing; a popup goes to the person who is there, every other touch to the main contact."""
    standing = read_standings(connection, workspace, [judged], instant)[judged.account_id]
    if contact is None:
        return standing
    there = contact_of(judged.fold, contact)
    return replace(standing, recipient=standing.recipient or there, present=there)


def _is_for(rule: RuleSpec, standing: Standing) -> bool:
    """`where: {role: admin}` on a popup: only people who are so see it."""
    wanted = rule.do.where.role if isinstance(rule.do, Popup) else None
    return wanted is None or (standing.present is not None and standing.present.role == wanted)


def _kept(connection: Connection, decisions: Sequence[Decision], standing: Standing, occasion: Occasion) -> list[Touch]:
    rows, touches = [], []
    for decision in decisions:
        touch = plan_touch(decision, standing, occasion) if decision.outcome in MAKES_A_TOUCH else None
        rows.append(decision_row(decision, standing, occasion.slot, touch))
        touches += [touch] if touch else []
    ledger_decisions.add_decisions(connection, rows)
    ledger_touches.add_touches(connection, touches)
    return touches
