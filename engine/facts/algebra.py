"""The small algebra that every fact and condition is written in. A primitive says once what it means; the two executors render it.

Values are whole numbers, texts or days; `None` (SQL NULL) is *unknown*. Truth is Kleene's: true, false or unknown. A node that reads
records is an *accumulator*: it is computed per account in one pass, without regard to the order of the records.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

Span: TypeAlias = tuple[int, int]  # the first and the last day
LATEST_DAY = 10**6  # beyond every day there is

# --- accumulators -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Latest:
    """The newest visible value of a field; ties of `occurred_at` go to the greatest (source, source_id) by bytes."""

    field: str
    column: Literal["value", "number"]


@dataclass(frozen=True)
class First:
    """The instant of the earliest visible record of any of these events."""

    events: tuple[str, ...]


@dataclass(frozen=True)
class FirstInSpan:
    """The instant of the earliest visible record, of any of these events, on a day of the span that today lies in.

    Between two spans: on or after the first day of the last one that began; before the first span: on any day. `spans` stand in order.
    """

    events: tuple[str, ...]
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Last:
    """The instant of the newest visible record of any of these events."""

    events: tuple[str, ...]


@dataclass(frozen=True)
class CountWithin:
    """How many records of the event lie on the days today-oldest .. today-newest."""

    event: str
    oldest: int
    newest: int


@dataclass(frozen=True)
class DaysWithin:
    """On how many distinct days in today-oldest .. today-newest the event happened."""

    event: str
    oldest: int
    newest: int


@dataclass(frozen=True)
class OpenItems:
    """How many keys were opened and not closed at or after their last opening.

    Only openings at least `age` microseconds old count, and only those on the last `within_days` days (0 = any).
    """

    opened: str
    closed: str
    age: int
    within_days: int


@dataclass(frozen=True)
class IgnoredInRow:
    """How many touches after the last answered one have a window that ended before today. Touches at one instant are one touch.

    A window begins on the day of the touch and has as many days as the touch's record says as its number (the most, if several do;
    1 to `LONGEST_WINDOW`), else `valid_days`. A touch is answered by a later record of `responses` on a day of its window.
    """

    touch: str
    responses: tuple[str, ...]
    valid_days: int


LONGEST_WINDOW = 366

# --- values -------------------------------------------------------------------------------------------------------

LARGEST_PART = 2**55  # a hundred times as much still fits into 64 bits


@dataclass(frozen=True)
class Const:
    value: int | str | None


@dataclass(frozen=True)
class Today:
    """The local day of the evaluation."""


@dataclass(frozen=True)
class FactRef:
    """The value of another fact, computed before."""

    name: str


@dataclass(frozen=True)
class DayOf:
    """The local day of an instant."""

    instant: "Value"


@dataclass(frozen=True)
class BusinessCount:
    """Business days counted up to and including a day; the difference of two is the number of business days between them."""

    day: "Value"


@dataclass(frozen=True)
class Minus:
    left: "Value"
    right: "Value"


@dataclass(frozen=True)
class Sum:
    """All of the values together; unknown if one of them is."""

    values: tuple["Value", ...]


@dataclass(frozen=True)
class Percent:
    """100 × `part` by `whole`, rounded down; unknown if `whole` is less than `least` (1 or more) or `part` beyond `LARGEST_PART`."""

    part: "Value"
    whole: "Value"
    least: int


@dataclass(frozen=True)
class Coalesce:
    values: tuple["Value", ...]


@dataclass(frozen=True)
class Extreme:
    """The least or greatest of the known values; unknown only if all are."""

    pick: Literal["least", "greatest"]
    values: tuple["Value", ...]


@dataclass(frozen=True)
class OneOf:
    """The value itself if it belongs to the list, else unknown: a value nobody declared is not trusted."""

    value: "Value"
    allowed: tuple[str, ...]


@dataclass(frozen=True)
class Fresh:
    """The value, unless one of the sources is stale: then unknown."""

    value: "Value"
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Case:
    """The value of the first row whose condition is true; rows that are false or unknown are passed over."""

    rows: tuple[tuple["Truth", "Value"], ...]
    otherwise: "Value"


# --- truths -------------------------------------------------------------------------------------------------------

Operator: TypeAlias = Literal["==", "!=", ">=", "<="]


@dataclass(frozen=True)
class Compare:
    operator: Operator
    value: "Value"
    wanted: int | str


@dataclass(frozen=True)
class Member:
    value: "Value"
    wanted: tuple[int | str, ...]


@dataclass(frozen=True)
class HasTag:
    """Whether a list of tags, kept as `|a|b|`, holds the tag."""

    value: "Value"
    tag: str


@dataclass(frozen=True)
class IsSet:
    """Whether the value is there at all; never unknown."""

    value: "Value"


@dataclass(frozen=True)
class Absent:
    """What the absence of a record proves: false while the sources are fresh, unknown when one of them is stale."""

    sources: tuple[str, ...]


@dataclass(frozen=True)
class AnyStale:
    """Whether one of the sources is stale at the instant; never unknown."""

    sources: tuple[str, ...]


@dataclass(frozen=True)
class IsUnknown:
    """Whether the inner truth is unknown; itself never unknown."""

    inner: "Truth"


@dataclass(frozen=True)
class Not:
    inner: "Truth"


@dataclass(frozen=True)
class All:
    parts: tuple["Truth", ...]


@dataclass(frozen=True)
class Any:
    parts: tuple["Truth", ...]


@dataclass(frozen=True)
class TruthRef:
    """A truth computed before under a name (a segment, a step that is done)."""

    name: str


Accumulator: TypeAlias = Latest | First | FirstInSpan | Last | CountWithin | DaysWithin | OpenItems | IgnoredInRow
Value: TypeAlias = Accumulator | Const | Today | FactRef | DayOf | BusinessCount | Minus | Sum | Percent | Coalesce | Extreme | OneOf | Fresh | Case
Truth: TypeAlias = Compare | Member | HasTag | IsSet | Absent | AnyStale | IsUnknown | Not | All | Any | TruthRef
Node: TypeAlias = Value | Truth

ACCUMULATORS = (Latest, First, FirstInSpan, Last, CountWithin, DaysWithin, OpenItems, IgnoredInRow)


def span_at(spans: Iterable[Span], today: int) -> Span:
    """The days whose records count today, see `FirstInSpan`."""
    first, last = max((span for span in spans if span[0] <= today), default=(-LATEST_DAY, LATEST_DAY))
    return first, (last if today <= last else LATEST_DAY)
