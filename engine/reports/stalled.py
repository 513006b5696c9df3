"""stalled: how many units stand on each step for at least so many whole days, counted as the route counts them."""

from collections.abc import Sequence
from typing import ClassVar

from engine.facts.algebra import DayOf, FactRef, Today
from engine.facts.days_since import days_between
from engine.reports.report import Asked, Cell, Table, position_sql
from engine.rulebook.sql import Bound, Renderer


class Stalled:
    """The last step is the end of the route, nobody stalls on it; a closed journey does not stall either."""

    name: ClassVar[str] = "stalled"

    def __init__(self, steps: Sequence[str], asked: Asked) -> None:
        self.steps, self.asked = steps, asked

    def sql(self, bound: Bound) -> str:
        days_there = days_between(DayOf(FactRef("since")), Today(), self.asked.counting)
        waited = Renderer(bound, {}).value(days_there).sql(dialect="duckdb")
        steps = ", ".join(f"({index}, '{step}')" for index, step in enumerate(self.steps[:-1], 1))
        days = ", ".join(f"({least})" for least in self.asked.days)
        return f"""
            WITH placed AS ({position_sql(self.steps)}),
                 standing AS (SELECT stands AS pos, {waited} AS days FROM placed WHERE NOT closed AND pos < {len(self.steps)})
            SELECT d.least, s.pos, s.step, count(standing.pos)
            FROM (VALUES {days}) d(least) CROSS JOIN (VALUES {steps}) s(pos, step)
            LEFT JOIN standing ON standing.pos = s.pos AND standing.days >= d.least
            GROUP BY ALL ORDER BY ALL"""

    def table(self, rows: Sequence[tuple[Cell, ...]]) -> Table:
        return Table(("unit", "k", "pos", "step", "stalled"), [(self.asked.unit, *row) for row in rows])
