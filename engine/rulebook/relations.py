"""Accumulators that one aggregate cannot compute: each has relations of its own in the statement, the last with one row a unit."""

from collections.abc import Iterable, Mapping, Sequence

from sqlglot import exp

from engine.facts import algebra as a
from engine.rulebook.sql import Bound, alias, both, brackets, column, compare, either, filtered, is_event, literal, select, table

WITH_RELATIONS = (a.OpenItems, a.IgnoredInRow)
Relation = tuple[str, exp.Select]


def relation_of(name: str) -> str:
    """The relation that holds the accumulator kept under a name."""
    return f"of_{name}"


def relations(accumulators: Iterable[a.Accumulator], fold: Mapping[a.Accumulator, str], bound: Bound, keys: Sequence[str]) -> Iterable[Relation]:
    """The relations needed, in an order in which each reads only those before it and `visible`."""
    for each in accumulators:
        if isinstance(each, a.OpenItems):
            yield from _open_items(each, fold[each], bound, keys)
        elif isinstance(each, a.IgnoredInRow):
            yield from _ignored(each, fold[each], bound, keys)


def _by(keys: Sequence[str]) -> list[exp.Column]:
    return [column(key) for key in keys]


def _total(source: str, counted: exp.Expr, name: str, keys: Sequence[str]) -> Relation:
    """How many rows of a relation are to be counted, for each unit."""
    total = alias(filtered(exp.Count(this=exp.Star()), counted), name)
    return relation_of(name), select(*_by(keys), total).from_(table(source), copy=False).group_by(*_by(keys), copy=False)


def _not_null(name: str) -> exp.Expr:
    return exp.Not(this=exp.Is(this=column(name), expression=exp.null()))


# --- items: the last opening and closing of each key ------------------------------------------------------------------


def _open_items(node: a.OpenItems, name: str, bound: Bound, keys: Sequence[str]) -> Iterable[Relation]:
    items = f"items_{name}"
    yield items, _items(node, bound, keys)
    never_closed = exp.Is(this=column("closed_at"), expression=exp.null())
    closed_before = compare(exp.LT, column("closed_at"), column("opened_at"))
    yield _total(items, both(_not_null("opened_at"), brackets(either(never_closed, closed_before))), name, keys)


def _items(node: a.OpenItems, bound: Bound, keys: Sequence[str]) -> exp.Select:
    counts = [is_event([node.opened]), compare(exp.LTE, column("occurred_at"), bound.now_less(node.age))]
    if node.within_days:
        counts.append(compare(exp.GTE, column("day"), bound.day_less(node.within_days - 1)))
    opened = alias(filtered(exp.Max(this=column("occurred_at")), both(*counts)), "opened_at")
    closed = alias(filtered(exp.Max(this=column("occurred_at")), is_event([node.closed])), "closed_at")
    unit = _by([*keys, "key"])
    keyed = both(is_event([node.opened, node.closed]), _not_null("key"))
    return (
        select(*unit, opened, closed)
        .from_(table("visible"), copy=False)
        .where(keyed, copy=False)
        .group_by(*[part.copy() for part in unit], copy=False)
    )


# --- touches: the last day of each one's window, and the first day of an answer after it ------------------------------


def _ignored(node: a.IgnoredInRow, name: str, bound: Bound, keys: Sequence[str]) -> Iterable[Relation]:
    moments, answers, touches = f"moments_{name}", f"answers_{name}", f"touches_{name}"
    yield moments, _moments(node, keys)
    yield answers, _answers(moments, keys)
    answered = compare(exp.LTE, column("answer_day"), column("last_day"))
    at_answered = exp.Case().when(answered, column("occurred_at"), copy=False)
    newest = exp.Window(this=exp.Max(this=at_answered), partition_by=_by(keys))
    yield touches, select(exp.Star(), alias(newest, "answered_at")).from_(table(answers), copy=False).where(_not_null("last_day"), copy=False)
    silent = exp.Coalesce(this=compare(exp.GT, column("occurred_at"), column("answered_at")), expressions=[exp.true()])
    yield _total(touches, both(compare(exp.LT, column("last_day"), bound.day_less()), silent), name, keys)


def _moments(node: a.IgnoredInRow, keys: Sequence[str]) -> exp.Select:
    """One row an instant: what is touched or answered at one instant is one touch or answer."""
    touch, day = is_event([node.touch]), exp.Min(this=column("day"))
    own = both(touch.copy(), compare(exp.GTE, column("number"), literal(1)), compare(exp.LTE, column("number"), literal(a.LONGEST_WINDOW)))
    window = exp.Coalesce(this=filtered(exp.Max(this=column("number")), own), expressions=[literal(node.valid_days)])
    last_day = exp.Add(this=filtered(day, touch), expression=brackets(exp.Sub(this=window, expression=literal(1))))
    answer_day = filtered(day.copy(), is_event(node.responses))
    unit = _by([*keys, "occurred_at"])
    found = select(*unit, alias(last_day, "last_day"), alias(answer_day, "own_answer_day")).from_(table("visible"), copy=False)
    return found.where(is_event([node.touch, *node.responses]), copy=False).group_by(*[part.copy() for part in unit], copy=False)


def _answers(moments: str, keys: Sequence[str]) -> exp.Select:
    """The least day of all later answers, not the next answer's: where a clock goes back over midnight, a later one has the earlier day."""
    later = exp.WindowSpec(kind="ROWS", start="1", start_side="FOLLOWING", end="UNBOUNDED", end_side="FOLLOWING")
    order = exp.Order(expressions=[exp.Ordered(this=column("occurred_at"), nulls_first=False)])
    least = exp.Window(this=exp.Min(this=column("own_answer_day")), partition_by=_by(keys), order=order, spec=later)
    return select(*_by([*keys, "occurred_at", "last_day"]), alias(least, "answer_day")).from_(table(moments), copy=False)
