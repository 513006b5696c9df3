"""What every report has: the statement it needs of each unit, and how its rows are made from the answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from engine.facts.days_since import Counting
from engine.rulebook.sql import Bound
from engine.rulebook.statement import Unit

Cell = str | int | float | None
UNITS_TABLE = "units"  # the temp table that holds one row per unit


@dataclass(frozen=True)
class Asked:
    """What a report is asked for. `days`: the least stalls to count; `segment`: only accounts in it; `counting`: which days stalls count."""

    unit: Unit = "account"
    segment: str | None = None
    days: tuple[int, ...] = (3, 7, 14, 28)
    counting: Counting = "calendar"


@dataclass(frozen=True)
class Table:
    """A report's answer."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]] = field(default_factory=tuple)


class Report(Protocol):
    """One question. `columns` names what the unit statement must yield; `sql` is run over its result."""

    name: ClassVar[str]

    def __init__(self, steps: Sequence[str], asked: Asked) -> None: ...

    def sql(self, bound: Bound) -> str:
        """DuckDB SQL over the table `units`: unit columns, `at.<step>`, `unneeded.<step>`, and `closed`."""
        ...

    def table(self, rows: Sequence[tuple[Cell, ...]]) -> Table: ...


def position_sql(steps: Sequence[str]) -> str:
    """SELECT of position, since and stands: the largest i so that steps 1..i are done or not needed, the latest of their first times, the last done.

    Steps done out of order count, but do not move the position past a gap. Units without the first step are left out.
    """
    reached = " ".join(f'WHEN "at.{step}" IS NULL AND NOT "unneeded.{step}" THEN {index}' for index, step in enumerate(steps))
    firsts = [f'"at.{step}"' for step in steps]
    since = " ".join(f"WHEN {index} THEN greatest({', '.join(firsts[:index])})" for index in range(1, len(steps) + 1))
    inner = f'SELECT *, CASE {reached} ELSE {len(steps)} END AS pos FROM {UNITS_TABLE} WHERE "at.{steps[0]}" IS NOT NULL'
    done = ", ".join(f'CASE WHEN pos >= {index} AND "at.{step}" IS NOT NULL THEN {index} ELSE 0 END' for index, step in enumerate(steps, 1))
    return f"SELECT *, CASE pos {since} END AS since, greatest({done}) AS stands FROM ({inner})"
