"""`active_days`: on how many distinct local days an event happened."""

from typing import Annotated, ClassVar

from pydantic import Field

from engine.facts.algebra import DaysWithin, Fresh, Value
from engine.facts.spec import Days, EventName, FactSpec, Names, Unit


class ActiveDays(FactSpec):
    """Several log-ins on one day are one active day."""

    unit: ClassVar[Unit] = "days"
    active_days: EventName
    within_days: Days
    ending_days_ago: Annotated[int, Field(ge=0, le=365)] = 0

    def lower(self, names: Names) -> Value:
        window = DaysWithin(self.active_days, self.ending_days_ago + self.within_days - 1, self.ending_days_ago)
        return Fresh(window, names.sources([self.active_days]))

    def events_read(self) -> tuple[str, ...]:
        return (self.active_days,)
