"""Bugs as people make them, each planted into one executor by a small change of what it renders."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import pytest
from sqlglot import exp

from engine.calendar import BusinessDays, Zone
from engine.facts import algebra as a
from engine.facts.fold import Moments, count_ignored, count_open
from engine.rulebook import python, python_text, relations, sql, statement
from engine.rulebook.plan import Column, Plan

from . import comparison

Plant = Callable[[pytest.MonkeyPatch], None]
DayOf = Callable[[int], int]
Times = Mapping[str, Iterable[int]] | None


@dataclass(frozen=True)
class Bug:
    name: str
    executor: str  # "sql" or "python"
    plant: Plant
    first: int = 0  # the world in which the search begins: some bugs show only where what they spoil is met


# --- in the statement -------------------------------------------------------------------------------------------------


def off_by_one_day(patch: pytest.MonkeyPatch) -> None:
    """A window of N days begins one day too early."""
    honest = sql.within
    patch.setattr(sql, "within", lambda oldest, newest, bound: honest(oldest + 1, newest, bound))


def missing_as_false(patch: pytest.MonkeyPatch) -> None:
    """A comparison with a missing value is false, not unknown."""
    honest = sql.Renderer.truth

    def truth(self: sql.Renderer, node: a.Truth) -> exp.Expr:
        rendered = honest(self, node)
        return exp.Coalesce(this=rendered, expressions=[exp.false()]) if isinstance(node, a.Compare) else rendered

    patch.setattr(sql.Renderer, "truth", truth)


def wrong_tie(patch: pytest.MonkeyPatch) -> None:
    """Two values of one instant go by `source_id` alone, without the source before it."""
    honest = sql._latest

    def latest(node: a.Latest, bound: sql.Bound) -> exp.Expr:
        rendered = honest(node, bound)
        for key in rendered.find_all(exp.Tuple):
            key.set("expressions", [part for part in key.expressions if part.name != "source"])
        return rendered

    patch.setattr(sql, "_latest", latest)


def cleared_value_skipped(patch: pytest.MonkeyPatch) -> None:
    """A cleared value is passed over like a NULL, so the older value comes back."""
    honest = sql._latest

    def latest(node: a.Latest, bound: sql.Bound) -> exp.Expr:
        rendered = honest(node, bound)
        for where in rendered.find_all(exp.Where):
            where.set("this", exp.and_(where.this, sql.compare(exp.NEQ, sql.column("value"), sql.literal(""))))
        return rendered

    patch.setattr(sql, "_latest", latest)


def known_at_ignored(patch: pytest.MonkeyPatch) -> None:
    """A record counts from when it happened, though nobody knew of it yet."""
    honest = statement.visible

    def without(node: exp.Expr) -> exp.Expr:
        return exp.true() if isinstance(node, exp.LTE) and node.this.name == "known_at" else node

    patch.setattr(statement, "visible", lambda bound, unit: honest(bound, unit).transform(without))


def offset_of_the_wrong_side(patch: pytest.MonkeyPatch) -> None:
    """After a change of the clock the offset from before it goes on."""
    honest = sql.day_of

    def day_of(instant: exp.Expr, bound: sql.Bound) -> exp.Expr:
        place = bound.zone
        late = Zone(place.name, place.starts, (*place.offsets[:1], *place.offsets[:-1]))
        return honest(instant, replace(bound, zone=late))

    for module in (sql, statement):
        patch.setattr(module, "day_of", day_of)


def negative_rounded_to_zero(patch: pytest.MonkeyPatch) -> None:
    """A percentage is divided as the engine divides, which drops what is left over of a negative number as well."""
    honest = sql.Renderer._percent

    def percent(self: sql.Renderer, node: a.Percent) -> exp.Expr:
        rendered = honest(self, node)
        for division in rendered.find_all(exp.IntDiv):
            division.set("this", exp.paren(division.this.this.this))
        return rendered

    patch.setattr(sql.Renderer, "_percent", percent)


def answered_at_the_same_instant(patch: pytest.MonkeyPatch) -> None:
    """An answer at the very instant of a touch answers it."""
    honest = relations._answers

    def answers(moments: str, keys: Sequence[str]) -> exp.Select:
        rendered = honest(moments, keys)
        for spec in rendered.find_all(exp.WindowSpec):
            spec.set("start", "CURRENT ROW")
            spec.set("start_side", None)
        return rendered

    patch.setattr(relations, "_answers", answers)


def last_season_counts(patch: pytest.MonkeyPatch) -> None:
    """A step that starts afresh in each season is still done by what was done in the last one."""
    honest = sql.aggregate

    def aggregate(node: a.Accumulator, bound: sql.Bound) -> exp.Expr:
        return honest(a.First(node.events) if isinstance(node, a.FirstInSpan) else node, bound)

    patch.setattr(statement, "aggregate", aggregate)


def first_taken_for_newest(patch: pytest.MonkeyPatch) -> None:
    """What happened first is looked for from the wrong end."""
    honest = sql.aggregate

    def aggregate(node: a.Accumulator, bound: sql.Bound) -> exp.Expr:
        return honest(a.Last(node.events) if isinstance(node, a.First) else node, bound)

    patch.setattr(statement, "aggregate", aggregate)


# --- in the generated function ----------------------------------------------------------------------------------------


def two_valued_not(patch: pytest.MonkeyPatch) -> None:
    """What is not true is false: the opposite of unknown becomes true."""
    honest = python_text.Writer._either

    def either(self: python_text.Writer, node: a.Truth, *, wanted: bool) -> str:
        if isinstance(node, a.Not):
            return f"(not {self.true(node.inner)})" if wanted else self.true(node.inner)
        return honest(self, node, wanted=wanted)

    patch.setattr(python_text.Writer, "_either", either)


def stale_source_ignored(patch: pytest.MonkeyPatch) -> None:
    """A source that stopped is believed like any other."""
    patch.setattr(python_text.Writer, "_any_stale", lambda self, sources: "False")


def closed_at_the_same_instant(patch: pytest.MonkeyPatch) -> None:
    """An item closed at the instant of its opening stays open: every closing comes a microsecond too early."""

    def counted(opened: Times, closed: Times, until: int, since_day: int | None, day_of: Callable[[int], int]) -> int:
        early = {key: [at - 1 for at in times] for key, times in (closed or {}).items()}
        return count_open(opened, early, until, since_day, day_of)

    patch.setattr(python, "count_open", counted)


def holidays_counted(patch: pytest.MonkeyPatch) -> None:
    """Holidays count as business days."""
    honest = python._business_lookup
    patch.setattr(python, "_business_lookup", lambda days, today: honest(BusinessDays(days.weekdays), today))


def _with_columns(patch: pytest.MonkeyPatch, change: Callable[[Column], Column]) -> None:
    """The function is generated from changed columns."""

    def compiled(plan: Plan, place: Zone, business: BusinessDays, *, all_columns: bool) -> python.Evaluator:
        columns = tuple(change(each) for each in plan.columns)
        return python.compile_python(replace(plan, columns=columns), place, business, all_columns=all_columns)

    patch.setattr(comparison, "compile_python", compiled)


def first_step_not_proven(patch: pytest.MonkeyPatch) -> None:
    """Records of later steps say nothing about the first: its own record must be there."""

    def own_record_only(each: Column) -> Column:
        if not (each.name.startswith("at.") and isinstance(each.node, a.Case)):
            return each
        return replace(each, node=each.node.rows[0][1])

    _with_columns(patch, own_record_only)


def unknown_row_ends_a_table(patch: pytest.MonkeyPatch) -> None:
    """A decision table stops at a row it cannot judge, although that row is only to be passed over."""
    honest = python_text.Writer.value

    def value(self: python_text.Writer, node: a.Value) -> str:
        if isinstance(node, a.Case) and isinstance(node.otherwise, a.Const) and node.otherwise.value is not None:
            stops = [row for truth, then in node.rows for row in ((truth, then), (a.IsUnknown(truth), a.Const(None)))]
            return honest(self, replace(node, rows=tuple(stops)))
        return honest(self, node)

    patch.setattr(python_text.Writer, "value", value)


def doubt_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A health item that a stale source leaves unknown counts as not earned."""

    def known_rows_only(each: Column) -> Column:
        if each.name != "health_points" or not isinstance(each.node, a.Case):
            return each
        return replace(each, node=each.node.otherwise)

    _with_columns(patch, known_rows_only)


def open_window_is_ignored(patch: pytest.MonkeyPatch) -> None:
    """A touch counts as ignored on the last day of its window, though an answer may still come."""

    def counted(touches: Mapping[int, int] | None, answers: Sequence[Moments | None], valid_days: int, today: int, day_of: DayOf) -> int:
        return count_ignored(touches, answers, valid_days, today + 1, day_of)

    patch.setattr(python, "count_ignored", counted)


def last_day_left_out(patch: pytest.MonkeyPatch) -> None:
    """The last day of a calendar's period no longer belongs to it."""
    honest = python_text.Writer._compare

    def compare(self: python_text.Writer, node: a.Compare, *, wanted: bool) -> str:
        early = isinstance(node.value, a.Today) and node.operator == "<=" and isinstance(node.wanted, int)
        return honest(self, replace(node, wanted=node.wanted - 1) if early else node, wanted=wanted)

    patch.setattr(python_text.Writer, "_compare", compare)


BUGS = (
    Bug("off_by_one_day", "sql", off_by_one_day),
    Bug("missing_as_false", "sql", missing_as_false),
    Bug("wrong_tie", "sql", wrong_tie),
    Bug("cleared_value_skipped", "sql", cleared_value_skipped),
    Bug("known_at_ignored", "sql", known_at_ignored),
    Bug("offset_of_the_wrong_side", "sql", offset_of_the_wrong_side, first=2),
    Bug("negative_rounded_to_zero", "sql", negative_rounded_to_zero, first=8),
    Bug("answered_at_the_same_instant", "sql", answered_at_the_same_instant),
    Bug("last_season_counts", "sql", last_season_counts),
    Bug("first_taken_for_newest", "sql", first_taken_for_newest),
    Bug("two_valued_not", "python", two_valued_not),
    Bug("stale_source_ignored", "python", stale_source_ignored, first=1),
    Bug("closed_at_the_same_instant", "python", closed_at_the_same_instant, first=7),
    Bug("holidays_counted", "python", holidays_counted),
    Bug("first_step_not_proven", "python", first_step_not_proven),
    Bug("open_window_is_ignored", "python", open_window_is_ignored),
    Bug("last_day_left_out", "python", last_day_left_out, first=5),
    Bug("doubt_forgotten", "python", doubt_forgotten, first=1),
    Bug("unknown_row_ends_a_table", "python", unknown_row_ends_a_table),
)
