"""What a backtest tells: touches per rule and week, load per account, collisions, use of what is scarce, who was never reached."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from engine.calendar import date_of_day
from engine.decision.arbitrate import Decision
from engine.decision.gates import LOST
from engine.rehearsal.ledger import Memory
from engine.workspace.model import Workspace

WEEK = 7


@dataclass(frozen=True)
class RuleReplayed:
    """One rule over all nights, in touches and in judgements of (account, night). `weeks`: Monday → touches."""

    lane: str
    rule_id: str
    title: str
    stage: str
    touches: int
    accounts: int
    gated: int
    lost: int
    withheld: int
    weeks: Mapping[str, int]
    reason: str | None


@dataclass(frozen=True)
class FirstNight:
    """The first night knows of no touch before it, so whoever matches gets something at once. `usual`: the median of the nights after it."""

    date: str
    touches: int
    usual: int | None


@dataclass(frozen=True)
class Backtested:
    """The summary. `in_seven_days`: median, 95th percentile and maximum over accounts of the most touches within any seven days."""

    nights: int
    accounts: int
    touches: int
    first_night: FirstNight
    never_reached: int
    never_reached_accounts: Sequence[str]
    in_seven_days: tuple[int, int, int]
    over_load: int
    rules: Sequence[RuleReplayed]
    collisions: Sequence[tuple[str, str, int]]
    calls: Mapping[str, tuple[int, int | None]]
    never_matched: Sequence[str]


@dataclass
class Nights:
    """Counts, night by night."""

    days: dict[int, dict[str, dict[str, int]]] = field(default_factory=dict)
    collisions: Counter[tuple[str, str]] = field(default_factory=Counter)
    loaded: set[str] = field(default_factory=set)

    def add(self, day: int, account: str, decisions: Iterable[Decision]) -> None:
        counts = self.days.setdefault(day, {})
        for each in decisions:
            word = each.reason if each.outcome == "gated" else each.outcome
            rule = counts.setdefault(each.candidate.rule_id, {})
            rule[str(word)] = rule.get(str(word), 0) + 1
            if each.reason == LOST and each.detail:
                self.collisions[each.detail, each.candidate.rule_id] += 1
            if "load" in (each.stopped_by or {}):
                self.loaded.add(account)

    def add_refused(self, day: int, refusals: Iterable[tuple[str, str]], accounts: int) -> None:
        """The same (rule, reason) of many accounts."""
        counts = self.days.setdefault(day, {})
        for rule_id, reason in refusals:
            rule = counts.setdefault(rule_id, {})
            rule[reason] = rule.get(reason, 0) + accounts

    def of_day(self, day: int) -> dict[str, object]:
        """What must be kept to go on later."""
        told = [[winner, loser, number] for (winner, loser), number in self.collisions.items()]
        return {"rules": self.days.setdefault(day, {}), "collisions": told, "loaded": sorted(self.loaded)}

    def restore(self, night: Mapping[str, Any]) -> None:
        self.days[night["day"]] = night["rules"]
        self.collisions = Counter({(winner, loser): number for winner, loser, number in night["collisions"]})
        self.loaded = set(night["loaded"])

    def summary(self, workspace: Workspace, accounts: set[str], memory: Memory) -> Backtested:
        reached = {account for account, touches in memory.touches.items() if any(not each.withheld for each, _ in touches)}
        judged = {rule for counts in self.days.values() for rule in counts}
        nightly = [rule_id for lane in workspace.order.values() for rule_id in lane if not workspace.rules[rule_id].triggers]
        acting = [rule_id for rule_id in nightly if workspace.rules[rule_id].stage in {"share", "try"}]
        calls = {date_of_day(day).isoformat(): (number, workspace.calls_on(day)) for day, number in sorted(_calls(memory).items())}
        return Backtested(
            nights=len(self.days),
            accounts=len(accounts),
            touches=sum(not each.withheld for touches in memory.touches.values() for each, _ in touches),
            first_night=self._first_night(workspace, memory),
            never_reached=len(accounts - reached),
            never_reached_accounts=sorted(accounts - reached),
            in_seven_days=_spread([_most_in_a_week(memory, account) for account in sorted(accounts)]),
            over_load=len(self.loaded),
            rules=[self._rule(workspace, rule_id, memory) for rule_id in acting],
            collisions=[(winner, loser, number) for (winner, loser), number in self.collisions.most_common(20)],
            calls=calls,
            never_matched=[rule_id for rule_id in acting if rule_id not in judged],
        )

    def _first_night(self, workspace: Workspace, memory: Memory) -> FirstNight:
        decided = Counter(workspace.zone.day(each.decided_at) for touches in memory.touches.values() for each, _ in touches if not each.withheld)
        first, *later = sorted(self.days)
        return FirstNight(date_of_day(first).isoformat(), decided[first], round(median(decided[day] for day in later)) if later else None)

    def _rule(self, workspace: Workspace, rule_id: str, memory: Memory) -> RuleReplayed:
        rule = workspace.rules[rule_id]
        total: Counter[str] = Counter()
        for counts in self.days.values():
            total.update(counts.get(rule_id, {}))
        gated = {word: number for word, number in total.items() if word not in {"won", "lost", "withheld"}}
        sent = [each for touches in memory.touches.values() for each, _ in touches if each.rule == rule_id and not each.withheld]
        weeks = Counter(_monday(workspace.zone.day(each.due_at)) for each in sent)
        reason = max(gated, key=lambda word: (gated[word], word)) if gated else None
        return RuleReplayed(
            lane=rule.do.lane,
            rule_id=rule_id,
            title=rule.title,
            stage=rule.stage,
            touches=len(sent),
            accounts=len({each.account_id for each in sent}),
            gated=sum(gated.values()),
            lost=total["lost"],
            withheld=total["withheld"],
            weeks={date_of_day(day).isoformat(): weeks[day] for day in sorted(weeks)},
            reason=reason,
        )


def _monday(day: int) -> int:
    """The Monday of a day's week; day 0 was a Thursday."""
    return day - (day + 3) % WEEK


def _calls(memory: Memory) -> Counter[int]:
    found: Counter[int] = Counter()
    for touches in memory.touches.values():
        found.update(sent.day for each, sent in touches if sent.channel == "call" and not each.withheld)
    return found


def _most_in_a_week(memory: Memory, account: str) -> int:
    """The most touches of an account within any seven days."""
    days = sorted(sent.day for each, sent in memory.touches.get(account, ()) if not each.withheld)
    return max((sum(day <= other < day + WEEK for other in days) for day in days), default=0)


def _spread(counts: Sequence[int]) -> tuple[int, int, int]:
    """Median, 95th percentile, maximum."""
    if not counts:
        return (0, 0, 0)
    ordered = sorted(counts)
    return (round(median(ordered)), ordered[min(len(ordered) * 95 // 100, len(ordered) - 1)], ordered[-1])
