"""Zone and day arithmetic: instants to local days and back, business days, quiet hours. All may import it; it never asks what time it is.

A day is a whole number counted from 1970-01-01 (day 0). An instant is in microseconds UTC (see `clock`).
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import accumulate
from zoneinfo import ZoneInfo

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
EPOCH = date(1970, 1, 1).toordinal()
FIRST_YEAR, LAST_YEAR = 1990, 2100  # records outside are refused: no product log is older, and zones beyond are guesses
BUSINESS_REACH = 400  # days back and forth for which business days are counted, as facts look back 365; farther dates count as this far


def day_of_date(value: date) -> int:
    return value.toordinal() - EPOCH


def day_of_text(text: str) -> int:
    """The day of a date written as 2026-04-07."""
    return day_of_date(date.fromisoformat(text))


def moment_text(instant: int, place: "Zone") -> str:
    """`2026-04-07 09:00` on the zone's clocks."""
    minutes = place.minutes(instant)
    return f"{date_of_day(place.day(instant)).isoformat()} {minutes // 60:02d}:{minutes % 60:02d}"


def date_of_day(day: int) -> date:
    return date.fromordinal(day + EPOCH)


def instant_of(moment: datetime) -> int:
    """The instant of an aware datetime, exact to the microsecond."""
    delta = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds


def moment_of(instant: int, zone: ZoneInfo) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant)).astimezone(zone)


EARLIEST = instant_of(datetime(FIRST_YEAR, 1, 1, tzinfo=UTC))
LATEST = instant_of(datetime(LAST_YEAR, 1, 1, tzinfo=UTC))


@dataclass(frozen=True)
class Zone:
    """A time zone as its list of offsets: `starts[i]` is the instant from which `offsets[i]` (microseconds east of UTC) holds."""

    name: str
    starts: tuple[int, ...]
    offsets: tuple[int, ...]

    def offset(self, instant: int) -> int:
        return self.offsets[max(bisect_right(self.starts, instant) - 1, 0)]

    def day(self, instant: int) -> int:
        """The local calendar day of an instant."""
        return (instant + self.offset(instant)) // DAY

    def at_wall(self, day: int, minutes: int) -> int:
        """The first instant whose wall clock shows at least `minutes` after midnight on `day`.

        A time that does not exist moves forward to the end of the gap; a repeated one takes the first pass.
        """
        wall = day * DAY + minutes * MINUTE
        hits = [wall - offset for offset in sorted(set(self._offsets_near(wall)), reverse=True)]
        exact = [hit for hit in hits if hit + self.offset(hit) == wall]
        return min(exact) if exact else self._end_of_gap(wall)

    def minutes(self, instant: int) -> int:
        """Minutes the local wall clock shows after midnight."""
        return (instant + self.offset(instant)) % DAY // MINUTE

    def _offsets_near(self, wall: int) -> Iterable[int]:
        first = max(bisect_right(self.starts, wall - 2 * DAY) - 1, 0)
        last = bisect_right(self.starts, wall + 2 * DAY)
        return self.offsets[first:last] or self.offsets[-1:]

    def _end_of_gap(self, wall: int) -> int:
        return next(start for start in self.starts if start + self.offset(start) > wall and start > wall - 2 * DAY)

    def changes_between(self, first: int, last: int) -> list[tuple[int, int]]:
        """(start, offset) pairs in force between two instants, the first one starting at or before `first`."""
        lowest = max(bisect_right(self.starts, first) - 1, 0)
        return [(self.starts[i], self.offsets[i]) for i in range(lowest, len(self.starts)) if i == lowest or self.starts[i] <= last]


@lru_cache(maxsize=64)
def zone(name: str) -> Zone:
    """Find every change of offset from 1990 to 2100. Raises ZoneInfoNotFoundError or ValueError for a name that is no zone."""
    info = ZoneInfo(name)
    starts, offsets = [EARLIEST], [_offset(info, EARLIEST)]
    for instant in range(EARLIEST, instant_of(datetime(2045, 1, 1, tzinfo=UTC)), DAY):  # zoneinfo repeats its last rule after 2037
        if _offset(info, instant + DAY) != offsets[-1]:
            change = _first_change(info, instant, instant + DAY)
            starts.append(change)
            offsets.append(_offset(info, change))
    return Zone(name, tuple(starts), tuple(offsets))


def _offset(info: ZoneInfo, instant: int) -> int:
    shift = moment_of(instant, info).utcoffset() or timedelta(0)
    return (shift.days * 86_400 + shift.seconds) * SECOND


def _first_change(info: ZoneInfo, low: int, high: int) -> int:
    before = _offset(info, low)
    while high - low > SECOND:
        middle = (low + high) // 2 // SECOND * SECOND
        low, high = (middle, high) if _offset(info, middle) == before else (low, middle)
    return high


@dataclass(frozen=True)
class BusinessDays:
    """Which days are business days: weekdays (Monday = 0) minus closed days."""

    weekdays: frozenset[int] = frozenset({0, 1, 2, 3, 4})
    closed: frozenset[int] = frozenset()

    def is_open(self, day: int) -> bool:
        return (day + 3) % 7 in self.weekdays and day not in self.closed

    def next_open(self, day: int) -> int:
        """`day` itself if it is a business day, else the next one."""
        return next(candidate for candidate in range(day, day + 370) if self.is_open(candidate))

    def add(self, day: int, count: int) -> int:
        """The `count`-th business day after `day`."""
        for _ in range(count):
            day = self.next_open(day + 1)
        return day

    def counts(self, today: int) -> list[int]:
        """Business days counted up to and including each day, from `today - BUSINESS_REACH` to `today + BUSINESS_REACH`."""
        reach = range(today - BUSINESS_REACH, today + BUSINESS_REACH + 1)
        return list(accumulate(int(self.is_open(day)) for day in reach))


def is_quiet(minutes: int, quiet_from: int | None, quiet_to: int | None) -> bool:
    """Whether a time of day is in quiet hours, which may run over midnight; all in minutes after midnight."""
    if quiet_from is None or quiet_to is None:
        return False
    if quiet_from <= quiet_to:
        return quiet_from <= minutes < quiet_to
    return minutes >= quiet_from or minutes < quiet_to


@dataclass(frozen=True)
class SendingHours:
    """When push may go out: on business days, outside the quiet hours (minutes after midnight, may run over midnight)."""

    zone: Zone
    business: BusinessDays
    quiet_from: int | None = None
    quiet_to: int | None = None

    def next_allowed(self, instant: int) -> int:
        """The first instant at or after `instant` at which a push may be sent."""
        day, minutes = self.zone.day(instant), self.zone.minutes(instant)
        if self.business.is_open(day):
            if not is_quiet(minutes, self.quiet_from, self.quiet_to):
                return instant
            if self.quiet_to is not None and minutes < self.quiet_to:
                opens = self.zone.at_wall(day, self.quiet_to)
                passed = (instant + self.zone.offset(instant)) % MINUTE
                return (
                    opens if opens >= instant else instant - passed + (self.quiet_to - minutes) * MINUTE
                )  # an hour that comes twice, its second pass
        return self.zone.at_wall(self.business.next_open(day + 1), self._opens())

    def _opens(self) -> int:
        return self.quiet_to if self.quiet_to is not None and is_quiet(0, self.quiet_from, self.quiet_to) else 0
