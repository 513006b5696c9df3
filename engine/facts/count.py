"""`count`: how often an event happened within whole local days."""

from typing import Annotated, ClassVar

from pydantic import Field

from engine.facts.algebra import CountWithin, Fresh, Value
from engine.facts.spec import Days, EventName, FactSpec, Names, Unit


class Count(FactSpec):
    """`within_days: 1` is today only; `ending_days_ago: k` moves the window k days back."""

    unit: ClassVar[Unit] = "times"
    count: EventName
    within_days: Days
    ending_days_ago: Annotated[int, Field(ge=0, le=365)] = 0

    def lower(self, names: Names) -> Value:
        window = CountWithin(self.count, self.ending_days_ago + self.within_days - 1, self.ending_days_ago)
        return Fresh(window, names.sources([self.count]))

    def events_read(self) -> tuple[str, ...]:
        return (self.count,)
