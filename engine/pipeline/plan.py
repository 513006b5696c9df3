"""plan: what a night at an instant would do, without doing it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.decision.arbitrate import Decision, decide
from engine.decision.candidates import Docket
from engine.decision.gates import first_finding
from engine.decision.standing import Standing
from engine.pipeline.evaluate import stale_at
from engine.pipeline.grants import grant
from engine.pipeline.load import Progress
from engine.pipeline.matched import BATCH, Asked, Counted, Matched, ask, nightly_rules
from engine.pipeline.standings import read_stock, standings_of
from engine.pipeline.system import System
from engine.rulebook.actions import LANES
from engine.workspace.model import Workspace

STAGE = "stage"


@dataclass(frozen=True)
class RulePlanned:
    """One rule of a planned night, in accounts. `unknown`: nobody could tell; `staged`: those of the gated that the stage alone keeps back.

    `reason`: the most common one for not sending, the stage apart; of `lost_to` with the rule that won.
    """

    lane: str
    rule_id: str
    title: str
    stage: str
    matched: int
    unknown: int
    gated: int
    staged: int
    lost: int
    won: int
    reason: str | None
    reason_count: int
    due_at: int | None
    winners: Sequence[str]


@dataclass(frozen=True)
class Planned:
    """A planned night."""

    instant: int
    rule_set: str
    accounts: int
    log_until: int | None
    stale: frozenset[str]
    rules: Sequence[RulePlanned]

    @property
    def won(self) -> int:
        return sum(rule.won for rule in self.rules)


@dataclass
class _Tally:
    """Decisions of one rule, counted."""

    outcomes: Counter[str]
    reasons: Counter[str]
    winners: list[str]
    due_at: int | None = None

    def add(self, account: str, decision: Decision) -> None:
        self.outcomes[decision.outcome] += 1
        if decision.outcome == "won":
            self.winners.append(account)
            due_at = decision.candidate.due_at
            self.due_at = due_at if self.due_at is None else min(self.due_at, due_at)
        elif decision.outcome in {"gated", "withheld"}:
            self.reasons[f"{decision.reason}"] += 1
        else:
            self.reasons[f"{decision.reason}:{decision.detail}"] += 1


def plan(system: System, instant: int, progress: Progress, rules: Workspace | None = None) -> Planned:
    """Judge every account as `nightly` would and count, by these rules if not by today's; nothing is written and nobody is touched."""
    workspace = rules or system.workspace
    stale = stale_at(system, workspace, instant)
    tallies = {rule: _Tally(Counter(), Counter(), []) for rule in nightly_rules(workspace)}
    with system.records(declared=workspace) as records:
        asked = ask(workspace, records, instant, stale)
        counted = asked.counted()
        for done, (matched, decisions) in enumerate(decide_all(system, asked)):
            if done % BATCH == 0:
                progress("plan", done, counted.matched)
            for decision in decisions:
                tallies[decision.candidate.rule_id].add(matched.account_id, decision)
        progress("", counted.matched, counted.matched)
        row = records.duck.execute("SELECT max(occurred_at) FROM records WHERE occurred_at <= ? AND known_at <= ?", [instant, instant]).fetchone()
    told = [_planned(workspace, rule, counted, tallies[rule]) for lane in LANES for rule in workspace.order[lane] if rule in tallies]
    return Planned(instant, workspace.hash, counted.accounts, row[0] if row else None, stale, told)


def decide_all(system: System, asked: Asked) -> Iterator[tuple[Matched, list[Decision]]]:
    """Each matched account with its decisions, as a night at that instant would make them."""
    workspace = asked.workspace

    def standings(batch: Sequence[Matched]) -> list[Standing]:
        with system.ledger.read() as connection:
            return standings_of(connection, workspace, batch, asked.instant, before=asked.instant)

    with system.ledger.read() as connection:
        stock = read_stock(connection, workspace, asked.instant)
    granted, docket = grant(asked, stock, standings), Docket(workspace, asked.instant)
    for batch in asked.batches():
        for matched, standing in zip(batch, standings(batch), strict=True):
            candidates = [docket.candidate(rule, matched.account_id, matched.answer.columns) for rule in matched.rules]
            yield matched, decide(candidates, standing, granted, first_finding)


def _planned(workspace: Workspace, rule_id: str, counted: Counted, tally: _Tally) -> RulePlanned:
    rule = workspace.rules[rule_id]
    staged = tally.reasons.pop(STAGE, 0)
    reason, number = next(iter(tally.reasons.most_common(1)), (None, 0))
    match, unknown = counted.rules[rule_id]
    if unknown > number:
        reason, number = "unknown", unknown
    return RulePlanned(
        lane=rule.do.lane,
        rule_id=rule_id,
        title=rule.title,
        stage=rule.stage,
        matched=match,
        unknown=unknown,
        gated=tally.outcomes["gated"],
        staged=staged,
        lost=tally.outcomes["lost"],
        won=tally.outcomes["won"],
        reason=reason,
        reason_count=number,
        due_at=tally.due_at,
        winners=tuple(tally.winners),
    )
