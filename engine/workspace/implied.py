"""What must hold of every account that a rule matches, read off its conditions as written."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.facts import PRIMITIVES
from engine.facts.spec import FactSpec
from engine.rulebook.spec import RuleSpec
from engine.workspace.parts import Parts

TOLD_ALWAYS = {"count", "active_days", "open_items", "table", "ignored_in_row"}  # primitives that have a value for every account
AUTOMATIC_TOLD = {"next_step", "done", "health", "health_points"}


@dataclass(frozen=True)
class Asked:
    """One comparison; `at` is where its condition stands among the conditions."""

    fact: str
    comparison: str
    value: object
    at: tuple[str | int, ...]


def asked_all(conditions: Sequence[object], parts: Parts, at: tuple[str | int, ...] = ()) -> Iterator[Asked]:
    """The comparisons that are all true when the conditions are; what stands below `any` is none of them, what a segment asks is."""
    for index, condition in enumerate(conditions):
        for fact, wanted in condition.items() if isinstance(condition, dict) else ():
            here = (*at, index, fact)
            if fact == "segment":
                segment = parts.goals.segments.get(str(wanted))
                yield from (Asked(each.fact, each.comparison, each.value, here) for each in asked_all(segment.when if segment else [], parts))
            elif fact != "any":
                yield _asked(fact, wanted, parts, here)


def asked_any(conditions: Sequence[object], parts: Parts, at: tuple[str | int, ...] = ()) -> Iterator[Asked]:
    """Every comparison in the conditions, also below `any`."""
    yield from asked_all(conditions, parts, at)
    for index, condition in enumerate(conditions):
        inner = condition.get("any") if isinstance(condition, dict) else None
        if isinstance(inner, list):
            yield from asked_any(inner, parts, (*at, index, "any"))


def _asked(fact: str, wanted: object, parts: Parts, here: tuple[str | int, ...]) -> Asked:
    if isinstance(wanted, dict) and len(wanted) == 1:
        comparison, value = next(iter(wanted.items()))
        return Asked(fact, str(comparison), value, here)
    known = parts.plan.facts.get(fact)
    return Asked(fact, "includes" if known is not None and known.type.kind == "tags" else "is", wanted, here)


def next_steps(rule: RuleSpec, parts: Parts) -> list[str]:
    """The steps one of which is next for every account the rule matches, in the order of the route; none where the rule does not say."""
    named: set[str] | None = None
    for each in asked_all(rule.when, parts):
        if each.fact == "next_step" and each.comparison in {"is", "in"}:
            values = {str(value) for value in (each.value if isinstance(each.value, list) else [each.value])}
            named = values if named is None else named & values
    return [step for step in parts.route.steps if named and step in named]


def known_in(rule: RuleSpec, parts: Parts) -> set[str]:
    """The facts without which the rule matches no account: a comparison is true of nothing unknown."""
    found = {each.fact for each in asked_all(rule.when, parts) if each.comparison != "known" or each.value is True}
    for condition in rule.when:
        choices = condition.get("any") if isinstance(condition, dict) else None
        if isinstance(choices, list) and choices:
            found |= set.intersection(*({each.fact for each in asked_all([choice], parts) if each.comparison != "known"} for choice in choices))
    return found | {other for name in found if name in parts.facts for other in _reads(parts.facts[name])}


def is_always_known(fact: str, parts: Parts) -> bool:
    """Whether a fact has a value for every account as long as its sources are fresh."""
    spec = parts.facts.get(fact)
    if spec is None:
        return fact in AUTOMATIC_TOLD
    return primitive_of(spec) in TOLD_ALWAYS or bool(getattr(spec, "or_since", ()))


def primitive_of(spec: FactSpec) -> str:
    return next(key for key, model in PRIMITIVES.items() if isinstance(spec, model))


def _reads(spec: FactSpec) -> tuple[str, ...]:
    """The facts without which this one has no value."""
    return spec.facts_read() if primitive_of(spec) == "days_until" else ()


def rests_on(conditions: Sequence[object], parts: Parts) -> Iterator[Asked]:
    """Every comparison the conditions rest on, also through tables."""
    pending, seen = list(asked_any(conditions, parts)), set[str]()
    while pending:
        each = pending.pop()
        yield each
        spec = parts.facts.get(each.fact)
        if spec is not None and primitive_of(spec) == "table" and each.fact not in seen:
            seen.add(each.fact)
            pending += [inner for row in getattr(spec, "table", ()) for inner in asked_any(row.when or [], parts)]
