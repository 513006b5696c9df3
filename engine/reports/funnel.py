"""funnel: how many units did each step at all, how many came so far without a gap, and how long each step took.

Who does not need a step comes past it: neither lost there, nor counted in how long it took.
"""

from collections.abc import Sequence
from typing import ClassVar

from engine.calendar import SECOND
from engine.reports.report import Asked, Cell, Table, position_sql
from engine.rulebook.sql import Bound


class Funnel:
    """Drop-off of a step: units that reached the one before it and not this one. Medians in seconds."""

    name: ClassVar[str] = "funnel"

    def __init__(self, steps: Sequence[str], asked: Asked) -> None:
        self.steps, self.asked = steps, asked

    def sql(self, bound: Bound) -> str:
        rows = []
        for index, step in enumerate(self.steps, 1):
            took = self._took(index)
            rows.append(
                f"SELECT {index} AS pos, '{step}' AS step, count(\"at.{step}\") AS done_any, "
                f"count(*) FILTER (WHERE pos >= {index}) AS done_prefix, {took} AS took FROM placed"
            )
        return f"WITH placed AS ({position_sql(self.steps)}) {' UNION ALL '.join(rows)} ORDER BY pos"

    def _took(self, index: int) -> str:
        """Median time between being at the step before and at this one, over the units that came this far."""
        if index == 1:
            return "NULL"
        before, here = (", ".join(f'"at.{step}"' for step in self.steps[:count]) for count in (index - 1, index))
        return f'median((greatest({here}) - greatest({before})) / {float(SECOND)}) FILTER (WHERE pos >= {index} AND "at.{self.steps[index - 1]}" IS NOT NULL)'

    def table(self, rows: Sequence[tuple[Cell, ...]]) -> Table:
        made: list[tuple[Cell, ...]] = []
        before: int | None = None
        for pos, step, done_any, done_prefix, took in rows:
            reached = int(done_prefix or 0)
            rate = 1.0 if before is None else (reached / before if before else 0.0)
            lost = 0 if before is None else before - reached
            made.append((self.asked.unit, pos, step, done_any, reached, round(rate, 6), lost, round(float(took), 3) if took is not None else None))
            before = reached
        return Table(("unit", "pos", "step", "done_any", "done_prefix", "conv_from_prev", "dropoff", "median_s_from_prev"), made)
