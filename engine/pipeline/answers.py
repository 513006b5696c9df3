"""What customers answer, wherever they were asked: a value of the field that the rule names, known to the next rule at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from engine.calendar import DAY, SECOND
from engine.channels.mail.tags import ANSWER, touch_of
from engine.channels.question import Question, accepted, question_about
from engine.ledger import touches as ledger_touches
from engine.ledger.dues import Due
from engine.ledger.open import Connection
from engine.pipeline.realtime import take_in
from engine.pipeline.system import System
from engine.records.record import Record
from engine.records.values import normalise
from engine.rulebook.actions import SendMail
from engine.touches.touch import Touch
from engine.workspace.model import Workspace

ASKED_FOR = 60 * DAY  # so long after the mail its buttons are answered; what somebody says of it later is about another time


@dataclass(frozen=True)
class Asked:
    """What a mail asked its receiver: field → question, the first one by its buttons, the others on the page behind them."""

    touch: Touch
    questions: Mapping[str, Question]
    follow_up: Mapping[str, str]  # answer → the field that is asked for next


@dataclass(frozen=True)
class Answered:
    """`next_field`: what to ask now; `answers`: rules to be judged now."""

    asked: Asked
    next_field: str | None
    answers: Sequence[Sequence[Due]]


class NoAnswer(Exception):
    """That is none of the answers to what was asked."""

    def __init__(self, asked: Asked) -> None:
        super().__init__("none of the answers")
        self.asked = asked


def answer_record(workspace: Workspace, touch: Touch, field: str, said: str, now: int) -> Record | None:
    """An answer as a value of the field, from the source that owns it; None where it is no answer. Told twice within a second it is one."""
    day = workspace.zone.day(now)
    if not accepted(workspace, field, said, day):
        return None
    value, number = normalise(workspace.field_kinds().get(field, "text"), said, day)
    identity = f"{touch.channel}:{touch.id}:{field}:{sha256(said.encode()).hexdigest()[:8]}:{now // SECOND}"
    return Record(workspace.source_of(field), identity, touch.account_id, now, 0, touch.contact_id, field=field, value=value, number=number)


def asked_by(system: System, secret: bytes, token: str) -> Asked | None:
    """What the mail behind a link asked; changes nothing. None where the link is not ours, too old, or nobody asks that any more."""
    with system.ledger.read() as connection:
        return _asked(system.workspace, connection, secret, token, system.clock.now())


def keep_answer(system: System, secret: bytes, token: str, field: str, said: str) -> Answered | None:
    """Keep an answer; a later one goes before it. None as for `asked_by`. Raises NoAnswer."""
    workspace, now = system.workspace, system.clock.now()
    with system.ledger.write() as connection:
        asked = _asked(workspace, connection, secret, token, now)
        if asked is None:
            return None
        record = answer_record(workspace, asked.touch, field, said, now) if field in asked.questions else None
        if record is None:
            raise NoAnswer(asked)
        told = Record("banso", f"{record.source_id}:answered", asked.touch.account_id, now, 0, asked.touch.contact_id, "mail.answered")
        is_first = field == next(iter(asked.questions))
        return Answered(asked, asked.follow_up.get(said) if is_first else None, take_in(connection, workspace, [record, told], now))


def _asked(workspace: Workspace, connection: Connection, secret: bytes, token: str, now: int) -> Asked | None:
    touch_id = touch_of(secret, ANSWER, token)
    touch = ledger_touches.get_touch(connection, touch_id) if touch_id is not None else None
    if touch is None or touch.begun_at is None or touch.begun_at < now - ASKED_FOR:
        return None
    action = workspace.action_of(touch.rule)
    if not isinstance(action, SendMail) or action.save_to is None:
        return None
    return Asked(touch, {field: question_about(workspace, field) for field in action.asks}, action.follow_up)
