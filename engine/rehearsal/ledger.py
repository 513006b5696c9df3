"""The ledger of a backtest: imagined touches of all accounts, in memory."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from engine.decision.arbitrate import Decision
from engine.decision.standing import PastTouch
from engine.rehearsal.imagined import Imagined, begun, traces, waiting
from engine.workspace.model import Workspace


class Memory:
    """Everything imagined so far, by account, and what of it is not in the log yet."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.touches: dict[str, list[tuple[Imagined, PastTouch]]] = defaultdict(list)
        self.reached: dict[str, set[str]] = defaultdict(set)
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
        self.touches[touch.account_id].append((touch, begun(self.workspace, touch, touch.due_at)))
        if not touch.withheld:
            self.reached[touch.rule].add(touch.account_id)
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
        return [sent if each.due_at <= instant or each.withheld else waiting(sent) for each, sent in found]

    def places(self, today: int) -> dict[str, int]:
        """Scarce place → touches that hold it on a day."""
        held: Counter[str] = Counter()
        for each, sent in (pair for pairs in self.touches.values() for pair in pairs):
            if each.place is not None and not each.withheld and sent.window_last_day is not None and sent.window_last_day >= today:
                held[each.place] += 1
        return dict(held)

    def row(self, touch: Imagined) -> dict[str, object]:
        """A touch as a record of the log."""
        self._serial += 1
        at = {"occurred_at": touch.due_at, "known_at": touch.due_at}
        return {"source": "banso", "source_id": f"imagined:{self._serial}", "account_id": touch.account_id, **at, **traces(self.workspace, touch)}
