"""The route alone as SQL, for reports: each unit's own first record of each step, and whether its journey is closed."""

from sqlglot import exp

from engine.facts import algebra as a
from engine.facts.route import Route
from engine.rulebook.sql import Bound, aggregate, alias, brackets, column, select, table
from engine.rulebook.statement import UNIT_COLUMNS, Unit, visible


def units_statement(route: Route, unit: Unit, bound: Bound) -> exp.Select:
    """SELECT of the unit, `at.<step>` for each step and `closed`. Unlike in facts, a later step does not prove the first one here."""
    keys = [column(key) for key in UNIT_COLUMNS[unit]]
    firsts = [alias(aggregate(a.First(tuple(step.done_by)), bound), f"at.{step_id}") for step_id, step in route.steps.items()]
    closed: exp.Expr = exp.false()
    if route.spec.closed_by:
        first = aggregate(a.First(tuple(route.spec.closed_by)), bound)
        closed = exp.Not(this=exp.Is(this=brackets(first), expression=exp.null()))
    query = select(*keys, *firsts, alias(closed, "closed")).from_(table("visible"), copy=False)
    query = query.group_by(*[key.copy() for key in keys], copy=False)
    return query.with_("visible", as_=visible(bound, unit), copy=False)
