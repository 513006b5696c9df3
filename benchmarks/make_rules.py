"""Writes the 100 rules of the benchmark workspace: `python -m benchmarks.make_rules`. The files are kept; run it again to change them."""

import random
from collections.abc import Mapping
from pathlib import Path

import yaml

from benchmarks import WORKSPACE

RULES = 100
SEED = 20_260_116
STEPS = ("account_issued", "first_login", "initial_settings", "flow_designed", "briefing_held", "interview_booked", "interview_held")
WILLS = ("schedule", "briefing", "list")
Condition = Mapping[str, object]


def make_rules(count: int) -> dict[str, dict[str, object]]:
    """Rules of three to five conditions, each about different facts: a step or a state, how long, what they did, and a courtesy or two."""
    draw = random.Random(SEED)
    return {f"rule-{number:03}": _rule(number, draw) for number in range(count)}


def _rule(number: int, draw: random.Random) -> dict[str, object]:
    wanted = draw.choice((3, 4, 5))
    courtesies = min(draw.choice((0, 1, 1, 2)), wanted - 2)
    when = [_state(draw), _duration(draw), *draw.sample(_doings(draw), 3)][: wanted - courtesies]
    unless = draw.sample(_courtesies(draw), courtesies)
    action = {"send": "mail", "from": "desk", "template": "mail/plain", "lead_to": {"setting": "next_step"}}
    rule: dict[str, object] = {"title": f"rule {number}", "when": when}
    return {**rule, **({"unless": unless} if unless else {}), "do": action, "goal": "step_forward"}


def _state(draw: random.Random) -> Condition:
    return draw.choice(
        (
            {"next_step": draw.choice(STEPS)},
            {"next_step": {"in": sorted(draw.sample(STEPS, 3))}},
            {"next_step": draw.choice(STEPS)},
            {"timing": draw.choice(("soon", "now"))},
            {"done": {"includes": draw.choice(STEPS)}},
            {"done": {"excludes": draw.choice(STEPS)}},
            {"main_will": {"not_in": sorted(draw.sample((*WILLS, "unclear"), 2))}},
            {"segment": "quiet"},
        )
    )


def _duration(draw: random.Random) -> Condition:
    low = draw.randrange(2, 30)
    return draw.choice(
        (
            {"stalled_days": {"between": [low, low + draw.randrange(10, 60)]}},
            {"stalled_days": {"at_least": low}},
            {"contact_gap": {"at_least": 7 + low}},
            {"login_gap": {"between": [low, low + 40]}},
            {"days_from_apply": {"at_most": 30 + 3 * low}},
            {"days_to_guidance": {"between": [low, low + 30]}},
            {"setting_gap": {"at_least": low}},
        )
    )


def _doings(draw: random.Random) -> list[Condition]:
    return [
        {"logins_28": {"at_most": draw.randrange(1, 6)}},
        {"logins_7": {"at_least": 1}},
        {"settings_28": {"at_least": draw.randrange(1, 3)}},
        {"errors_7": {"at_least": 1}},
        {"errors_28": {"between": [1, draw.randrange(2, 6)]}},
        {"views_28": {"at_least": draw.randrange(1, 4)}},
        {"active_28": {"at_most": draw.randrange(1, 5)}},
        {"active_before": {"at_least": draw.randrange(1, 4)}},
        {"seats": {"at_least": draw.randrange(5, 60)}},
        {"will": {"includes": draw.choice(WILLS)}},
        {"recruit_kind": draw.choice(("new_grad", "mid_career"))},
        {"contract": {"is_not": "trial"}},
        {"guidance_start": {"known": draw.choice((True, False))}},
        {"any": [{"applications_7": {"at_least": 1}}, {"views_7": {"at_least": draw.randrange(1, 3)}}]},
        {"any": [{"settings_7": {"at_least": 1}}, {"will": {"excludes": draw.choice(WILLS)}}, {"applications_28": {"at_least": 2}}]},
    ]


def _courtesies(draw: random.Random) -> list[Condition]:
    return [
        {"open_cases": {"at_least": 1}},
        {"timing": "later"},
        {"approach": "restart"},
        {"unanswered": {"at_least": draw.randrange(1, 3)}},
        {"contact_gap": {"at_most": draw.randrange(1, 4)}},
    ]


def write_rules(folder: Path, rules: dict[str, dict[str, object]]) -> None:
    head = "defaults: {stage: plan, owner: nobody, why: {who: nobody, benefit: none}}   # made by benchmarks/make_rules.py\nrules:\n"
    blocks = [f"  {rule_id}:\n" + "".join(f"    {key}: {_flow(value)}\n" for key, value in rule.items()) for rule_id, rule in rules.items()]
    (folder / "push.yaml").write_text(head + "".join(blocks), encoding="utf-8")
    order = "order:\n  push:\n" + "".join(f"    - {rule_id}\n" for rule_id in rules)
    (folder / "order.yaml").write_text(order, encoding="utf-8")


def _flow(value: object) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=1_000)
    return text.removesuffix("...\n").strip()


if __name__ == "__main__":
    write_rules(WORKSPACE / "rules", make_rules(RULES))
