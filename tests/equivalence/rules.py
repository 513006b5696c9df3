"""Random rule sets, in the shape of the YAML files: every primitive with every option, every comparison, every way to combine them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from engine.facts import PRIMITIVES
from engine.facts.calendar import Period
from engine.facts.health import HEALTH_FACTS, Health
from engine.facts.route import Route, RouteSpec, Step
from engine.facts.spec import ChannelEvents
from engine.rulebook.compile import Written, compile_plan
from engine.rulebook.plan import Plan
from engine.rulebook.spec import RuleSpec

from .worlds import CLOSED, PREFIXES, day_in_the_middle

Plain = Any  # what a YAML file holds: mappings, lists, texts, whole numbers, true and false

COMPUTED, RULES, SEGMENTS = 13, 12, 3
STEPS = ("applied", "entered", "settled", "guided", "booked", "held")
DONE_BY = (["sfa.applied"], ["product.login"], ["product.saved", "product.published"], ["product.guided"], ["product.booked"], ["product.held"])
LABELS = {"next_step": "next step", "stalled_days": "days without progress", "done": "steps done", "complete": "complete"}
LABELS |= {name: name for name in HEALTH_FACTS}
OUTCOMES = ("red", "yellow", "green")
ACTION = {"send": "mail", "from": "desk", "template": "mail/any", "lead_to": {"setting": "next_step"}}
DULL = {"title": "any", "why": {"who": "any", "benefit": "any"}, "stage": "share", "owner": "any", "do": ACTION, "goal": "forward"}
THRESHOLDS = (0, 0, 1, 1, 2, 3, 5, 9, 14, 30)
COMPARISONS = {
    "number": ("is", "at_least", "at_most", "between", "known"),
    "enum": ("is", "is_not", "in", "not_in", "known"),
    "tags": ("includes", "excludes", "known"),
    "date": ("known",),
    "text": ("known",),
    "bool": ("is", "known"),
}
ATTRIBUTES = {
    "kind": {"attribute": "hearing.kind", "type": "enum", "values": ["new", "mid", "o'clock"]},
    "kind_narrow": {"attribute": "hearing.kind", "type": "enum", "values": {"new": "graduates"}},
    "role": {"attribute": "contact.role", "type": "enum", "values": ["new", "mid"]},
    "will": {"attribute": "hearing.will", "type": "tags", "values": ["a", "ab", "a_b", "b"]},
    "start": {"attribute": "hearing.start", "type": "date"},
    "renewal": {"attribute": "sfa.renewal", "type": "date"},
    "size": {"attribute": "sfa.size", "type": "number"},
    "vip": {"attribute": "account.vip", "type": "bool"},
    "memo": {"attribute": "hearing.memo", "type": "text"},
}

SEASONS = {"season": {"calendar": "seasons.csv", "kind": "season"}, "year": {"calendar": "seasons.csv", "kind": "year"}}


@dataclass(frozen=True)
class Known:
    """What a condition may say about a fact."""

    kind: str
    values: Sequence[str] = ()


def random_rules(seed: int) -> Plain:
    """A rule set as its YAML files would hold it. `c0` is a name like any other, though the statement's own columns look so too."""
    draw = Random(f"rules {seed}")
    rows = _calendar_rows(draw, day_in_the_middle(seed))
    computed = {**_counted(draw), **_dated(draw), **_open(draw), **_rates(draw), **_ignored()}
    facts: dict[str, Plain] = {**ATTRIBUTES, **_with_operands(draw.sample(list(computed), COMPUTED), computed)}
    known = {name: Known(plain.get("type", "number"), tuple(plain.get("values", ()))) for name, plain in facts.items()}
    for name, plain in SEASONS.items():
        facts[name] = plain
        known[name] = Known("enum", tuple(dict.fromkeys(row["value"] for row in rows if row["kind"] == plain["kind"])))
    writer = _Conditions(draw, dict(known), {})
    segments: dict[str, Plain] = {"plain": {"when": writer.some(1, 2)}}
    writer.segments["plain"] = None
    facts["grade"] = _table(draw, writer)
    writer.known["grade"] = Known("enum", _outcomes(facts["grade"]))
    steps = _steps(draw, writer)
    names = tuple(steps)
    writer.known.update(done=Known("done", names), next_step=Known("enum", (*names, "complete")), stalled_days=Known("number"))
    facts["follow"] = _table(draw, writer, _about(draw, writer, ("grade", "next_step", "stalled_days", "done")))
    writer.known["follow"] = Known("enum", _outcomes(facts["follow"]))
    health = _health(draw, writer)
    numbers = ("health_points", "health_coverage")
    writer.known.update(health=Known("enum", tuple(health["bands"])), **{name: Known("number") for name in numbers})
    for number in range(1, SEGMENTS):
        segments[f"segment_{number}"] = {"when": writer.some(1, 2)}
        writer.segments[f"segment_{number}"] = None
    rules = {f"rule-{number}": _rule(draw, writer) for number in range(RULES)}
    return {
        "sources": PREFIXES,
        "route": {"id": "main", "label": "any", "closed_by": [CLOSED], "stalled": draw.choice(("calendar", "business"))},
        "steps": steps,
        "facts": {name: {"label": name, **plain} for name, plain in facts.items()},
        "segments": segments,
        "health": health,
        "calendars": {"seasons.csv": rows},
        "channels": _channels(draw),
        "goals": {"forward": "next_step", "booked": ["product.booked", "course.held"]},
        "rules": rules,
        "never": writer.some(0, 1),
    }


def _counted(draw: Random) -> dict[str, Plain]:
    event, days = draw.choice(("product.login", "product.saved", "support.opened")), draw.choice((1, 2, 7, 14, 28))
    return {
        "c0": {"count": event, "within_days": days},
        "count_before": {
            "count": draw.choice(("mail.sent", "course.held")),
            "within_days": draw.choice((1, 7, 28, 60)),
            "ending_days_ago": draw.choice((1, 7, 28)),
        },
        "active": {"active_days": "product.login", "within_days": draw.choice((1, 7, 28, 59, 60))},
        "active_before": {"active_days": event, "within_days": draw.choice((7, 28)), "ending_days_ago": draw.choice((1, 28, 60))},
        "active_long": {"active_days": "product.login", "within_days": draw.choice((61, 62, 63, 64, 90, 365))},
    }


def _dated(draw: Random) -> dict[str, Plain]:
    return {
        "since": {"days_since": draw.choice((["product.login"], ["course.held", "mail.sent"]))},
        "since_or": {"days_since": ["product.held", "course.held"], "or_since": ["sfa.applied"]},
        "since_first": {"days_since": draw.choice((["product.saved"], ["sfa.applied", "course.held"])), "first": True},
        "since_first_or": {"days_since": ["course.held"], "or_since": ["sfa.applied"], "first": True, "count": draw.choice(("calendar", "business"))},
        "since_business": {"days_since": ["product.saved"], "or_since": draw.choice(([], ["sfa.applied"])), "count": "business"},
        "until": {"days_until": "start"},
        "until_business": {"days_until": draw.choice(("start", "renewal")), "count": "business"},
    }


def _open(draw: Random) -> dict[str, Plain]:
    cases = {"opened": "support.opened", "closed": "support.closed", "key": "case"}
    letters = {"opened": "product.received", "closed": "product.replied", "key": "letter"}
    recent = {"opened_within_days": draw.choice((1, 7, 30))}
    aged = {"open_at_least": draw.choice(("1m", "60m", "36h", "3d"))}
    return {
        "open_cases": {"open_items": cases},
        "open_recent": {"open_items": {**cases, **recent}},
        "open_aged": {"open_items": {**letters, **aged, **(recent if draw.random() < 0.3 else {})}},
    }


def _rates(draw: Random) -> dict[str, Plain]:
    least = {"base_at_least": draw.choice((2, 5))}
    return {
        "rate": {"rate": draw.choice(("c0", "until")), "of": draw.choice(("active", "size"))},
        "rate_of_many": {"rate": draw.choice(("size", "until")), "of": draw.choice(("active_long", "c0")), **least},
    }


def _ignored() -> dict[str, Plain]:
    return {"mails_ignored": {"ignored_in_row": "mail"}, "courses_ignored": {"ignored_in_row": "course"}}


def _channels(draw: Random) -> Plain:
    """The answers of one channel come from a source, and so do the touches of the other."""
    answers = draw.choice((["product.login"], ["product.saved", "product.login", "course.held"], ["course.held"]))
    return {
        "mail": {"touch": "mail.sent", "response": answers, "valid_days": draw.choice((1, 3, 14))},
        "course": {"touch": "course.held", "response": ["mail.sent", "product.login"], "valid_days": draw.choice((2, 21, 90))},
    }


def _calendar_rows(draw: Random, middle: int) -> list[Plain]:
    """Long periods first, short ones around the day about which the world turns, with gaps or without; the years go their own way."""
    rows, day = [], middle - draw.choice((6, 60, 400))
    while day < middle + 9:
        lengths, gaps = ((1, 2, 3), (0, 0, 1, 2)) if day > middle - 7 else ((20, 45, 90), (0, 0, 1, 40))
        first, last = day, day + draw.choice(lengths) - 1
        rows.append({"kind": "season", "from": first, "to": last, "value": draw.choice(("prep", "entry", "o'clock"))})
        day = last + 1 + draw.choice(gaps)
    rows = [row for row in rows if draw.random() < 0.8] or rows[:1]
    start = middle + draw.choice((-200, -30, -2, 1, 20))
    rows += [{"kind": "year", "from": start + 365 * number, "to": start + 365 * number + 364, "value": f"{number}卒"} for number in range(2)]
    draw.shuffle(rows)
    return rows


def _with_operands(names: Sequence[str], computed: Mapping[str, Plain]) -> dict[str, Plain]:
    """The facts of these names, and the computed ones they are computed from."""
    operands = [fact for name in names for key in ("rate", "of") if (fact := computed[name].get(key)) in computed]
    return {name: computed[name] for name in dict.fromkeys([*operands, *names])}


def _table(draw: Random, writer: "_Conditions", first: Plain | None = None) -> Plain:
    whens = [writer.some(1, 2) for _ in range(draw.randrange(2, 4))]
    if first is not None:
        whens[0] = [first]
    return {"table": [*({"when": when, "then": draw.choice(OUTCOMES)} for when in whens), {"else": draw.choice(OUTCOMES)}]}


def _outcomes(fact: Plain) -> Sequence[str]:
    return tuple(dict.fromkeys(row.get("then", row.get("else")) for row in fact["table"]))


def _about(draw: Random, writer: "_Conditions", names: Sequence[str]) -> Plain:
    return writer.about(draw.choice(names))


def _health(draw: Random, writer: "_Conditions") -> Plain:
    """A few items, together worth 100 points or fewer, and bands in any order."""
    points = [draw.choice((1, 7, 20, 33)) for _ in range(draw.randrange(1, 4))]
    lowest = dict(zip(draw.sample(OUTCOMES, 3), (0, *sorted(draw.sample(range(1, 60), 2))), strict=True))
    bands = {band: lowest[band] for band in draw.sample(OUTCOMES, 3)}
    return {"items": [{"label": "any", "when": writer.some(1, 2), "points": each} for each in points], "bands": bands}


def _steps(draw: Random, writer: "_Conditions") -> dict[str, Plain]:
    """The route. The first step has no extras, so that only its own rule, proof by a later step, is at work there."""
    count = draw.randrange(4, len(STEPS) + 1)
    steps: dict[str, Plain] = {}
    for number, (name, done_by) in enumerate(zip(STEPS[:count], DONE_BY, strict=False)):
        step: dict[str, Plain] = {"label": name, "done_by": done_by}
        if number and draw.random() < 0.4:
            step["progress_by"] = draw.choice((["product.saved"], ["course.held", "support.closed"], ["mail.sent"]))
        if number and draw.random() < 0.35:
            step["needed_when"] = writer.some(1, 2)
        elif number and draw.random() < 0.2:
            step["optional"] = True
        if draw.random() < 0.25:
            step["each"] = draw.choice(list(SEASONS))
        steps[name] = step
    return steps


def _rule(draw: Random, writer: "_Conditions") -> Plain:
    return {**DULL, "when": writer.some(1, 2), "unless": writer.some(0, 2)}


@dataclass
class _Conditions:
    """Writes conditions on the facts and segments known so far."""

    draw: Random
    known: dict[str, Known]
    segments: dict[str, None]

    def some(self, least: int, most: int) -> list[Plain]:
        return [self.one() for _ in range(self.draw.randint(least, most))]

    def one(self, depth: int = 0) -> Plain:
        chance = self.draw.random()
        if chance < 0.15 and depth < 2:
            return {"any": [self.one(depth + 1) for _ in range(self.draw.randint(1, 3))]}
        if chance < 0.25 and self.segments:
            return {"segment": self.draw.choice(list(self.segments))}
        return self.about(self.draw.choice(list(self.known)))

    def about(self, name: str) -> Plain:
        """A condition on one fact, now and then in its short form."""
        fact = self.known[name]
        comparison = self.draw.choice(("includes", "excludes") if fact.kind == "done" else COMPARISONS[fact.kind])
        wanted = self._wanted(fact, comparison)
        short = comparison == ("includes" if fact.kind in {"tags", "done"} else "is")
        return {name: wanted} if short and self.draw.random() < 0.3 else {name: {comparison: wanted}}

    def _wanted(self, fact: Known, comparison: str) -> Plain:
        draw = self.draw
        if comparison == "known" or fact.kind == "bool":
            return draw.random() < 0.5
        if comparison == "between":
            return sorted((draw.choice(THRESHOLDS) - draw.choice((0, 0, 10)), draw.choice(THRESHOLDS)))
        if fact.kind == "number":
            return draw.choice(THRESHOLDS)
        if comparison in {"in", "not_in"}:
            return draw.sample(fact.values, draw.randint(1, len(fact.values)))
        return draw.choice(fact.values)


# --- the same rules as the engine reads them --------------------------------------------------------------------------


def compiled(rules: Plain) -> Plan:
    """The plan of a rule set; a fault in it would be one of this generator."""
    written = Written(
        facts={name: _fact(plain) for name, plain in rules["facts"].items()},
        route=Route(RouteSpec.model_validate(rules["route"]), {name: Step.model_validate(plain) for name, plain in rules["steps"].items()}),
        segments={name: plain["when"] for name, plain in rules["segments"].items()},
        goals=rules["goals"],
        rules={name: RuleSpec.model_validate(plain) for name, plain in rules["rules"].items()},
        never=rules["never"],
        sources=rules["sources"],
        labels=LABELS,
        health=Health.model_validate(rules["health"]),
        calendars={file: [Period(row["kind"], row["from"], row["to"], row["value"]) for row in rows] for file, rows in rules["calendars"].items()},
        channels={name: ChannelEvents(each["touch"], tuple(each["response"]), each["valid_days"]) for name, each in rules["channels"].items()},
    )
    return compile_plan(written, _refuse)


def _fact(plain: Plain) -> Any:
    return PRIMITIVES[next(key for key in PRIMITIVES if key in plain)].model_validate(plain)


def _refuse(code: str, path: Sequence[str | int], values: Mapping[str, object]) -> None:
    raise AssertionError(f"the generator wrote a faulty rule set: {code} at {path}: {values}")
