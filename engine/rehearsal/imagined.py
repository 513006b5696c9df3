"""Touches that a rehearsal only imagines, as the gates and the log see them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from engine.channels import done_event
from engine.decision.candidates import due_day
from engine.decision.standing import PastTouch
from engine.rulebook.actions import Task
from engine.touches.touch import last_day
from engine.workspace.model import Workspace


@dataclass(frozen=True)
class Imagined:
    """A touch that would have been made; it goes out when it is due, unless it is withheld for comparison."""

    account_id: str
    rule: str
    per_value: str
    decided_at: int
    due_at: int
    withheld: bool = False
    place: str | None = None


def begun(workspace: Workspace, touch: Imagined, at: int) -> PastTouch:
    """The touch after it went out, or after it was withheld."""
    rule, day = workspace.rules[touch.rule], workspace.zone.day(at)
    return PastTouch(
        id="imagined",
        rule=touch.rule,
        per_value=touch.per_value,
        goal=rule.goal,
        lane=rule.do.lane,
        channel=rule.do.channel,
        day=day,
        begun_at=at,
        window_last_day=last_day(day, workspace.valid_days(rule)),
        is_sent=not touch.withheld,
        is_withheld=touch.withheld,
        hold=rule.do.held,
        hold_until=due_day(workspace, rule.do, at) if isinstance(rule.do, Task) else None,
    )


def waiting(touch: PastTouch) -> PastTouch:
    """The same touch while it waits for its time."""
    return replace(touch, begun_at=None, window_last_day=None, is_sent=False)


def traces(workspace: Workspace, touch: Imagined) -> Mapping[str, object]:
    """What banso would write into the log: event, number of valid days, properties."""
    rule = workspace.rules[touch.rule]
    said = json.dumps({"rule": touch.rule, "goal": rule.goal, "per": touch.per_value}, ensure_ascii=False)
    return {"event": done_event(rule.do.channel), "number": workspace.valid_days(rule), "properties": said}
