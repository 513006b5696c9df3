"""`days_until`: whole days from today to a date the customer told us; negative once it has passed."""

from collections.abc import Mapping
from typing import ClassVar

from engine.facts.algebra import FactRef, Today, Value
from engine.facts.days_since import Counting, days_between
from engine.facts.spec import FactSpec, Kind, Name, Names, Unit


class DaysUntil(FactSpec):
    """Unknown while the date is."""

    unit: ClassVar[Unit] = "days"
    days_until: Name
    count: Counting = "calendar"

    def lower(self, names: Names) -> Value:
        return days_between(Today(), FactRef(self.days_until), self.count)

    def operands(self) -> Mapping[str, tuple[str, Kind]]:
        return {"days_until": (self.days_until, "date")}
