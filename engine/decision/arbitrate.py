"""From the rules that matched to one winner per lane, with a reason for every other."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

from engine.decision.draws import drawn
from engine.decision.gates import COMPARED, LOST, RULE_HOLDOUT, findings
from engine.decision.scarce import Allotter
from engine.decision.standing import Candidate, Standing
from engine.detail import detail
from engine.rulebook.actions import Lane

Outcome = Literal["won", "withheld", "gated", "lost"]


@dataclass(frozen=True)
class Decision:
    """What became of one rule that matched. `stopped_by` holds every gate that stopped it; `reason` is the first.

    `detail` is what that gate found, as `engine.detail` writes it; of `lost_to` it is the rule that won instead.
    `withheld`: it won, and is kept back so that sending can be compared with not sending. `place`: the scarce thing it takes.
    """

    candidate: Candidate
    lane: Lane
    outcome: Outcome
    reason: str | None = None
    detail: str | None = None
    stopped_by: Mapping[str, str] | None = None
    place: str | None = None


Findings = Callable[[Candidate, Standing], dict[str, str]]


def decide(candidates: Sequence[Candidate], standing: Standing, allotter: Allotter, gates: Findings = findings) -> list[Decision]:
    """Judge all candidates of one account, lane by lane: gates first, then the highest in the written order that gets what it needs."""
    ranks = standing.workspace.ranks
    decisions: list[Decision] = []
    for lane, group in groupby(sorted(candidates, key=lambda each: ranks[each.rule_id]), key=lambda each: each.rule.do.lane):
        found = list(_decide_lane(lane, group, standing, allotter, gates))
        decisions += found
        if winners := [each.candidate for each in found if each.outcome == "won"]:
            standing = _after(standing, winners)
    return decisions


def _after(standing: Standing, winners: Sequence[Candidate]) -> Standing:
    """What the next lane sees: the lanes that tasks won in this one hold, and the load taken on."""
    held = {lane: each.rule_id for each in winners for lane in each.rule.do.held}
    points = sum(standing.workspace.settings.channels[each.rule.do.channel].load for each in winners)
    return replace(standing, holding={**held, **standing.holding}, taken_on=standing.taken_on + points)


def _decide_lane(lane: Lane, candidates: Iterator[Candidate], standing: Standing, allotter: Allotter, gates: Findings) -> Iterator[Decision]:
    """One winner, save in the internal lane, where everything happens."""
    winner = None
    for candidate in candidates:
        stopped_by = gates(candidate, standing)
        if stopped_by:
            reason, found = next(iter(stopped_by.items()))
            yield Decision(candidate, lane, "gated", reason, found, stopped_by)
        elif winner is not None:
            yield Decision(candidate, lane, "lost", LOST, winner)
        else:
            decision = _settled(candidate, lane, standing, allotter)
            if decision.outcome in {"won", "withheld"} and lane != "internal":
                winner = candidate.rule_id
            yield decision


def _settled(candidate: Candidate, lane: Lane, standing: Standing, allotter: Allotter) -> Decision:
    """The highest candidate: withheld for comparison, refused for want of a place, or the winner."""
    rule = candidate.rule
    compared = rule.holdout is not None and lane in COMPARED and not rule.do.is_service
    if compared and rule.holdout and drawn(standing.account_id, rule.salt(candidate.rule_id, "rule"), rule.holdout.percent):
        return Decision(candidate, lane, "withheld", RULE_HOLDOUT, detail("percent", rule.holdout.percent))
    given = allotter.allot(candidate, standing)
    if given.reason is not None:
        return Decision(candidate, lane, "gated", given.reason, given.detail, {given.reason: given.detail or ""})
    return Decision(candidate, lane, "won", place=given.place)
