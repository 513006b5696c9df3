"""`rate`: how many in a hundred, from two other numbers."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from engine.facts.algebra import FactRef, Percent, Value
from engine.facts.spec import FactSpec, Kind, Name, Names, Unit


class Rate(FactSpec):
    """100 × `rate` by `of`, rounded down; unknown while `of` is less than `base_at_least`, for few cases make wild percentages."""

    unit: ClassVar[Unit] = "percent"
    rate: Name
    of: Name
    base_at_least: Annotated[int, Field(ge=1)] = 1

    def lower(self, names: Names) -> Value:
        return Percent(FactRef(self.rate), FactRef(self.of), self.base_at_least)

    def operands(self) -> Mapping[str, tuple[str, Kind]]:
        return {"rate": (self.rate, "number"), "of": (self.of, "number")}
