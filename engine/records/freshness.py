"""When a source's silence proves something: fresh while the present lies within `max_age` of what its loads or records cover."""

from collections.abc import Mapping

from engine.calendar import HOUR, BusinessDays, Zone


def is_stale(covered: int | None, instant: int, max_age: str, elapsed: int | None, zone: Zone, business: BusinessDays) -> bool:
    """Whether a source that covers until `covered` (None: never loaded) is too old at `instant`.

    `elapsed` is `max_age` in microseconds, None for `none` and for business hours, of which a business day has 24.
    """
    if max_age == "none":
        return False
    if covered is None:
        return True
    if elapsed is not None:
        return instant - covered > elapsed
    return business_time(covered, instant, zone, business) > int(max_age.split(maxsplit=1)[0]) * HOUR


def business_time(start: int, end: int, zone: Zone, business: BusinessDays) -> int:
    """Microseconds between two instants that lie on business days, so that a weekend or Golden Week is no outage."""
    total = 0
    for day in range(zone.day(start), zone.day(end) + 1):
        if business.is_open(day):
            total += max(0, min(end, zone.at_wall(day + 1, 0)) - max(start, zone.at_wall(day, 0)))
    return total


def newest_coverage(source: str, covered: Mapping[str, int], newest: Mapping[str, int]) -> int | None:
    """Until when a source covers: what its loads say or its newest record, whichever is later."""
    known = [each[source] for each in (covered, newest) if source in each]
    return max(known, default=None)
