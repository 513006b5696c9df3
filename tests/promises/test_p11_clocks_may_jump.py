"""P11: a clock that jumps, by law or by accident, makes no day without its night and none with two, and sends nothing in quiet hours.

For drawn time zones, all of them for a release, ten years of local days with nights at every half hour, and quiet times around each change of the
clocks; then a deployment whose own clock is set by minutes, hours or a day, back and forth, while nights and mails are due.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo, available_timezones

import pytest

from engine.calendar import DAY, HOUR, MINUTE, BusinessDays, SendingHours, Zone, day_of_date, moment_of, zone
from engine.ledger.decisions import Slot, last_slots
from engine.pipeline.nightly import nightly
from engine.pipeline.slots import due_night
from tests.builders import a_stalled_customer, at
from tests.inbox import Inbox
from tests.promises.conftest import Tell
from tests.promises.scale import scaled
from tests.story import Story, quiet

NAMES = sorted(name for name in available_timezones() if name not in {"localtime", "Factory"})
KNOWN_FOR_JUMPS = (
    "America/New_York",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Asia/Gaza",
    "Pacific/Apia",
    "America/Sao_Paulo",
)
ZONES = sorted({*KNOWN_FOR_JUMPS, *Random(11).sample(NAMES, scaled(24, len(NAMES)))})
FIRST, LAST = day_of_date(date(2017, 1, 1)), day_of_date(date(2027, 1, 1))  # ten years
NIGHTS_AT = range(0, 24 * 60, 30)
QUIET = ((19 * 60, 9 * 60), (0, 150), (23 * 60, 24 * 60), (60, 180))
EVERY_DAY = BusinessDays(frozenset(range(7)))
JUMPS = scaled(40, 1_000)


def changes(place: Zone) -> list[int]:
    """The instants of ten years at which the zone's clocks change."""
    days = range(FIRST * DAY, LAST * DAY, DAY)
    return [_between(place, one, other) for one, other in pairwise(days) if place.offset(one) != place.offset(other)]


def _between(place: Zone, before: int, after: int) -> int:
    """The instant of the change, to the minute."""
    minutes = range(before, after + MINUTE, MINUTE)
    return minutes[bisect_right(minutes, False, key=lambda instant: place.offset(instant) != place.offset(before))]


@pytest.mark.parametrize("share", range(4))
def test_every_local_day_has_its_night_once(share: int, reached: Tell) -> None:
    """Of each day one of the hours, and all of them around a change of the clocks; a day that a zone left out has none."""
    nights = 0
    for name in ZONES[share::4]:
        place = zone(name)
        near = {place.day(change) + shift for change in changes(place) for shift in (-1, 0, 1)}
        for minutes in NIGHTS_AT:
            days = [day for day in range(FIRST, LAST) if day in near or day * 7 % len(NIGHTS_AT) == minutes // 30]
            instants = [place.at_wall(day, minutes) for day in days]
            wrong = [day for day, instant in zip(days, instants, strict=True) if place.day(instant) != day and _happened(place, day)]
            assert wrong == [], (name, minutes)
            assert all(one < other for one, other in pairwise(instants)), (name, minutes)
            nights += len(days)
    reached(nights, f"local days of {len(ZONES)} zones", seeds=1 if share == 0 else 0)


def _happened(place: Zone, day: int) -> bool:
    """Whether the zone had this day at all."""
    noon = place.at_wall(day, 720)
    return place.day(noon) == day


@pytest.mark.parametrize("share", range(4))
def test_nothing_is_due_in_quiet_hours_around_any_change(share: int, reached: Tell) -> None:
    asked = 0
    for name in ZONES[share::4]:
        place = zone(name)
        for change in changes(place):
            for quiet_from, quiet_to in QUIET:
                hours = SendingHours(place, EVERY_DAY, quiet_from, quiet_to)
                for instant in range(change - 26 * HOUR, change + 26 * HOUR, 61 * MINUTE):
                    allowed = hours.next_allowed(instant)
                    assert allowed >= instant, name
                    assert not _is_quiet(name, allowed, quiet_from, quiet_to), (name, moment_of(allowed, ZoneInfo(name)))
                    assert allowed - instant < 25 * HOUR, name
                    asked += 1
    reached(asked, "instants around changes of clocks")


def _is_quiet(name: str, instant: int, quiet_from: int, quiet_to: int) -> bool:
    """By the zone database's own word, not by ours."""
    moment = moment_of(instant, ZoneInfo(name))
    minutes = moment.hour * 60 + moment.minute
    return quiet_from <= minutes < quiet_to if quiet_from < quiet_to else minutes >= quiet_from or minutes < quiet_to


def test_a_machines_clock_that_is_set_back_and_forth(story: Story, inbox: Inbox, reached: Tell) -> None:
    """Whatever it shows, each local date is decided once, and every mail leaves at an hour at which mails may leave."""
    story.given(*(a_stalled_customer(f"c{number:02d}") for number in range(6)))
    random, decided, left = Random(11), Counter[str](), list[int]()
    story.clock.set(at("2026-04-06 22:00"))
    for _ in range(JUMPS):
        jump = random.choice((HOUR, -HOUR, DAY, -DAY, 7 * MINUTE, 3 * HOUR, 5 * HOUR))
        story.clock.set(max(story.clock.now() + jump, at("2026-04-06 22:00")))
        _hear(story)
        instant = due_night(story.system)
        if instant is not None:
            decided[nightly(story.system, instant, quiet).slot] += 1
        before = len(inbox.mails)
        story.sweep_and_send()
        left += [story.clock.now()] * (len(inbox.mails) - before)
    assert set(decided.values()) == {1}
    assert [slot.slot for slot in reversed(_slots(story))] == sorted(decided)
    assert set(inbox.times_taken().values()) == {1}
    assert all(not _is_quiet("Asia/Tokyo", instant, 19 * 60, 9 * 60) for instant in left)
    assert left
    reached(JUMPS, "jumps of the machine's clock", faults=JUMPS)


def _hear(story: Story) -> None:
    """Every source was asked just now."""
    story.heard(f"{moment_of(story.clock.now(), ZoneInfo('Asia/Tokyo')):%Y-%m-%d %H:%M}")


def _slots(story: Story) -> Sequence[Slot]:
    with story.system.ledger.read() as connection:
        return last_slots(connection, "nightly", 10_000)
