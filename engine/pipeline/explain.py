"""explain, preview, facts: one account at an instant, recomputed from the log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from engine.calendar import date_of_day
from engine.decision.arbitrate import Decision, decide
from engine.decision.candidates import candidate_of
from engine.decision.scarce import Granted, is_scarce
from engine.errors import refuse
from engine.ledger import decisions as ledger_decisions
from engine.pipeline.evaluate import Judged, judge_one
from engine.pipeline.matched import nightly_rules
from engine.pipeline.nearest import ConditionSeen, days_until_match
from engine.pipeline.nightly import JOB
from engine.pipeline.standings import read_standings
from engine.pipeline.system import System
from engine.rulebook.actions import LANES, Lane
from engine.rulebook.python import Known, Verdict
from engine.workspace.model import Workspace

ACTING = frozenset({"try", "share"})
Stored = tuple[str, str | None, str | None]  # outcome, reason, detail of a stored decision


@dataclass(frozen=True)
class FactSeen:
    """A fact's value, where it comes from, and when that was last said."""

    name: str
    label: str
    value: Known
    unit: str
    source: str
    said_at: int | None


@dataclass(frozen=True)
class RuleSeen:
    """A rule's verdict and fate for the account. `nearest` is days until it would match by the days that pass alone.

    `outcome`: won, withheld, gated or lost by a night; not_matched or unknown by its conditions; waits for the record that triggers it.
    `if_enough`: it won where something is scarce, and whether there is enough for all was not judged, as that takes all accounts.
    """

    rule_id: str
    title: str
    place: str
    stage: str
    verdict: Verdict
    outcome: str
    reason: str | None
    detail: str | None
    conditions: Sequence[ConditionSeen]
    nearest: int | None
    if_enough: bool = False


@dataclass(frozen=True)
class LaneSeen:
    """What a lane comes to: who wins in it; else the rule that says best why nobody does, None where no rule is anywhere near.

    `waits`: rules that fit and act when a record comes in.
    """

    lane: Lane
    won: Sequence[str]
    nobody: str | None
    waits: Sequence[str]


@dataclass(frozen=True)
class Explanation:
    """Why an account gets what it gets, or nothing. `stored` is the night's own decision; None where no night decided at that instant."""

    account_id: str
    name: str
    instant: int
    next_step: Known
    stalled_days: Known
    lanes: Sequence[LaneSeen]
    rules: Sequence[RuleSeen]
    stale: frozenset[str]
    stored: Mapping[str, Stored] | None
    facts: Sequence[FactSeen]


def explain(system: System, account: str, instant: int, *, by_todays_rules: bool = False) -> Explanation:
    """Every rule for one account at an instant: the first failing condition, the gate, or the winner.

    Where a night decided at that instant its own word is read, by the rules that were in force then; unless the rules of today are asked for.
    """
    stored, rule_set = (None, None) if by_todays_rules else _stored(system, account, instant)
    judged, workspace, stale = judge_one(system, account, instant, rules=system.rule_set(rule_set) if rule_set else None)
    must_exist(judged, account)
    evaluator = system.evaluator(workspace)
    conditions = evaluator.conditions(evaluator.values(judged.fold, instant, stale), stale)
    decided = {each.candidate.rule_id: each for each in decide_alone(system, workspace, judged, instant)}
    order = {rule: lane for lane in LANES for rule in workspace.order[lane]}
    today = workspace.zone.day(instant)
    rules = [_as_stored(_rule_seen(workspace, rule, judged, conditions[rule], decided.get(rule), today), stored) for rule in order]
    lanes = [_lane_seen(lane, [rule for rule in rules if order[rule.rule_id] == lane]) for lane in LANES if workspace.order[lane]]
    columns = judged.answer.columns
    name = judged.fold.name[3] if judged.fold.name and judged.fold.name[3] else account
    facts = facts_seen(workspace, judged)
    return Explanation(account, name, instant, columns.get("next_step"), columns.get("stalled_days"), lanes, rules, stale, stored, facts)


def _lane_seen(lane: Lane, rules: Sequence[RuleSeen]) -> LaneSeen:
    """Of the rules that may act: one kept for comparison, else the first that matched and was stopped, else is near, else is unknown."""
    acting = [rule for rule in rules if rule.stage in ACTING and rule.reason != "stage"]
    stopped = [rule for outcome in ("withheld", "gated", "lost") for rule in acting if rule.outcome == outcome]
    near = sorted((rule for rule in acting if rule.nearest), key=lambda rule: rule.nearest or 0)
    waits = [rule.rule_id for rule in acting if rule.outcome == "waits"]
    unknown = [rule for rule in acting if rule.outcome == "unknown" and not waits]
    nobody = next((rule.rule_id for rule in (*stopped, *near, *unknown)), None)
    return LaneSeen(lane, [rule.rule_id for rule in rules if rule.outcome == "won"], nobody, waits)


def must_exist(judged: Judged, account: str) -> None:
    """Raises BansoError for an account of which nobody has heard."""
    fold = judged.fold
    if not (fold.first or fold.latest or fold.last or fold.contacts or fold.name or fold.days or fold.moments or fold.touches):
        raise refuse("E640", account, account=account)


def decide_alone(system: System, workspace: Workspace, judged: Judged, instant: int) -> list[Decision]:
    """What the gates and the order of a night would say; touches decided after the instant are not seen, and scarce things not judged."""
    matched = [rule for rule in nightly_rules(workspace) if judged.answer.rules[rule] is True]
    with system.ledger.read() as connection:
        standing = read_standings(connection, workspace, [judged], instant, before=instant)[judged.account_id]
    candidates = [candidate_of(workspace, rule, judged.account_id, judged.answer.columns, instant) for rule in matched]
    return decide(candidates, standing, Granted({}))


def _as_stored(seen: RuleSeen, stored: Mapping[str, Stored] | None) -> RuleSeen:
    """A past night's own word: the ledger has moved on since, so its gates are read and not judged again."""
    if stored is None or seen.rule_id not in stored:
        return seen
    outcome, reason, detail = stored[seen.rule_id]
    return replace(seen, outcome=outcome, reason=reason, detail=detail, if_enough=False)


def _stored(system: System, account: str, instant: int) -> tuple[dict[str, Stored] | None, str | None]:
    """What the night of exactly this instant decided on the account, and by which rule set; it may have had nothing to decide."""
    date = date_of_day(system.workspace.zone.day(instant)).isoformat()
    with system.ledger.read() as connection:
        slot = ledger_decisions.find_slot(connection, JOB, date)
        if slot is None or slot.instant != instant:
            return None, None
        rows = ledger_decisions.decisions_of(connection, account, slot.key)
    return {row["rule"]: (row["outcome"], row["reason"], row["detail"]) for row in rows}, rows[0]["rule_set"] if rows else slot.rule_set


def _rule_seen(workspace: Workspace, rule_id: str, judged: Judged, verdicts: tuple[Verdict, ...], decision: Decision | None, today: int) -> RuleSeen:
    rule = workspace.rules[rule_id]
    written = [*(("when", raw) for raw in rule.when), *(("unless", raw) for raw in rule.unless)]
    columns = judged.answer.columns
    conditions = [
        ConditionSeen(kind, raw, verdict, {name: columns.get(name) for name in facts_named(raw, workspace)}, _opened(raw, workspace))
        for (kind, raw), verdict in zip(written, verdicts, strict=True)
    ]
    verdict = judged.answer.rules[rule_id]
    outcome = decision.outcome if decision else {None: "unknown", True: "waits", False: "not_matched"}[verdict]
    reason, detail = (decision.reason, decision.detail) if decision else (None, ", ".join(each.event for each in rule.triggers) or None)
    nearest = days_until_match(workspace, conditions, today) if verdict is not True and not rule.triggers else None
    if_enough = outcome == "won" and is_scarce(rule, workspace)
    return RuleSeen(rule_id, rule.title, workspace.places[rule_id], rule.stage, verdict, outcome, reason, detail, conditions, nearest, if_enough)


def _opened(raw: object, workspace: Workspace) -> Sequence[object]:
    """The conditions of the segment that a condition names."""
    return workspace.segments[raw["segment"]].when if isinstance(raw, dict) and "segment" in raw else ()


def facts_named(raw: object, workspace: Workspace) -> list[str]:
    """The facts a condition reads as written, segments opened up."""
    if not isinstance(raw, dict):
        return []
    name, wanted = next(iter(raw.items()))
    if name == "any":
        return [each for part in wanted for each in facts_named(part, workspace)]
    if name == "segment":
        return [each for part in workspace.segments[wanted].when for each in facts_named(part, workspace)]
    return [name]


def facts_seen(workspace: Workspace, judged: Judged) -> list[FactSeen]:
    """Every fact of an account."""
    columns, fold = judged.answer.columns, judged.fold
    prefixes = {prefix: name for name, source in workspace.settings.sources.items() for prefix in source.events}
    seen = []
    for fact in workspace.plan.facts.values():
        instants = [fold.latest[name][0] for name in fact.reads if name in fold.latest]
        instants += [fold.last[name] for name in fact.reads if name in fold.last]
        sources = sorted({prefixes.get(name.split(".")[0], "banso") for name in fact.reads})
        value: Known = columns.get(fact.name)
        if fact.name == "done":
            value = "|".join(step for step in workspace.route.steps if columns.get(f"done.{step}") is True)
        seen.append(FactSeen(fact.name, fact.label, value, fact.unit, ", ".join(sources), max(instants, default=None)))
    return seen
