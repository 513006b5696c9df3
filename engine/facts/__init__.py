"""Facts: named truths about one account at an instant. One file per primitive; `PRIMITIVES` maps the YAML key to it."""

from collections.abc import Mapping

from engine.facts.active_days import ActiveDays
from engine.facts.attribute import Attribute
from engine.facts.calendar import Calendar
from engine.facts.count import Count
from engine.facts.days_since import DaysSince
from engine.facts.days_until import DaysUntil
from engine.facts.ignored_in_row import IgnoredInRowFact
from engine.facts.open_items import OpenItemsFact
from engine.facts.rate import Rate
from engine.facts.spec import FactSpec
from engine.facts.table import Table

# Order matters: the first key found in a fact decides (days_since has an option `count`).
PRIMITIVES: Mapping[str, type[FactSpec]] = {
    "attribute": Attribute,
    "active_days": ActiveDays,
    "days_since": DaysSince,
    "days_until": DaysUntil,
    "open_items": OpenItemsFact,
    "ignored_in_row": IgnoredInRowFact,
    "rate": Rate,
    "calendar": Calendar,
    "table": Table,
    "count": Count,
}
