"""The health score, and the facts it makes by itself: `health`, `health_points`, `health_coverage`."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from engine.facts.algebra import Any, Case, Compare, Const, FactRef, IsUnknown, Not, Percent, Sum, Truth, TruthRef, Value
from engine.facts.spec import FactType, Name, Names, Strict, Unit

FULL = 100
HEALTH, POINTS, COVERAGE = HEALTH_FACTS = ("health", "health_points", "health_coverage")
UNITS: Mapping[str, Unit] = {HEALTH: "", POINTS: "points", COVERAGE: "percent"}


class Item(Strict):
    """What is worth some points when all of its conditions are true."""

    label: str
    when: Annotated[list[object], Field(min_length=1)]
    points: Annotated[int, Field(ge=1, le=FULL)]


class Health(Strict):
    """The points of the items that are true add up to 0 to 100; a band begins at its number of points and ends where the next begins.

    An item that is unknown gives no points and lowers the coverage; one that only a stale source keeps from being true makes the score unknown.
    """

    items: Annotated[list[Item], Field(min_length=1)]
    bands: Annotated[dict[Name, Annotated[int, Field(ge=0, le=FULL)]], Field(min_length=1)]
    labels: dict[str, str] = {}

    @field_validator("items")
    @classmethod
    def _no_more_than_full(cls, items: list[Item]) -> list[Item]:
        if (total := sum(item.points for item in items)) > FULL:
            raise PydanticCustomError("points_beyond_full", "points add up to {total}", {"total": total})
        return items

    @field_validator("bands")
    @classmethod
    def _from_nothing_on(cls, bands: dict[str, int]) -> dict[str, int]:
        if 0 not in bands.values() or len(set(bands.values())) < len(bands):
            raise PydanticCustomError("bands_with_gaps", "bands begin at different points, the lowest at 0")
        return bands

    def result(self, name: str) -> FactType:
        """The type of one of the automatic facts."""
        return FactType("enum", {band: self.labels.get(band, band) for band in self.bands}) if name == HEALTH else FactType("number")

    def lower(self, name: str, names: Names) -> Value:
        """One of the automatic facts in the algebra; each item's truth is a column of its own (see `item_column`)."""
        truths = [TruthRef(item_column(index)) for index in range(len(self.items))]
        if name == POINTS:
            return self._points(truths, names)
        if name == COVERAGE:
            known = self._sum({index: Not(IsUnknown(truth)) for index, truth in enumerate(truths)})
            return Percent(known, Const(sum(item.points for item in self.items)), 1)
        falling = sorted(self.bands.items(), key=lambda band: -band[1])
        return Case(tuple((Compare(">=", FactRef(POINTS), lowest), Const(band)) for band, lowest in falling), Const(None))

    def _points(self, truths: Sequence[Truth], names: Names) -> Value:
        doubts = tuple(doubt for truth in truths if (doubt := names.doubt(truth)) is not None)
        total = self._sum(dict(enumerate(truths)))
        return Case(((Any(doubts), Const(None)),), total) if doubts else total

    def _sum(self, earned: Mapping[int, Truth]) -> Value:
        return Sum(tuple(Case(((truth, Const(self.items[index].points)),), Const(0)) for index, truth in earned.items()))


def item_column(index: int) -> str:
    """The column that says whether the item is true."""
    return f"{HEALTH}.{index}"
