"""The ledger of a backtest: imagined touches of all accounts, in memory."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from engine.decision.arbitrate import Decision
from engine.decision.candidates import due_day
from engine.decision.standing import PastTouch
from engine.rulebook.actions import Task
from engine.touches.touch import last_day
from engine.workspace.model import Workspace

LISTED = frozenset({"call", "crm", "slack"})  # channels whose touch is done when it is listed


@dataclass(frozen=True)
class Imagined:
    """A touch that a replayed night would have made; it goes out when it is due."""

    account_id: str
    rule: str
    per_value: str
    decided_at: int
    due_at: int
    withheld: bool
    place: str | None

    def plain(self) -> dict[str, object]:
        return asdict(self)


class Memory:
    """Everything imagined so far, by account, and what of it is not in the log yet."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.touches: dict[str, list[tuple[Imagined, PastTouch]]] = defaultdict(list)
        self.made: Counter[str] = Counter()
        self._unsent: list[Imagined] = []
        self._serial = 0

    def take(self, account: str, decisions: Iterable[Decision], instant: int) -> list[Imagined]:
        """Remember the touches of an account's decisions."""
        made = [
            Imagined(
                account, each.candidate.rule_id, each.candidate.per_value, instant, each.candidate.due_at, each.outcome == "withheld", each.place
            )
            for each in decisions
            if each.outcome in {"won", "withheld"}
        ]
        for each in made:
            self._keep(each)
        return made

    def restore(self, touches: Sequence[dict[str, object]]) -> None:
        for each in touches:
            self._keep(Imagined(**each))  # type: ignore[arg-type]  # our own JSON

    def _keep(self, touch: Imagined) -> None:
        self.touches[touch.account_id].append((touch, self._sent(touch)))
        if not touch.withheld:
            self.made[touch.rule] += 1
            self._unsent.append(touch)

    def sent_by(self, instant: int) -> list[Imagined]:
        """What went out until an instant and is not in the log yet."""
        come = [each for each in self._unsent if each.due_at <= instant]
        self._unsent = [each for each in self._unsent if each.due_at > instant]
        return come

    def past(self, account: str, instant: int) -> list[PastTouch]:
        """An account's touches as the gates see them at an instant."""
        found = self.touches.get(account)
        if not found:
            return []
        return [sent if each.due_at <= instant or each.withheld else self._waiting(sent) for each, sent in found]

    def _sent(self, touch: Imagined) -> PastTouch:
        rule, zone = self.workspace.rules[touch.rule], self.workspace.zone
        day = zone.day(touch.due_at)
        return PastTouch(
            id="imagined",
            rule=touch.rule,
            per_value=touch.per_value,
            goal=rule.goal,
            lane=rule.do.lane,
            channel=rule.do.channel,
            day=day,
            begun_at=touch.due_at,
            window_last_day=last_day(day, self.workspace.valid_days(rule)),
            is_sent=not touch.withheld,
            is_withheld=touch.withheld,
            hold=rule.do.held,
            hold_until=due_day(self.workspace, rule.do, touch.due_at) if isinstance(rule.do, Task) else None,
        )

    @staticmethod
    def _waiting(sent: PastTouch) -> PastTouch:
        changed = {**{name: getattr(sent, name) for name in sent.__dataclass_fields__}, "begun_at": None, "window_last_day": None, "is_sent": False}
        return PastTouch(**changed)

    def places(self, today: int) -> dict[str, int]:
        """Scarce place → touches that hold it on a day."""
        held: Counter[str] = Counter()
        for each, sent in (pair for pairs in self.touches.values() for pair in pairs):
            if each.place is not None and not each.withheld and sent.window_last_day is not None and sent.window_last_day >= today:
                held[each.place] += 1
        return dict(held)

    def row(self, touch: Imagined) -> dict[str, object]:
        """A touch as a record of the log."""
        rule = self.workspace.rules[touch.rule]
        self._serial += 1
        word = "listed" if rule.do.channel in LISTED else "sent"
        said = json.dumps({"rule": touch.rule, "goal": rule.goal, "per": touch.per_value}, ensure_ascii=False)
        at = {"occurred_at": touch.due_at, "known_at": touch.due_at}
        own = {"source": "banso", "source_id": f"imagined:{self._serial}", "event": f"{rule.do.channel}.{word}", "properties": said}
        return {"account_id": touch.account_id, "number": self.workspace.valid_days(rule), **at, **own}
