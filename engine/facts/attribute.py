"""`attribute`: the newest value of a field that a source or a person told us."""

from typing import Literal

from pydantic import Field, field_validator

from engine.facts.algebra import Latest, OneOf, Value
from engine.facts.spec import EventName, FactSpec, FactType, Kind, Names


class Attribute(FactSpec):
    """A heard value survives staleness: that nobody repeated it does not make it untrue."""

    attribute: EventName
    type_: Kind = Field(alias="type")
    values: dict[str, str] | None = None

    @field_validator("values", mode="before")
    @classmethod
    def _list_of_ids(cls, raw: object) -> object:
        return {item: item for item in raw} if isinstance(raw, list) and all(isinstance(item, str) for item in raw) else raw

    def result(self, names: Names) -> FactType:
        return FactType(self.type_, self.values or {})

    def lower(self, names: Names) -> Value:
        column: Literal["value", "number"] = "number" if self.type_ in {"number", "date", "bool"} else "value"
        latest = Latest(self.attribute, column)
        return OneOf(latest, tuple(self.values or {})) if self.type_ == "enum" else latest

    def events_read(self) -> tuple[str, ...]:
        return (self.attribute,)
