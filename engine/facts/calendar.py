"""`calendar`: what season it is today, from a list of periods that the team keeps in a CSV."""

from dataclasses import dataclass

from engine.facts.algebra import All, Case, Compare, Const, Span, Today, Value
from engine.facts.spec import FactSpec, FactType, Name, Names


@dataclass(frozen=True)
class Period:
    """One row of a calendar: the days from `first` to `last`, both included, have the value."""

    kind: str
    first: int
    last: int
    value: str


class Calendar(FactSpec):
    """The same for every account; unknown on days that no row covers."""

    calendar: str
    kind: Name
    labels: dict[str, str] = {}

    def periods(self, names: Names) -> tuple[Period, ...]:
        return tuple(each for each in names.calendar(self.calendar) if each.kind == self.kind)

    def spans(self, names: Names) -> tuple[Span, ...]:
        """The days of each period, in order of time."""
        return tuple(sorted((each.first, each.last) for each in self.periods(names)))

    def result(self, names: Names) -> FactType:
        return FactType("enum", {each.value: self.labels.get(each.value, each.value) for each in self.periods(names)})

    def lower(self, names: Names) -> Value:
        inside = ((All((Compare(">=", Today(), each.first), Compare("<=", Today(), each.last))), each.value) for each in self.periods(names))
        return Case(tuple((truth, Const(value)) for truth, value in inside), Const(None))
