"""`days_since`: whole local days since the newest of some events; the same day is 0."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from engine.facts.algebra import BusinessCount, Coalesce, DayOf, Fresh, Last, Minus, Today, Value
from engine.facts.spec import EventName, FactSpec, Names, Unit

Counting = Literal["calendar", "business"]


def days_between(earlier: Value, later: Value, counting: Counting) -> Value:
    """Days from one day to another: calendar days, or the business days after `earlier` up to and including `later`."""
    if counting == "business":
        return Minus(BusinessCount(later), BusinessCount(earlier))
    return Minus(later, earlier)


class DaysSince(FactSpec):
    """Unknown while neither the events nor those of `or_since` ever happened."""

    unit: ClassVar[Unit] = "days"
    days_since: Annotated[list[EventName], Field(min_length=1)]
    or_since: list[EventName] = []
    count: Counting = "calendar"

    def lower(self, names: Names) -> Value:
        newest: Value = Last(tuple(self.days_since))
        if self.or_since:
            newest = Coalesce((newest, Last(tuple(self.or_since))))
        return Fresh(days_between(DayOf(newest), Today(), self.count), names.sources(self.events_read()))

    def events_read(self) -> tuple[str, ...]:
        return (*self.days_since, *self.or_since)
