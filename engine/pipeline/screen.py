"""The next action on the customer's screen: what may be shown to a visitor now, and what he did with it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from engine.channels.letter import Occasion, Unwritable
from engine.channels.popup import PopupChannel, Screen
from engine.decision.recheck import Planned, is_over
from engine.decision.recheck import recheck as judge_again
from engine.decision.recipient import NOBODY, contact_of
from engine.ledger import screen as ledger_screen
from engine.ledger import touches as ledger_touches
from engine.ledger.dues import Due
from engine.ledger.open import Connection
from engine.pipeline.answers import answer_record
from engine.pipeline.evaluate import Judged
from engine.pipeline.folds import Recent, folds_anew, kept_folds
from engine.pipeline.postal import deployment_of
from engine.pipeline.realtime import take_in
from engine.pipeline.standings import read_standings
from engine.pipeline.system import System
from engine.pipeline.visitors import Visitor
from engine.pipeline.wave import outcome_record
from engine.records.record import Record
from engine.rulebook.actions import AskPopup
from engine.touches.touch import State, Touch, last_day
from engine.workspace.model import Workspace

POPUP = "popup"
Word = Literal["shown", "clicked", "answered", "later", "closed"]
WORDS: Sequence[Word] = ("shown", "clicked", "answered", "later", "closed")


@dataclass(frozen=True)
class NextAction:
    """What to show: the popup of a touch."""

    touch_id: str
    screen: Screen


@dataclass(frozen=True)
class Response:
    """What became of a word: `gone`: it may not be shown any more; `no_answer`: that is none of the answers; `answers`: rules to judge now."""

    kind: Literal["kept", "gone", "no_answer"]
    answers: Sequence[Sequence[Due]] = ()


def next_action(system: System, visitor: Visitor, recent: Recent) -> NextAction | None:
    """What to show to the visitor now: of what was decided, the first in the written order that still has ground. Changes nothing.

    `recent`: what this process remembers of before.
    """
    for occasion in with_ground(system, visitor.account, visitor.contact, POPUP, recent):
        if occasion.touch.reply is not None:
            continue
        try:
            return NextAction(occasion.touch.id, PopupChannel(system.workspace, deployment_of(system.config)).screen(occasion))
        except Unwritable:
            continue  # a popup that cannot be written is none; preview and lint tell why
    return None


def with_ground(system: System, account: str, contact: str | None, channel: str, recent: Recent) -> Iterator[Occasion]:
    """What was decided for somebody who is there and still has ground, in the written order, each with all that it is written from."""
    workspace, now = system.workspace, system.clock.now()
    with system.ledger.read() as connection:
        found = _of(account, contact, ledger_screen.on_screen(connection, account, channel, now, workspace.zone.day(now)))
        found = [replace(each, rule=workspace.rule_now(each.rule) or each.rule) for each in found]
        kept = kept_folds(connection, workspace, found[:1], now)
    if not found:
        return
    fold = (kept or folds_anew(system, workspace, found[:1], now))[found[0].id]
    answer = system.evaluator(workspace).answer(fold, now, recent.stale(system, workspace, now))
    with system.ledger.read() as connection:
        standing = read_standings(connection, workspace, [Judged(account, fold, answer)], now)[account]
    recipient = NOBODY if contact is None else contact_of(fold, contact)
    for touch in sorted(found, key=lambda each: (workspace.ranks.get(each.rule, (len(workspace.ranks), 0)), -each.decided_at)):
        others = [past for past in standing.touches if past.id != touch.id]
        planned = Planned(touch.rule, touch.per_value, touch.decided_at, touch.deadline)
        here = replace(standing, answer=answer, touches=others)
        if (is_over(planned, here) is None) if touch.state is State.SENT else judge_again(planned, here, now).kind == "go":
            yield Occasion(touch, answer, fold, recipient, now)


def respond(system: System, visitor: Visitor, touch_id: str, word: Word, said: str = "") -> Response:
    """Keep what the visitor did: a record of the account, once however often it is told, and what he answered as a value."""
    workspace, now = system.workspace, system.clock.now()
    with system.ledger.write() as connection:
        touch = next(iter(_of(visitor.account, visitor.contact, ledger_touches.get_touches(connection, [touch_id]))), None)
        if touch is None or touch.channel != POPUP or touch.state not in {State.PENDING, State.SENT}:
            return Response("gone")
        answer = _answer(system, touch, visitor, said, now) if word == "answered" else []
        if answer is None:
            return Response("no_answer")
        records = first_shown(connection, workspace, touch, visitor.contact, now)
        if word != "shown" and ledger_screen.mark_answered(connection, touch.id, word):
            records += [*answer, _told(touch, visitor, word, now)]
        return Response("kept", take_in(connection, workspace, records, now))


def first_shown(connection: Connection, workspace: Workspace, touch: Touch, contact: str | None, now: int) -> list[Record]:
    """Mark a touch as shown; the record of it, the first time."""
    if not ledger_screen.mark_shown(connection, touch.id, now, last_day(workspace.zone.day(now), touch.valid_days)):
        return []
    return [replace(outcome_record(touch, State.SENT, now), contact_id=contact or touch.contact_id)]


def _of(account: str, contact: str | None, touches: Sequence[Touch]) -> list[Touch]:
    """What is for one person is nobody else's."""
    return [each for each in touches if each.account_id == account and each.contact_id in {None, contact}]


def _told(touch: Touch, visitor: Visitor, word: Word, now: int) -> Record:
    said = json.dumps({"touch": touch.id, "rule": touch.rule}, ensure_ascii=False)
    return Record("banso", f"{touch.id}:{word}", touch.account_id, now, 0, visitor.contact, f"popup.{word}", properties=said)


def _answer(system: System, touch: Touch, visitor: Visitor, said: str, now: int) -> list[Record] | None:
    """The answer as a value of the field that the rule names; None where it is no answer."""
    action = system.workspace.action_of(touch.rule)
    if not isinstance(action, AskPopup):
        return None
    record = answer_record(system.workspace, touch, action.save_to, said, now)
    return None if record is None else [replace(record, contact_id=visitor.contact)]
