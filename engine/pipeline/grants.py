"""Scarce things of a night are given out before it decides, lane by lane, in the order that the workspace writes for them."""

from collections.abc import Callable, Iterator, Sequence

from engine.decision.arbitrate import decide
from engine.decision.candidates import Docket
from engine.decision.gates import first_finding
from engine.decision.scarce import Allotment, Granted, Stock, is_scarce, rank_of
from engine.decision.standing import Candidate, Standing
from engine.pipeline.matched import BATCH, Asked, Matched
from engine.rulebook.actions import LANES, Lane

StandingsOf = Callable[[Sequence[Matched]], list[Standing]]


class Giving:
    """Allots from the stock in one lane and remembers every answer; in the lanes before it repeats what was given."""

    def __init__(self, stock: Stock) -> None:
        self.stock, self.given = stock, dict[tuple[str, str], Allotment]()

    def allot(self, candidate: Candidate, standing: Standing) -> Allotment:
        key = (standing.account_id, candidate.rule_id)
        if key not in self.given:
            self.given[key] = self.stock.allot(candidate, standing)
        return self.given[key]


def grant(asked: Asked, stock: Stock, standings_of: StandingsOf, skip: frozenset[str] = frozenset()) -> Granted:
    """Who gets what is scarce. Each candidate that would win asks in its turn; `skip` holds accounts that are already decided."""
    giving, docket = Giving(stock), Docket(asked.workspace, asked.instant)
    for lane in LANES:
        rules = [
            rule for rule in asked.rules if asked.workspace.rules[rule].do.lane == lane and is_scarce(asked.workspace.rules[rule], asked.workspace)
        ]
        for batch in _in_rank(asked, rules, lane, skip) if rules else ():
            for matched, standing in zip(batch, standings_of(batch), strict=True):
                decide(_until(lane, matched, docket), standing, giving, first_finding)
    return Granted(giving.given, closed=True)


def _in_rank(asked: Asked, rules: Sequence[str], lane: Lane, skip: frozenset[str]) -> Iterator[list[Matched]]:
    found = [each for batch in asked.batches(rules) for each in batch if each.account_id not in skip]
    found.sort(key=lambda each: rank_of(asked.workspace, lane, each.account_id, each.answer.columns))
    for start in range(0, len(found), BATCH):
        yield found[start : start + BATCH]


def _until(lane: Lane, matched: Matched, docket: Docket) -> list[Candidate]:
    """The candidates of the lanes up to this one: what is won before may hold it."""
    lanes = LANES[: LANES.index(lane) + 1]
    rules = (rule for rule in matched.rules if docket.workspace.rules[rule].do.lane in lanes)
    return [docket.candidate(rule, matched.answer.columns) for rule in rules]
