"""`table`: a decision table; the first row that is true gives the value, `else` the rest."""

from collections.abc import Iterator, Sequence

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from engine.facts.algebra import Case, Const, Truth, Value
from engine.facts.conditions import facts_in
from engine.facts.spec import FactSpec, FactType, Names


class Row(BaseModel):
    """Either `when` and `then`, or `else` alone."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    when: list[object] | None = None
    then: str | None = None
    otherwise: str | None = Field(default=None, alias="else")


class Table(FactSpec):
    """A row that is unknown for want of data is passed over; one that only a stale source keeps from being true makes the table unknown."""

    table: list[Row]
    labels: dict[str, str] = {}

    @model_validator(mode="after")
    def _else_comes_last(self) -> "Table":
        rows = self.table
        if not rows or rows[-1].otherwise is None or any(row.when is None or row.then is None for row in rows[:-1]):
            raise PydanticCustomError("table_without_else", "a table needs rows of when/then and a last row with else")
        return self

    def outcomes(self) -> list[str]:
        return list(dict.fromkeys(outcome for row in self.table if (outcome := row.then if row.when is not None else row.otherwise) is not None))

    def result(self, names: Names) -> FactType:
        return FactType("enum", {outcome: self.labels.get(outcome, outcome) for outcome in self.outcomes()})

    def lower(self, names: Names) -> Value:
        rows = [part for index, row in enumerate(self.table[:-1]) for part in self._row(index, row, names)]
        return Case(tuple(rows), Const(self.table[-1].otherwise))

    @staticmethod
    def _row(index: int, row: Row, names: Names) -> Iterator[tuple[Truth, Value]]:
        truth = names.conditions(row.when or [], ("table", index, "when"))
        yield truth, Const(row.then)
        if (doubt := names.doubt(truth)) is not None:
            yield doubt, Const(None)

    def facts_read(self) -> tuple[str, ...]:
        whens: Sequence[object] = [condition for row in self.table for condition in row.when or []]
        return tuple(facts_in(whens))
