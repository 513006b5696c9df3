"""The nearest miss: in how many days a rule would match by the days that pass alone, if nothing else happens."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from engine.facts.days_since import Counting, DaysSince
from engine.facts.days_until import DaysUntil
from engine.rulebook.python import Known, Verdict
from engine.workspace.model import Workspace

STALLED_DAYS = "stalled_days"
LOOKS_AHEAD = 120  # days; what is further off is not near


@dataclass(frozen=True)
class ConditionSeen:
    """One condition of a rule as written, its verdict for an account, and the values of the facts it reads; `opened`: what its segment asks for."""

    kind: str  # when | unless
    written: object
    verdict: Verdict
    values: Mapping[str, Known]
    opened: Sequence[object] = ()

    @property
    def is_fulfilled(self) -> bool:
        return self.verdict is (self.kind == "when")


def days_until_match(workspace: Workspace, conditions: Sequence[ConditionSeen], today: int) -> int | None:
    """Calendar days from `today` until all conditions hold; None where days alone do not bring that about."""
    at_day = [_fulfilled_by_day(workspace, each, today) for each in conditions]
    return next((days for days in range(1, LOOKS_AHEAD + 1) if all(fulfilled(today + days) for fulfilled in at_day)), None)


def _fulfilled_by_day(workspace: Workspace, condition: ConditionSeen, today: int) -> Callable[[int], bool]:
    """Local day → whether the condition is fulfilled then; one that counts no days stays as it is."""
    fact, wanted = next(iter(condition.written.items())) if isinstance(condition.written, dict) else ("", None)
    counted, value = _counted(workspace, fact), condition.values.get(fact)
    limits = _limits(wanted)
    if counted is None or not isinstance(value, int) or limits is None:
        return lambda _day: condition.is_fulfilled
    sign, counting = counted
    low, high = limits

    def fulfilled(day: int) -> bool:
        passed = day - today if counting == "calendar" else sum(workspace.business.is_open(each) for each in range(today + 1, day + 1))
        return (low <= value + sign * passed <= high) is (condition.kind == "when")

    return fulfilled


def _counted(workspace: Workspace, fact: str) -> tuple[int, Counting] | None:
    """Whether a fact rises (1) or falls (-1) by one with each day, and which days those are; None if it does neither."""
    if fact == STALLED_DAYS:
        return 1, workspace.route.spec.stalled
    match workspace.facts.get(fact):
        case DaysSince(count=counting):
            return 1, counting
        case DaysUntil(count=counting):
            return -1, counting
    return None


def _limits(wanted: object) -> tuple[float, float] | None:
    """The least and the greatest value that are wanted, of a comparison as written."""
    match wanted:
        case int() if not isinstance(wanted, bool):
            return wanted, wanted
        case {"at_least": int(low)}:
            return low, float("inf")
        case {"at_most": int(high)}:
            return float("-inf"), high
        case {"between": [int(low), int(high)]}:
            return low, high
        case {"is": int(value)}:
            return value, value
    return None
