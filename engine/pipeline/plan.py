"""plan: what a night at an instant would do, without doing it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.decision.arbitrate import Decision, decide
from engine.decision.candidates import candidate_of
from engine.pipeline.evaluate import bind, judge_accounts, judge_all, stale_at
from engine.pipeline.load import Progress
from engine.pipeline.nightly import batches, read_standings, totals
from engine.pipeline.system import Records, System
from engine.rulebook.statement import Question
from engine.workspace.model import Workspace


@dataclass(frozen=True)
class RulePlanned:
    """One rule of a planned night, in accounts. `unknown`: nobody could tell; `reason`: the most common one for not sending."""

    lane: str
    rule_id: str
    title: str
    stage: str
    matched: int
    unknown: int
    gated: int
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
            self.due_at = decision.candidate.due_at
        elif decision.outcome == "gated":
            self.reasons[f"{decision.reason}"] += 1
        else:
            self.reasons[f"{decision.reason}:{decision.detail}"] += 1


def plan(system: System, instant: int, progress: Progress) -> Planned:
    """Judge every account as `nightly` would and count; nothing is written and nobody is touched."""
    workspace = system.workspace
    stale = stale_at(system, workspace, instant)
    counts: dict[str, Counter[str]] = {rule: Counter() for rule in workspace.rules}
    tallies = {rule: _Tally(Counter(), Counter(), []) for rule in workspace.rules}
    with system.records() as records:
        judge_all(records, workspace, Question(), bind(workspace, records, instant, stale), "night")
        accounts, matched = totals(records, workspace, counts)
        done = 0
        for batch in batches(records, workspace):
            progress("plan", done, matched)
            _tally(system, workspace, records, batch, instant, stale, tallies)
            done += len(batch)
        progress("", matched, matched)
        row = records.duck.execute("SELECT max(occurred_at) FROM records WHERE occurred_at <= ? AND known_at <= ?", [instant, instant]).fetchone()
    rules = [_planned(workspace, rule, counts[rule], tallies[rule]) for lane in workspace.order.values() for rule in lane]
    return Planned(instant, workspace.hash, accounts, row[0] if row else None, stale, rules)


def _tally(
    system: System,
    workspace: Workspace,
    records: Records,
    batch: Sequence[tuple[str, list[str]]],
    instant: int,
    stale: frozenset[str],
    tallies: Mapping[str, _Tally],
) -> None:
    judged = judge_accounts(system, workspace, records, [account for account, _ in batch], instant, stale)
    with system.ledger.read() as connection:
        standings = read_standings(connection, workspace, list(judged.values()), instant)
    for account, rules in batch:
        candidates = [candidate_of(workspace, rule, dict(judged[account].answer.columns), instant) for rule in rules]
        for decision in decide(candidates, standings[account], workspace.order):
            tallies[decision.candidate.rule_id].add(account, decision)


def _planned(workspace: Workspace, rule_id: str, counted: Counter[str], tally: _Tally) -> RulePlanned:
    rule = workspace.rules[rule_id]
    reason, number = next(iter(tally.reasons.most_common(1)), (None, 0))
    if counted["unknown"] > number:
        reason, number = "unknown", counted["unknown"]
    return RulePlanned(
        lane=rule.do.lane,
        rule_id=rule_id,
        title=rule.title,
        stage=rule.stage,
        matched=counted["match"],
        unknown=counted["unknown"],
        gated=tally.outcomes["gated"],
        lost=tally.outcomes["lost"],
        won=tally.outcomes["won"],
        reason=reason,
        reason_count=number,
        due_at=tally.due_at,
        winners=tuple(tally.winners),
    )
