"""`days_until`: whole days from today to a date the customer told us; negative once it has passed."""

from typing import ClassVar, Literal

from engine.facts.algebra import FactRef, Today, Value
from engine.facts.days_since import Counting, days_between
from engine.facts.spec import FactSpec, Name, Names


class DaysUntil(FactSpec):
    """Unknown while the date is."""

    unit: ClassVar[Literal["days", "times", ""]] = "days"
    days_until: Name
    count: Counting = "calendar"

    def lower(self, names: Names) -> Value:
        return days_between(Today(), FactRef(self.days_until), self.count)

    def facts_read(self) -> tuple[str, ...]:
        return (self.days_until,)
