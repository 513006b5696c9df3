"""Random worlds: a zone, an instant, a calendar, stale sources, and the logs of many accounts, with every edge the design names.

A world is made from its seed alone, so a seed in a failure message is enough to see the failure again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from random import Random
from zoneinfo import ZoneInfo

from engine.records.record import NO_NUMBER, NO_VALUE, Record

SECOND = 1_000_000
DAY = 86_400 * SECOND
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# A zone and the local date around which the world turns: changes of the clock, also at midnight, by half an hour, and a day left out.
SCENES = (
    ("Asia/Tokyo", date(2026, 4, 7)),
    ("UTC", date(2026, 1, 1)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("America/St_Johns", date(2010, 11, 7)),  # back from 00:01 to 23:01 of the day before: a later instant on an earlier day
    ("America/St_Johns", date(2026, 3, 8)),
    ("Asia/Kathmandu", date(2024, 2, 29)),
    ("America/Sao_Paulo", date(2018, 11, 4)),  # this day has no midnight
    ("Pacific/Apia", date(2012, 1, 2)),  # 30 December 2011 did not happen
    ("Australia/Lord_Howe", date(2026, 4, 5)),
)

PREFIXES = {"product": "product", "sfa": "sfa", "account": "sfa", "hearing": "hearing", "support": "cti", "course": "crm", "contact": "crm"}
SOURCES = tuple(dict.fromkeys(PREFIXES.values()))
EVENTS = (
    *("sfa.applied", "product.login", "product.saved", "product.published", "product.guided", "product.booked", "product.held"),
    *("course.held", "mail.sent", "support.opened", "support.closed", "product.received", "product.replied"),
)
CLOSED = "sfa.lost"
KEYED = frozenset({"support.opened", "support.closed", "product.received", "product.replied"})
FIELDS = {
    "hearing.kind": "enum",
    "hearing.will": "tags",
    "hearing.start": "date",
    "sfa.renewal": "date",
    "sfa.size": "number",
    "account.vip": "bool",
    "account.name": "text",
    "hearing.memo": "text",
    "contact.role": "enum",
}
ENUMS = ("new", "mid", "o'clock", "undeclared", NO_VALUE)
TAG_LISTS = ("|a|", "|ab|", "|a|ab|", "|a_b|b|", "|b|", "|other|", NO_VALUE)
TEXTS = ("x", "O'Brien", "株式会社 髙", NO_VALUE)
WRITERS = ("product", "sfa", "hearing", "Z", "é", "株", "𠮷")  # who wrote a record; ties go by bytes, not by any alphabet
EDGES = (0, 1, 2, 3, 6, 7, 13, 14, 27, 28, 29, 55, 56, 59, 60, 61, 62, 63, 64, 89, 90)  # days back at which windows begin and end


@dataclass(frozen=True)
class World:
    """Everything one comparison needs but the rules."""

    seed: int
    zone: str
    instant: int
    earlier: int  # an instant at which a fold is made before it moves on to `instant`
    weekdays: frozenset[int]
    closed: frozenset[int]  # holidays, as days since 1970-01-01
    stale: frozenset[str]
    ties: bool  # whether values of one field may share an instant
    accounts: Mapping[str, Sequence[Record]]

    @property
    def today(self) -> int:
        return local_day(self.instant, self.zone)

    def visible(self, account: str) -> list[Record]:
        return [record for record in self.accounts[account] if record.occurred_at <= self.instant and record.known_at <= self.instant]


def day_in_the_middle(seed: int) -> int:
    """The local day about which the world of a seed turns, in days since 1970-01-01."""
    return SCENES[seed % len(SCENES)][1].toordinal() - EPOCH.date().toordinal()


def random_world(seed: int, accounts: int) -> World:
    """The world of a seed."""
    draw = Random(f"world {seed}")
    zone, middle = SCENES[seed % len(SCENES)]
    changes = clock_changes(zone, middle)
    instant = _instant(draw, zone, middle, changes)
    today = local_day(instant, zone)
    ties = draw.random() < 0.5
    logs = {f"a{number:03}": _Log(draw, zone, instant, today, changes, ties, f"a{number:03}").records() for number in range(accounts)}
    return World(
        seed=seed,
        zone=zone,
        instant=instant,
        earlier=instant - draw.choice((1, DAY // 2, 3 * DAY, 40 * DAY)),
        weekdays=draw.choice((frozenset(range(5)), frozenset(range(6)), frozenset({6, 0, 1, 2, 3}))),
        closed=_holidays(draw, today),
        stale=frozenset(SOURCES[(seed // 3 + 2 * number) % len(SOURCES)] for number in range(seed % 3)),
        ties=ties,
        accounts=logs,
    )


def _instant(draw: Random, zone: str, middle: date, changes: Sequence[int]) -> int:
    """Mostly near a local midnight or a change of the clock, to the microsecond."""
    near = midnight(middle.toordinal() - EPOCH.date().toordinal() + draw.choice((-1, 0, 1, 2)), zone)
    base = draw.choice(changes) if changes and draw.random() < 0.25 else near
    return base + draw.choice((0, -1, 1, draw.randrange(-36 * 3600, 36 * 3600) * SECOND, draw.randrange(0, 3600) * SECOND))


def _holidays(draw: Random, today: int) -> frozenset[int]:
    """Single days and one long closure, before and after today."""
    long_start = today + draw.randrange(-30, 20)
    single = {today + draw.randrange(-60, 60) for _ in range(draw.randrange(2, 9))}
    return frozenset({*single, *range(long_start, long_start + draw.randrange(3, 9))})


@dataclass
class _Log:
    """Writes one account's records."""

    draw: Random
    zone: str
    instant: int
    today: int
    changes: Sequence[int]
    ties: bool
    account: str
    moments: list[int] = field(default_factory=list)
    taken: set[tuple[str, int]] = field(default_factory=set)

    def records(self) -> list[Record]:
        """Events and values in no order. Each account knows only some events, so that all steps of a route are met as the next."""
        draw = self.draw
        events = [event for event in EVENTS if draw.random() < 0.55]
        fields = [name for name in FIELDS if draw.random() < 0.7]
        contacts = [None, *(f"p{number}" for number in range(draw.randrange(4)))]
        found = [self._event(draw.choice(events), contacts, number) for number in range(draw.randrange(25)) if events]
        found += [self._value(draw.choice(fields), contacts, 100 + number) for number in range(draw.randrange(16)) if fields]
        if draw.random() < 0.08:
            found.append(self._event(CLOSED, contacts, 200))
        draw.shuffle(found)
        return found

    def _event(self, event: str, contacts: Sequence[str | None], number: int) -> Record:
        key = self.draw.choice(("k1", "k2", "k3", None)) if event in KEYED else None
        days = self.draw.choice((None, None, NO_NUMBER, 0, 1, 2, 7, 366, 2**62 - 1)) if event == "mail.sent" else None
        return self._record(number, contacts, self._moment(), event=event, key=key, number=days)

    def _value(self, name: str, contacts: Sequence[str | None], number: int) -> Record:
        at = self._moment()
        while not self.ties and (name, at) in self.taken:
            at -= 1
        self.taken.add((name, at))
        value, meaning = self._meaning(FIELDS[name])
        return self._record(number, contacts, at, field=name, value=value, number=meaning)

    def _record(self, serial: int, contacts: Sequence[str | None], at: int, **content: str | int | None) -> Record:
        writer, source_id = self.draw.choice(WRITERS), f"{self.draw.choice(('', '0', '1', 'é'))}{serial}"
        contact = self.draw.choice(contacts)
        return Record(writer, source_id, self.account, at, self._known_at(at), contact_id=contact, **content)

    def _known_at(self, at: int) -> int:
        """Mostly at once; sometimes later, even after the evaluation; and what is planned may be known before it happens."""
        late = self.draw.random()
        if late < 0.8:
            return at
        if late < 0.9:
            return at + self.draw.randrange(3 * DAY)
        return self.draw.choice((self.instant, self.instant + 1, max(at, self.instant + DAY), at - DAY))

    def _moment(self) -> int:
        """When something happened; sometimes at the very instant of another record."""
        if self.moments and self.draw.random() < 0.2:
            return self.draw.choice(self.moments)
        kinds: Sequence[tuple[int, Callable[[], int]]] = (
            (25, self._at_an_edge),
            (40, lambda: self.instant - self.draw.randrange(40 * DAY)),
            (15, lambda: self.instant - self.draw.randrange(400 * DAY)),
            (3, lambda: self.instant - self.draw.randrange(1000 * DAY, 1300 * DAY)),
            (7, lambda: self.instant + self.draw.choice((-1, 0, 1))),
            (7, lambda: self.instant + self.draw.randrange(20 * DAY)),
            (8, lambda: self.draw.choice(self.changes or [self.instant]) + self.draw.choice((-1, 0, 1, -60 * SECOND, 1800 * SECOND))),
        )
        weights, makers = zip(*kinds, strict=True)
        self.moments.append(self.draw.choices(makers, weights)[0]())
        return self.moments[-1]

    def _at_an_edge(self) -> int:
        return midnight(self.today - self.draw.choice(EDGES), self.zone) + self.draw.choice((-1, 0, 1))

    def _meaning(self, kind: str) -> tuple[str, int]:
        """A value as the lake keeps it: its text, and its number or the mark that it has none."""
        draw = self.draw
        if kind in {"enum", "tags", "text"}:
            return draw.choice({"enum": ENUMS, "tags": TAG_LISTS, "text": TEXTS}[kind]), NO_NUMBER
        if (odd := draw.random()) < 0.2:
            return (NO_VALUE if odd < 0.1 else "unreadable"), NO_NUMBER
        number = {"bool": draw.randrange(2), "number": self._number(), "date": self._date()}[kind]
        return str(number), number

    def _number(self) -> int:
        """Mostly small; a few as large as a value may be, and around what a percentage can be taken of."""
        return self.draw.randrange(-3, 12) if self.draw.random() < 0.95 else self.draw.choice((2**62 - 1, 1 - 2**62, 2**55, 2**55 + 1, -(2**55)))

    def _date(self) -> int:
        """Mostly near; a few beyond the three years within which business days are counted."""
        return self.today + (self.draw.randrange(-30, 50) if self.draw.random() < 0.93 else self.draw.randrange(-1500, 1500))


# --- clocks, by the standard library alone ----------------------------------------------------------------------------


@lru_cache(maxsize=200_000)
def local_day(instant: int, zone: str) -> int:
    """Days from 1970-01-01 to the date that the zone's calendar shows."""
    return (EPOCH + timedelta(microseconds=instant)).astimezone(ZoneInfo(zone)).date().toordinal() - EPOCH.date().toordinal()


@lru_cache(maxsize=20_000)
def midnight(day: int, zone: str) -> int:
    """The instant of 00:00 on a local day, as the standard library reads it."""
    wall = datetime.fromordinal(day + EPOCH.date().toordinal()).replace(tzinfo=ZoneInfo(zone))
    return (wall.astimezone(UTC) - EPOCH) // timedelta(microseconds=1)


@lru_cache(maxsize=100)
def clock_changes(zone: str, middle: date) -> tuple[int, ...]:
    """The instants within four days of a date at which the clock jumps; all of them fall on a whole minute."""
    day = middle.toordinal() - EPOCH.date().toordinal()
    return tuple(_changes(zone, (day - 4) * DAY, (day + 4) * DAY))


def _changes(zone: str, first: int, last: int) -> Iterator[int]:
    info = ZoneInfo(zone)
    before = (EPOCH + timedelta(microseconds=first)).astimezone(info).utcoffset()
    for instant in range(first, last, 60 * SECOND):
        offset = (EPOCH + timedelta(microseconds=instant)).astimezone(info).utcoffset()
        if offset != before:
            yield instant
        before = offset
