"""Scarce things of a night are given out before it decides, lane by lane, in the order that the workspace writes for them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from engine.decision.arbitrate import decide
from engine.decision.candidates import Docket
from engine.decision.draws import bucket
from engine.decision.gates import first_finding
from engine.decision.scarce import Allotment, Granted, Stock, has_reached, is_sample, is_scarce, rank_of
from engine.decision.standing import Candidate, Standing
from engine.pipeline.matched import BATCH, Asked, Matched
from engine.rulebook.actions import LANES, Lane

StandingsOf = Callable[[Sequence[Matched]], list[Standing]]


@dataclass(frozen=True)
class Giving:
    """Allots from the stock in one lane and remembers every answer; in the lanes before it repeats what was given."""

    stock: Stock
    given: dict[tuple[str, str], Allotment] = field(default_factory=dict)

    def allot(self, candidate: Candidate, standing: Standing) -> Allotment:
        key = (standing.account_id, candidate.rule_id)
        if key not in self.given:
            self.given[key] = self.stock.allot(candidate, standing)
        return self.given[key]


@dataclass(frozen=True)
class Hoping:
    """Repeats what was given and has enough of everything else: who would win if nothing were scarce."""

    given: Mapping[tuple[str, str], Allotment]

    def allot(self, candidate: Candidate, standing: Standing) -> Allotment:
        return self.given.get((standing.account_id, candidate.rule_id), Allotment())


@dataclass(frozen=True)
class Granting:
    """What is scarce at one instant, being given out; `skip` holds accounts that are already decided."""

    asked: Asked
    stock: Stock
    standings_of: StandingsOf
    skip: frozenset[str]

    @cached_property
    def giving(self) -> Giving:
        return Giving(self.stock)

    @cached_property
    def docket(self) -> Docket:
        return Docket(self.asked.workspace, self.asked.instant)

    def lane(self, lane: Lane) -> None:
        workspace = self.asked.workspace
        rules = [rule for rule in self.asked.rules if workspace.rules[rule].do.lane == lane and is_scarce(workspace.rules[rule], workspace)]
        for rule in rules:
            if is_sample(workspace.rules[rule]):
                self.stock.drawn[rule] = self._drawn(rule)
        for matched, standing in self._in_rank(rules, lane) if rules else ():
            decide(self._until(lane, matched), standing, self.giving, first_finding)

    def _drawn(self, rule_id: str) -> frozenset[str]:
        """The accounts that a sample reaches next: by lot, of those for whom the rule would win."""
        rule = self.asked.workspace.rules[rule_id]
        accounts = [matched.account_id for matched, standing in self._in_rank([rule_id], rule.do.lane) if self._would_win(rule_id, matched, standing)]
        accounts.sort(key=lambda account: (bucket(account, rule.salt(rule_id, "try")), account))
        return frozenset(accounts[: max(self.stock.left_in(rule_id, rule), 0)])

    def _would_win(self, rule_id: str, matched: Matched, standing: Standing) -> bool:
        """Whether the rule would reach the account for the first time."""
        candidates = self._until(self.asked.workspace.rules[rule_id].do.lane, matched)
        won = [each.candidate for each in decide(candidates, standing, Hoping(self.giving.given), first_finding) if each.outcome == "won"]
        return any(each.rule_id == rule_id and not has_reached(each, standing) for each in won)

    def _in_rank(self, rules: Sequence[str], lane: Lane) -> Iterator[tuple[Matched, Standing]]:
        found = [each for batch in self.asked.batches(rules) for each in batch if each.account_id not in self.skip]
        found.sort(key=lambda each: rank_of(self.asked.workspace, lane, each.account_id, each.answer.columns))
        for start in range(0, len(found), BATCH):
            batch = found[start : start + BATCH]
            yield from zip(batch, self.standings_of(batch), strict=True)

    def _until(self, lane: Lane, matched: Matched) -> list[Candidate]:
        """The candidates of the lanes up to this one: what is won before may hold it."""
        lanes = LANES[: LANES.index(lane) + 1]
        rules = (rule for rule in matched.rules if self.asked.workspace.rules[rule].do.lane in lanes)
        return [self.docket.candidate(rule, matched.account_id, matched.answer.columns) for rule in rules]


def grant(asked: Asked, stock: Stock, standings_of: StandingsOf, skip: frozenset[str] = frozenset()) -> Granted:
    """Who gets what is scarce. Each candidate that would win asks in its turn; `skip` holds accounts that are already decided."""
    granting = Granting(asked, stock, standings_of, skip)
    for lane in LANES:
        granting.lane(lane)
    return Granted(granting.giving.given, closed=True)
