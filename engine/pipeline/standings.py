"""What the gates need of each account, read from the ledger in one go, and what is left of scarce things."""

from collections.abc import Sequence
from dataclasses import replace

from engine.decision.recipient import Recipient, main_contact
from engine.decision.scarce import Stock, trial_place
from engine.decision.standing import PastTouch, Standing
from engine.ledger import approvals, holds
from engine.ledger import touches as ledger_touches
from engine.ledger.open import Connection
from engine.pipeline.evaluate import Judged
from engine.pipeline.matched import Matched
from engine.rulebook.actions import LANES
from engine.rulebook.python import Answer
from engine.touches.touch import State, Touch
from engine.workspace.model import Workspace


def read_standings(
    connection: Connection, workspace: Workspace, judged: Sequence[Judged], instant: int, *, before: int | None = None
) -> dict[str, Standing]:
    """The standing of each account; with `before`, only touches decided before that instant, as a past night saw them."""
    recipients = {each.account_id: main_contact(each.fold) for each in judged}
    counted = ledger_touches.counted_touches(connection, [each.account_id for each in judged], before=before)
    room = Room.read(connection, workspace, list(recipients.values()), instant)
    standings = {}
    for each in judged:
        past = _as_known(counted.get(each.account_id, []), workspace, before)
        standings[each.account_id] = room.standing(each.account_id, each.answer, recipients[each.account_id], past)
    return standings


def standings_of(
    connection: Connection, workspace: Workspace, batch: Sequence[Matched], instant: int, *, before: int | None = None
) -> list[Standing]:
    """The standing of each matched account, in order; `before` as above."""
    counted = ledger_touches.counted_touches(connection, [each.account_id for each in batch], before=before)
    room = Room.read(connection, workspace, [each.recipient for each in batch], instant)
    return [
        room.standing(each.account_id, each.answer, each.recipient, _as_known(counted.get(each.account_id, []), workspace, before)) for each in batch
    ]


def _as_known(touches: Sequence[Touch], workspace: Workspace, before: int | None) -> list[PastTouch]:
    """The touches of an account, or those that were decided before an instant, as they stood then."""
    if before is None:
        return [past_touch(touch, workspace) for touch in touches]
    return [past_touch(_as_of(touch, before), workspace) for touch in touches if touch.decided_at < before]


def _as_of(touch: Touch, instant: int) -> Touch:
    """What was begun later was still waiting then, and what ended later was under way."""
    if touch.state is State.WITHHELD:
        return touch
    if touch.begun_at is not None and touch.begun_at <= instant:
        return touch if touch.ended_at is None or touch.ended_at < instant else replace(touch, state=State.SENDING)
    as_now = touch.begun_at is None and (touch.ended_at is None or touch.ended_at < instant)
    return touch if as_now else replace(touch, state=State.PENDING, begun_at=None, sent_at=None, window_last_day=None)


class Room:
    """What all accounts of one decision share: pauses, suppressed addresses, approvals."""

    def __init__(self, workspace: Workspace, instant: int, suppressed: dict[str, frozenset[str]], connection: Connection) -> None:
        self.workspace, self.instant, self.suppressed = workspace, instant, suppressed
        self.pauses = holds.pauses_at(connection, instant)
        self.unapproved = unapproved_rules(connection, workspace)

    @classmethod
    def read(cls, connection: Connection, workspace: Workspace, recipients: Sequence[Recipient | None], instant: int) -> "Room":
        addresses = [recipient.address for recipient in recipients if recipient is not None and recipient.address is not None]
        return cls(workspace, instant, holds.suppressed_at(connection, addresses, instant), connection)

    def standing(self, account_id: str, answer: Answer, recipient: Recipient | None, touches: Sequence[PastTouch]) -> Standing:
        return Standing(
            account_id=account_id,
            instant=self.instant,
            workspace=self.workspace,
            answer=answer,
            recipient=recipient,
            pauses=self.pauses,
            suppressed=self.suppressed,
            unapproved=self.unapproved,
            touches=touches,
        )


def unapproved_rules(connection: Connection, workspace: Workspace) -> frozenset[str]:
    """Rules at `share` whose content nobody approved; where no approvers are named, nobody needs to."""
    if not workspace.settings.approvers:
        return frozenset()
    approved = approvals.approved(connection)
    shared = (rule_id for rule_id, rule in workspace.rules.items() if rule.stage == "share" and rule_id not in workspace.imagined_approved)
    return frozenset(rule_id for rule_id in shared if (rule_id, workspace.contents[rule_id]) not in approved)


def past_touch(touch: Touch, workspace: Workspace) -> PastTouch:
    """A touch as the gates see it."""
    return PastTouch(
        id=touch.id,
        rule=touch.rule,
        per_value=touch.per_value,
        goal=touch.goal,
        lane=touch.lane,
        channel=touch.channel,
        day=workspace.zone.day(touch.begun_at if touch.begun_at is not None else touch.due_at),
        begun_at=touch.begun_at,
        window_last_day=touch.window_last_day,
        is_sent=touch.state is State.SENT,
        is_withheld=touch.state in {State.WITHHELD, State.FAILED},
        hold=tuple(lane for lane in LANES if lane in touch.hold.split()),
        hold_until=touch.hold_until,
        ordinal=touch.ordinal,
    )


def read_stock(connection: Connection, workspace: Workspace, instant: int) -> Stock:
    """What is left of scarce things: places that touches hold, and how many accounts a trial has reached, also under its earlier ids."""
    today = workspace.zone.day(instant)
    used = ledger_touches.places_taken(connection, today)
    tried = {rule_id: rule for rule_id, rule in workspace.rules.items() if rule.stage == "try"}
    used |= {trial_place(rule_id): ledger_touches.accounts_reached(connection, rule.names(rule_id)) for rule_id, rule in tried.items()}
    return Stock(workspace, used)
