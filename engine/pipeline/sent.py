"""What was sent, by touch: for demonstrations and for whoever holds a Message-ID."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.facts.fold import parse
from engine.ledger import touches as ledger_touches
from engine.pipeline.system import System


@dataclass(frozen=True)
class SentTouch:
    """A touch that went out. `step` is the step the account stood at when it was decided."""

    id: str
    account_id: str
    contact_id: str | None
    rule: str
    step: str | None
    decided_at: int


def sent_touches(system: System, ids: Sequence[str]) -> list[SentTouch]:
    """The touches of these ids in the order of the ids; strangers are left out."""
    workspace = system.workspace
    evaluator = system.evaluator(workspace)
    with system.ledger.read() as connection:
        found = {touch.id: touch for touch in ledger_touches.get_touches(connection, list(ids))}
    sent = []
    for touch in (found[each] for each in ids if each in found):
        answer = evaluator.answer(parse(touch.fold), touch.decided_at, frozenset())
        step = answer.columns.get("next_step")
        sent.append(SentTouch(touch.id, touch.account_id, touch.contact_id, touch.rule, str(step) if step else None, touch.decided_at))
    return sent
