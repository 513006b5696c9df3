"""The route of setup steps, and the facts it makes by itself: `done`, `next_step`, `stalled_days`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from engine.facts.algebra import (
    Absent,
    All,
    Any,
    Case,
    Compare,
    Const,
    DayOf,
    Extreme,
    FactRef,
    First,
    FirstInSpan,
    Fresh,
    IsSet,
    IsUnknown,
    Last,
    Not,
    Span,
    Today,
    Truth,
    TruthRef,
    Value,
)
from engine.facts.days_since import Counting, days_between
from engine.facts.spec import EventName, Name, Names, Strict

COMPLETE = "complete"  # the value of next_step when nothing is left to do


class Step(Strict):
    """One setup step. It is done at its earliest `done_by` record; `progress_by` records show that someone is at work on it.

    `each` names a calendar fact: the step starts afresh in each of its periods, and only records since then count.
    """

    label: str
    after: list[Name] = []
    done_by: Annotated[list[EventName], Field(min_length=1)]
    progress_by: list[EventName] = []
    needed_when: list[object] = []
    optional: bool = False
    each: Name | None = None
    screen: str = "/"
    logic: list[Literal["flexibility", "skill"]] = []
    human: list[Literal["persuasion"]] = []


class RouteSpec(Strict):
    """`closed_by` events end an account's journey; `stalled` says which days `stalled_days` counts."""

    id: Name
    label: str
    closed_by: list[EventName] = []
    stalled: Counting = "calendar"


def _begun(spans: Sequence[Span]) -> Value:
    """The first day of the last span that began; unknown before all of them."""
    return Case(tuple((Compare(">=", Today(), first), Const(first)) for first, _ in reversed(spans)), Const(None))


@dataclass(frozen=True)
class Route:
    """The steps in file order, which is the order in which they are proposed."""

    spec: RouteSpec
    steps: Mapping[str, Step]

    def first_at(self, step: str, names: Names) -> Value:
        """When the step was done. The first step of all is also proven by any later step's record."""
        spans = self._spans(step, names)

        def first(events: Iterable[str]) -> Value:
            each = tuple(dict.fromkeys(events))
            return First(each) if spans is None else FirstInSpan(each, spans)

        own = first(self.steps[step].done_by)
        ids = list(self.steps)
        if step != ids[0] or len(ids) == 1:
            return own
        later = first(event for other in ids[1:] for event in self.steps[other].done_by)
        return Case(((IsSet(own), own),), later)

    def _spans(self, step: str, names: Names) -> tuple[Span, ...] | None:
        each = self.steps[step].each
        return None if each is None else names.spans(each, ("steps", step, "each"))

    def is_done(self, step: str, names: Names) -> Truth:
        """True for ever once it happened; its absence proves something only while the source is fresh."""
        return Any((IsSet(FactRef(f"at.{step}")), Absent(names.sources(self.steps[step].done_by))))

    def next_step(self) -> Value:
        """The first step that is needed and not done; unknown if that cannot be told."""
        rows: list[tuple[Truth, Value]] = []
        for step in self.steps:
            passed = TruthRef(f"passed.{step}")
            rows += [(Not(passed), Const(step)), (IsUnknown(passed), Const(None))]
        return Case(tuple(rows), Const(COMPLETE))

    def passed(self, step: str, needed: Truth | None) -> Truth:
        done = TruthRef(f"done.{step}")
        return done if needed is None else Any((done, Not(needed)))

    def stalled_days(self, names: Names) -> Value:
        """Days on the next step; 0 on the day of the last progress. Nobody stalls on a step before the first day of its period."""
        moved = DayOf(FactRef("stalled_since"))
        afresh = [(step, begun) for step in self.steps if (spans := self._spans(step, names)) and (begun := _begun(spans))]
        rows = ((Compare("==", FactRef("next_step"), step), Extreme("greatest", (moved, begun))) for step, begun in afresh)
        since = Case(((Not(IsSet(FactRef("stalled_since"))), Const(None)), *rows), moved) if afresh else moved
        return days_between(since, Today(), self.spec.stalled)

    def stalled_since(self, names: Names) -> Value:
        """The last completion before `next_step` or progress on it; unknown when the route is complete."""
        rows: list[tuple[Truth, Value]] = []
        before: list[Value] = []
        for step_id, step in self.steps.items():
            marks = (*before, Last(tuple(step.progress_by))) if step.progress_by else tuple(before)
            if marks:
                sources = names.sources([*step.done_by, *step.progress_by])
                rows.append((Compare("==", FactRef("next_step"), step_id), Fresh(Extreme("greatest", marks), sources)))
            before.append(FactRef(f"at.{step_id}"))
        return Case(tuple(rows), Const(None))

    def closed(self) -> Truth | None:
        return IsSet(First(tuple(self.spec.closed_by))) if self.spec.closed_by else None

    def needed(self, step: str, conditions: Sequence[Truth]) -> Truth | None:
        """Whether the step is needed: `needed_when`, and never when it is optional."""
        if self.steps[step].optional:
            return Compare("==", Const(0), 1)
        return All(tuple(conditions)) if conditions else None
