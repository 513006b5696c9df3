"""What became of a rule for an account, and what a whole lane comes to, in words."""

from engine.calendar import date_of_day
from engine.messages import Language, say, say_reason
from engine.pipeline.explain import Explanation, LaneSeen, RuleSeen
from engine.workspace.model import Workspace

LANE_WIDTH, WAITS_MAX = 10, 3


def fate_in_words(rule: RuleSeen, told: Explanation, workspace: Workspace, language: Language) -> str:
    """Why a rule acts or does not."""
    if rule.if_enough:
        return say(language, "explain.won_if_enough")
    if rule.outcome == "waits":
        return say(language, "explain.waits", events=rule.detail or "")
    if rule.outcome in {"gated", "lost", "withheld"}:
        return say_reason(language, str(rule.reason), rule.detail)
    near = say(language, "explain.nearest", days=rule.nearest, on=day_ahead(told, workspace, rule.nearest)) if rule.nearest else ""
    return f"{say(language, f'explain.{rule.outcome}')} {near}".strip()


def day_ahead(told: Explanation, workspace: Workspace, days: int) -> str:
    return date_of_day(workspace.zone.day(told.instant) + days).isoformat()


def lane_in_words(seen: LaneSeen, told: Explanation, workspace: Workspace, language: Language) -> str:
    """One line for a lane: who wins in it, or that nobody does and the main reason."""
    rules = {rule.rule_id: rule for rule in told.rules}
    lane = seen.lane.ljust(LANE_WIDTH)
    if seen.won:
        named = [say(language, "explain.lane_if_enough", rule=rule) if rules[rule].if_enough else rule for rule in seen.won]
        return f"{lane}{', '.join(named)}"
    if seen.nobody is None and seen.waits:
        return f"{lane}{say(language, 'explain.lane_waits', rules=', '.join(seen.waits[:WAITS_MAX]) + (' …' if seen.waits[WAITS_MAX:] else ''))}"
    if seen.nobody is None:
        return f"{lane}{say(language, 'explain.lane_nobody')}"
    why = fate_in_words(rules[seen.nobody], told, workspace, language)
    return f"{lane}{say(language, 'explain.lane_nothing', rule=seen.nobody, why=why)}"
