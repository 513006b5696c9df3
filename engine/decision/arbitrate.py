"""From the rules that matched to one winner per lane, with a reason for every other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from engine.decision.gates import LOST, findings
from engine.decision.standing import Candidate, Standing
from engine.rulebook.spec import Lane

Outcome = Literal["won", "gated", "lost"]


@dataclass(frozen=True)
class Decision:
    """What became of one rule that matched. `stopped_by` holds every gate that stopped it; `reason` is the first, or who won instead."""

    candidate: Candidate
    lane: Lane
    outcome: Outcome
    reason: str | None
    detail: str | None
    stopped_by: Mapping[str, str]


def decide(candidates: Sequence[Candidate], standing: Standing, order: Mapping[Lane, Sequence[str]]) -> list[Decision]:
    """Judge all candidates of one account: gates first, then the highest in the written order wins its lane."""
    decisions = []
    winners: dict[Lane, str] = {}
    for candidate in sorted(candidates, key=lambda each: _rank(each, order)):
        lane = candidate.rule.do.lane
        stopped_by = findings(candidate, standing)
        if stopped_by:
            reason, detail = next(iter(stopped_by.items()))
            decisions.append(Decision(candidate, lane, "gated", reason, detail, stopped_by))
        elif lane in winners:
            decisions.append(Decision(candidate, lane, "lost", LOST, winners[lane], {}))
        else:
            winners[lane] = candidate.rule_id
            decisions.append(Decision(candidate, lane, "won", None, None, {}))
    return decisions


def _rank(candidate: Candidate, order: Mapping[Lane, Sequence[str]]) -> tuple[str, int]:
    lane = candidate.rule.do.lane
    return (lane, order[lane].index(candidate.rule_id))
