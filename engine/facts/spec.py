"""What every fact primitive has: a YAML schema, a type, and its meaning in the algebra."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from engine.facts.algebra import Span, Truth, Value

if TYPE_CHECKING:
    from engine.facts.calendar import Period

Kind = Literal["number", "enum", "tags", "date", "text", "bool"]
Unit = Literal["days", "times", "percent", "points", ""]

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]

EventName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")]
Days = Annotated[int, Field(ge=1, le=365)]


class Strict(BaseModel):
    """A border of the workspace: no unknown keys, no silent conversion, immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def form_of(raw: object) -> str:
    """Tag of a union whose branches differ in form: in brackets, as no key of a file can be."""
    return "<map>" if isinstance(raw, dict | BaseModel) else "<list>" if isinstance(raw, list) else "<text>"


@dataclass(frozen=True)
class FactType:
    """What values a fact can take; `values` maps each id of an enum or tags fact to its label."""

    kind: Kind
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ChannelEvents:
    """The event that is a touch of a channel, those that answer one, and for how many days (that of the touch being day 1) they may."""

    touch: str | None
    response: tuple[str, ...]
    valid_days: int


class Names(Protocol):
    """What a primitive may ask of the workspace while it is put into the algebra."""

    def sources(self, names: Sequence[str]) -> tuple[str, ...]:
        """The sources that deliver these events or fields, each once."""
        ...

    def fact_type(self, name: str) -> FactType: ...

    def conditions(self, raw: Sequence[object], path: tuple[str | int, ...]) -> Truth:
        """All of a list of conditions; faults are reported at `path` below this fact."""
        ...

    def calendar(self, file: str) -> Sequence["Period"]:
        """The rows of a calendar file, in file order."""
        ...

    def spans(self, fact: str, path: tuple[str | int, ...]) -> tuple[Span, ...]:
        """The periods of a calendar fact; none after reporting at `path` that it is no calendar."""
        ...

    def channel(self, name: str, path: tuple[str | int, ...]) -> ChannelEvents | None:
        """A channel with touches that can be answered; None after reporting at `path` below this fact that there is none."""
        ...

    def doubt(self, truth: Truth) -> Truth | None:
        """True when a truth is not, but would be if stale sources had the right things to say; None if no source can change it."""
        ...


class FactSpec(Strict):
    """A fact as written in facts.yaml. Subclasses are the primitives; `unit` is the word for its numbers in explain."""

    unit: ClassVar[Unit] = ""
    label: str

    def result(self, names: Names) -> FactType:
        return FactType("number")

    def lower(self, names: Names) -> Value:
        """The fact's value in the algebra, with unknown where data is missing or stale."""
        raise NotImplementedError

    def operands(self) -> Mapping[str, tuple[str, Kind]]:
        """The keys whose value names a fact, with that fact and the kind it must have."""
        return {}

    def facts_read(self) -> tuple[str, ...]:
        """Names of the facts this one is computed from."""
        return tuple(fact for fact, _ in self.operands().values())

    def events_read(self) -> tuple[str, ...]:
        """Names of events and fields it reads, for checks against the sources."""
        return ()
