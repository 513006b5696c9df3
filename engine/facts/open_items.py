"""`open_items`: how many cases, applications and the like were opened and are not closed yet."""

from typing import Annotated, ClassVar

from pydantic import StringConstraints

from engine.calendar import DAY, HOUR, MINUTE, SECOND
from engine.facts.algebra import Fresh, OpenItems, Value
from engine.facts.spec import Days, EventName, FactSpec, Names, Strict, Unit

Duration = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,4}[smhd]$")]
UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}


def microseconds(duration: str) -> int:
    """`30s`, `60m`, `36h` or `3d` as elapsed time."""
    return int(duration[:-1]) * UNITS[duration[-1]]


class Items(Strict):
    """`key` names the property that tells one item from another; openings without it are not counted."""

    opened: EventName
    closed: EventName
    key: str
    open_at_least: Duration | None = None
    opened_within_days: Days | None = None


class OpenItemsFact(FactSpec):
    """An item is open while no closing record lies at or after its last opening."""

    unit: ClassVar[Unit] = "times"
    open_items: Items

    def lower(self, names: Names) -> Value:
        items = self.open_items
        age = microseconds(items.open_at_least) if items.open_at_least else 0
        return Fresh(OpenItems(items.opened, items.closed, age, items.opened_within_days or 0), names.sources(self.events_read()))

    def events_read(self) -> tuple[str, ...]:
        return (self.open_items.opened, self.open_items.closed)
