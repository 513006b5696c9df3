"""`days_since`: whole local days since the newest, or the first, of some events; the same day is 0."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from engine.facts.algebra import BusinessCount, Case, Coalesce, Const, DayOf, First, Fresh, IsSet, Last, Minus, Today, Value
from engine.facts.spec import EventName, FactSpec, Names, Unit

Counting = Literal["calendar", "business"]


def days_between(earlier: Value, later: Value, counting: Counting) -> Value:
    """Days from one day to another: calendar days, or the business days after `earlier` up to and including `later`."""
    if counting == "business":
        return Minus(BusinessCount(later), BusinessCount(earlier))
    return Minus(later, earlier)


class DaysSince(FactSpec):
    """Unknown while neither the events nor those of `or_since` ever happened, and while a source of them is stale.

    With `first: true` it counts from the first record, not from the newest. A first record, once seen, stays the first whatever a silent
    source may still hold, so the count goes on while the source is stale; only that none was seen proves nothing then.
    """

    unit: ClassVar[Unit] = "days"
    days_since: Annotated[list[EventName], Field(min_length=1)]
    or_since: list[EventName] = []
    first: bool = False
    count: Counting = "calendar"

    def lower(self, names: Names) -> Value:
        return self._since_first(names) if self.first else self._since_newest(names)

    def _since_newest(self, names: Names) -> Value:
        newest: Value = Last(tuple(self.days_since))
        if self.or_since:
            newest = Coalesce((newest, Last(tuple(self.or_since))))
        return Fresh(days_between(DayOf(newest), Today(), self.count), names.sources(self.events_read()))

    def _since_first(self, names: Names) -> Value:
        """Each list of events in turn; that the one before never happened must be certain."""
        found: Value = Const(None)
        for events in filter(None, (self.or_since, self.days_since)):
            first = First(tuple(events))
            days = days_between(DayOf(first), Today(), self.count)
            found = Case(((IsSet(first), days),), Fresh(found, names.sources(events)))
        return found

    def events_read(self) -> tuple[str, ...]:
        return (*self.days_since, *self.or_since)
