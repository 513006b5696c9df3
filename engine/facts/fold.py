"""The fold: what must be kept of one account's records to answer every fact, whatever order they came in and at any later instant."""

import json
from bisect import insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.calendar import Zone
from engine.facts import algebra as a
from engine.records.record import COLUMNS, NO_NUMBER, NO_VALUE, Record

LatestValue = tuple[int, str, str, str | None, int | None]  # occurred_at, source, source_id, value, number
DayCounts = Mapping[int, int]
ItemTimes = Mapping[str, Iterable[int]]
Moments = Mapping[int, Sequence[int]]  # day -> its first and last instant
ACCOUNT_NAME = "account.name"
CONTACT_FIELDS = "contact."


@dataclass(frozen=True)
class Needs:
    """Which fields and events the fold keeps, and how."""

    fields: frozenset[str]
    first: frozenset[str]
    last: frozenset[str]
    days: frozenset[str]
    items: frozenset[str]
    touches: frozenset[str]
    moments: frozenset[str]

    @classmethod
    def of(cls, accumulators: Iterable[a.Accumulator]) -> "Needs":
        kept: dict[str, set[str]] = {
            "fields": set(),
            "first": set(),
            "last": set(),
            "days": set(),
            "items": set(),
            "touches": set(),
            "moments": set(),
        }
        for each in accumulators:
            match each:
                case a.Latest():
                    kept["fields"].add(each.field)
                case a.First():
                    kept["first"].update(each.events)
                case a.FirstInSpan():
                    kept["moments"].update(each.events)
                case a.Last():
                    kept["last"].update(each.events)
                case a.CountWithin() | a.DaysWithin():
                    kept["days"].add(each.event)
                case a.OpenItems():
                    kept["items"].update((each.opened, each.closed))
                case a.IgnoredInRow():
                    kept["touches"].add(each.touch)
                    kept["moments"].update(each.responses)
        return cls(**{name: frozenset(members) for name, members in kept.items()})


@dataclass
class Fold:
    """One account's records, folded. `later` keeps records that are known but lie after the instant of the fold."""

    latest: dict[str, LatestValue] = field(default_factory=dict)
    first: dict[str, int] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)
    days: dict[str, dict[int, int]] = field(default_factory=dict)
    items: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    touches: dict[str, dict[int, int]] = field(default_factory=dict)  # instant -> the window's days by its own record, 0 if it says none
    moments: dict[str, dict[int, list[int]]] = field(default_factory=dict)  # day -> its first and last instant
    contacts: dict[str, dict[str, LatestValue]] = field(default_factory=dict)
    logins: dict[str, int] = field(default_factory=dict)
    name: LatestValue | None = None
    later: list[Record] = field(default_factory=list)

    def add(self, record: Record, needs: Needs, zone: Zone) -> None:
        """Take one record in. The order of calls does not matter; the same record must not come twice."""
        if record.field is not None:
            self._add_value(record, record.field, needs)
        else:
            self._add_event(record, record.event or "", needs, zone)

    def _add_event(self, record: Record, event: str, needs: Needs, zone: Zone) -> None:
        at = record.occurred_at
        if record.contact_id is not None and event.endswith(".login"):
            self.logins[record.contact_id] = max(at, self.logins.get(record.contact_id, at))
        if event in needs.first:
            self.first[event] = min(at, self.first.get(event, at))
        if event in needs.last:
            self.last[event] = max(at, self.last.get(event, at))
        if event in needs.days:
            counts = self.days.setdefault(event, {})
            day = zone.day(at)
            counts[day] = counts.get(day, 0) + 1
        if event in needs.items and record.key is not None:
            insort(self.items.setdefault(event, {}).setdefault(record.key, []), at)
        if event in needs.touches:
            windows = self.touches.setdefault(event, {})
            windows[at] = max(_own_window(record), windows.get(at, 0))
        if event in needs.moments:
            ends = self.moments.setdefault(event, {}).setdefault(zone.day(at), [at, at])
            ends[:] = min(ends[0], at), max(ends[1], at)

    def _add_value(self, record: Record, name: str, needs: Needs) -> None:
        if name in needs.fields:
            self.latest[name] = _newer(record, self.latest.get(name))
        if name == ACCOUNT_NAME:
            self.name = _newer(record, self.name)
        if record.contact_id is not None and name.startswith(CONTACT_FIELDS):
            fields = self.contacts.setdefault(record.contact_id, {})
            fields[name] = _newer(record, fields.get(name))

    def advance(self, instant: int, needs: Needs, zone: Zone) -> None:
        """Let the instant move on: records kept for later whose time has come are taken in."""
        come = [record for record in self.later if record.occurred_at <= instant and record.known_at <= instant]
        waits = (record for record in self.later if record.occurred_at > instant or record.known_at > instant)
        self.later = sorted(waits, key=lambda record: (record.occurred_at, record.source, record.source_id))
        for record in come:
            self.add(record, needs, zone)


def _own_window(record: Record) -> int:
    number = record.number or 0
    return number if 1 <= number <= a.LONGEST_WINDOW else 0


def _newer(record: Record, known: LatestValue | None) -> LatestValue:
    if known is not None and (record.occurred_at, record.source, record.source_id) <= known[:3]:
        return known
    value = None if record.value in {None, NO_VALUE} else record.value
    number = None if record.number in {None, NO_NUMBER} else record.number
    return (record.occurred_at, record.source, record.source_id, value, number)


def fold_records(records: Iterable[Record], instant: int, needs: Needs, zone: Zone) -> Fold:
    """Fold one account's records as visible at `instant`; the rest waits in `later`."""
    fold = Fold(later=list(records))
    fold.advance(instant, needs, zone)
    return fold


def first_in_span(found: Sequence[Moments | None], spans: Sequence[a.Span], today: int) -> int | None:
    """The earliest of the instants on the days that count today."""
    first, last = a.span_at(spans, today)
    return min((ends[0] for days in found if days for day, ends in days.items() if first <= day <= last), default=None)


def count_within(counts: DayCounts | None, oldest: int, newest: int) -> int:
    """How many records lie on the days `oldest` to `newest`, both included."""
    return sum(number for day, number in counts.items() if oldest <= day <= newest) if counts else 0


def days_within(counts: DayCounts | None, oldest: int, newest: int) -> int:
    """On how many of the days `oldest` to `newest`, both included, there was a record."""
    return sum(oldest <= day <= newest for day in counts) if counts else 0


def count_open(opened: ItemTimes | None, closed: ItemTimes | None, until: int, since_day: int | None, day_of: Callable[[int], int]) -> int:
    """How many keys have an opening (at or before `until`, on or after `since_day`) with no closing at or after it."""
    total = 0
    for key, times in (opened or {}).items():
        counted = [at for at in times if at <= until and (since_day is None or day_of(at) >= since_day)]
        last_closing = max((closed or {}).get(key, ()), default=None)
        total += bool(counted) and (last_closing is None or last_closing < max(counted))
    return total


def count_ignored(touches: DayCounts | None, answers: Sequence[Moments | None], valid_days: int, today: int, day_of: Callable[[int], int]) -> int:
    """How many touches, from the newest back to the last answered one, have a window that ended before today."""
    ignored = 0
    for at in sorted(touches or (), reverse=True):
        last_day = day_of(at) + ((touches or {})[at] or valid_days) - 1
        if any(latest > at for days in answers if days for day, (_, latest) in days.items() if day <= last_day):
            break
        ignored += last_day < today
    return ignored


def dump(fold: Fold) -> str:
    """The fold as JSON, to be kept on a touch. Equal folds have equal text."""
    later = [{name: getattr(record, name) for name in COLUMNS} for record in fold.later]
    return json.dumps({**vars(fold), "later": later}, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def parse(text: str) -> Fold:
    """A fold back from its JSON."""
    raw = json.loads(text)
    return Fold(
        latest={name: _latest(value) for name, value in raw["latest"].items()},
        first=raw["first"],
        last=raw["last"],
        days={event: {int(day): number for day, number in counts.items()} for event, counts in raw["days"].items()},
        items=raw["items"],
        touches={event: {int(at): days for at, days in windows.items()} for event, windows in raw["touches"].items()},
        moments={event: {int(day): ends for day, ends in days.items()} for event, days in raw["moments"].items()},
        contacts={contact: {name: _latest(value) for name, value in fields.items()} for contact, fields in raw["contacts"].items()},
        logins=raw["logins"],
        name=_latest(raw["name"]) if raw["name"] else None,
        later=[Record(**record) for record in raw["later"]],
    )


def _latest(raw: list[Any]) -> LatestValue:
    at, source, source_id, value, number = raw
    return (at, source, source_id, value, number)
