"""Executor (b): the compiled plan as generated Python functions for one account, whose text `python_text.py` writes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from engine.calendar import BUSINESS_REACH, BusinessDays, Zone
from engine.facts.fold import Fold, Needs, count_ignored, count_open, count_within, days_within, first_in_span
from engine.rulebook.plan import Column, Plan
from engine.rulebook.python_text import source_text

Known = int | str | None
Verdict = bool | None


@dataclass(frozen=True)
class Answer:
    """Everything known of one account at an instant: each column by name, each rule's verdict, and whether nobody may touch it."""

    columns: Mapping[str, Known]
    rules: Mapping[str, Verdict]
    excluded: Verdict


@dataclass(frozen=True)
class Evaluator:
    """The generated functions with the zone and calendar they run in."""

    plan: Plan
    columns: tuple[Column, ...]
    zone: Zone
    business: BusinessDays
    functions: Mapping[str, Callable[..., tuple[object, ...]]]

    @cached_property
    def needs(self) -> Needs:
        """What a fold must keep for these functions."""
        return Needs.of(self.plan.accumulators(self.columns))

    def values(self, fold: Fold, instant: int, stale: frozenset[str]) -> tuple[Known, ...]:
        """Every column's value for one account, in the order of `columns`."""
        today = self.zone.day(instant)
        lookup = _business_lookup(self.business, today)
        return cast("tuple[Known, ...]", self.functions["facts"](fold, instant, today, stale, self.zone.day, lookup))

    def verdicts(self, values: tuple[Known, ...], stale: frozenset[str]) -> tuple[Verdict, ...]:
        """Each rule's verdict, in the order of the plan."""
        return cast("tuple[Verdict, ...]", self.functions["rules"](values, stale))

    def conditions(self, values: tuple[Known, ...], stale: frozenset[str]) -> Mapping[str, tuple[Verdict, ...]]:
        """For each rule the verdicts of its conditions: those of `when`, then those of `unless`."""
        found = self.functions["conditions"](values, stale)
        return dict(zip(self.plan.rules, cast("tuple[tuple[Verdict, ...], ...]", found), strict=True))

    def answer(self, fold: Fold, instant: int, stale: frozenset[str]) -> Answer:
        """The whole judgement of one account."""
        values = self.values(fold, instant, stale)
        names = [each.name for each in self.columns]
        rules = dict(zip(self.plan.rules, self.verdicts(values, stale), strict=True))
        excluded = cast("Verdict", self.functions["excluded"](fold, values, stale))
        return Answer(dict(zip(names, values, strict=True)), rules, excluded)


def known(*values: int | None) -> list[int]:
    """Those of the values that are there; a call, for a comprehension cannot hold the names that values inside it are given."""
    return [value for value in values if value is not None]


_calendar_cache: dict[tuple[BusinessDays, int], list[int]] = {}


def _business_lookup(business: BusinessDays, today: int) -> Callable[[int], int]:
    counts = _calendar_cache.get((business, today))
    if counts is None:
        if len(_calendar_cache) > 64:  # a backtest walks over many days; a night needs one
            _calendar_cache.clear()
        counts = _calendar_cache[business, today] = business.counts(today)
    first = today - BUSINESS_REACH

    def lookup(day: int) -> int:
        return counts[min(max(day - first, 0), 2 * BUSINESS_REACH)]

    return lookup


def compile_python(plan: Plan, zone: Zone, business: BusinessDays, *, all_columns: bool = True) -> Evaluator:
    """Generate and compile the function. With `all_columns` it also computes facts that no rule reads, for explain and mails."""
    columns = plan.columns if all_columns else plan.for_rules()
    namespace: dict[str, Callable[..., tuple[object, ...]]] = {}
    called = {
        "count_within": count_within,
        "days_within": days_within,
        "count_open": count_open,
        "count_ignored": count_ignored,
        "first_in_span": first_in_span,
        "known": known,
    }
    text = source_text(plan, columns)
    exec(compile(text, "<plan>", "exec"), called, namespace)  # noqa: S102  # our own text, made from a checked plan
    return Evaluator(plan, columns, zone, business, namespace)
