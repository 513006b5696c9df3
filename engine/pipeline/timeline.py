"""timeline: what happened to an account until an instant, with what banso did as it stood then."""

import json
from dataclasses import dataclass

from engine.channels.words import title_of
from engine.errors import refuse
from engine.ledger import touches as ledger_touches
from engine.pipeline.system import System
from engine.records.lake import read_accounts
from engine.records.record import Record, bucket_of
from engine.touches.touch import State, Touch
from engine.workspace.model import Workspace

ARTICLE_VIEWED = "help.viewed"


@dataclass(frozen=True)
class Moment:
    """One entry of a timeline: a record, or a touch with its state, the reason for it, and its window's last day."""

    at: int
    kind: str  # record | touch
    what: str
    detail: str
    source: str
    window_until: int | None = None
    state: State | None = None
    reason: str | None = None


def timeline(system: System, account: str, instant: int) -> list[Moment]:
    """What happened to an account until an instant, in order of time, with what banso did."""
    with system.records([bucket_of(account)], [account]) as records:
        found = read_accounts(records.duck, [account])[account]
    with system.ledger.read() as connection:
        touches = ledger_touches.touches_of(connection, [account], until=instant)
    if not found and not touches:
        raise refuse("E640", account, account=account)
    workspace = system.workspace
    moments = [
        _of_record(workspace, record)
        for record in found
        if record.occurred_at <= instant and record.known_at <= instant and record.event != "mail.sent"
    ]
    moments += [_of_touch(touch, instant) for touch in touches]
    return sorted(moments, key=lambda each: (each.at, each.kind, each.what))


def _of_record(workspace: Workspace, record: Record) -> Moment:
    if record.field is not None:
        return Moment(record.occurred_at, "record", record.field, record.value or "", record.source)
    return Moment(record.occurred_at, "record", record.event or "", _said(workspace, record), record.source)


def _said(workspace: Workspace, record: Record) -> str:
    """The properties as they came; an article of ours under its title."""
    if record.event != ARTICLE_VIEWED or record.properties is None:
        return record.properties or ""
    name = json.loads(record.properties).get("article")
    return f"{title_of(workspace, name)} ({name})" if isinstance(name, str) and name in (workspace.articles or {}) else record.properties


def _of_touch(touch: Touch, instant: int) -> Moment:
    """A touch that was sent, or ended, only later still waited at the instant."""
    if _changed_at(touch) > instant:
        return Moment(touch.decided_at, "touch", touch.rule, "", touch.channel, state=State.PENDING)
    at = touch.sent_at or touch.decided_at
    return Moment(at, "touch", touch.rule, touch.detail or "", touch.channel, touch.window_last_day, touch.state, touch.reason)


def _changed_at(touch: Touch) -> int:
    """When the touch came into its state, as far as the ledger tells; before it was due nothing can have ended it but its own night."""
    if touch.state in {State.PENDING, State.WITHHELD}:
        return touch.decided_at
    if touch.state is State.EXPIRED:
        return touch.deadline
    return touch.sent_at or touch.begun_at or touch.due_at
