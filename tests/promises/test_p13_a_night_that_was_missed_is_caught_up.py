"""P13: nights that nobody ran are caught up by one, and it shows that they are missing.

The scheduler is away across 1, 3 and 30 nights, or busy at the due moment, or came back while a night hangs unfinished; its tick then runs exactly
one night, that of today, and the age of the last night stands above the alarm's threshold meanwhile.
"""

from datetime import date, timedelta

import pytest

from engine.calendar import HOUR, SECOND
from engine.ledger.decisions import last_slots
from engine.pipeline import ops
from engine.pipeline.nightly import nightly
from engine.pipeline.slots import due_night
from tests.builders import a_stalled_customer, at
from tests.promises.conftest import Tell
from tests.story import Story
from workers.app import make_app
from workers.scheduler import tick

ALARM = 26 * HOUR / SECOND  # as docs/operations.md says
LAST = date(2026, 4, 7)


@pytest.fixture
def running(story: Story) -> Story:
    """A deployment whose last night was that of 7 April."""
    story.given(a_stalled_customer())
    story.nightly(f"{LAST} 02:00")
    return story


def night_age(story: Story) -> float:
    return next(gauge for gauge in ops.gauges(story.system) if gauge.name == "night_age_seconds").values[()]


def ticks(story: Story, *whens: str) -> list[str]:
    """The scheduler wakes at these moments; returns every slot there is then, and all of them are finished."""
    app = make_app(story.config)
    for when in whens:
        story.clock.set(at(when))
        story.heard(when)
        tick(story.system, app)
    app.close()
    with story.system.ledger.read() as connection:
        slots = last_slots(connection, "nightly", 100)
    assert all(slot.finished_at is not None for slot in slots)
    return sorted(slot.slot for slot in slots)


@pytest.mark.parametrize(("missed", "back"), [(1, "02:00"), (1, "23:59"), (3, "09:30"), (30, "02:00"), (30, "09:30")])
def test_whoever_was_away_catches_up_once(running: Story, missed: int, back: str, reached: Tell) -> None:
    today = LAST + timedelta(days=missed + 1)
    running.clock.set(at(f"{today} {back}"))
    assert night_age(running) > ALARM
    assert ticks(running, f"{today} {back}") == [str(LAST), str(today)]
    assert night_age(running) == 0
    assert due_night(running.system) is None
    tomorrow = today + timedelta(days=1)
    assert ticks(running, f"{tomorrow} 01:59") == [str(LAST), str(today)]
    assert ticks(running, f"{tomorrow} 02:00") == [str(LAST), str(today), str(tomorrow)]
    reached(missed, "nights that nobody ran")


def test_before_the_hour_the_night_of_yesterday_is_what_was_missed(running: Story) -> None:
    """At one in the morning of the 10th the newest night that is due is that of the 9th."""
    assert ticks(running, "2026-04-10 01:00") == ["2026-04-07", "2026-04-09"]


def test_a_scheduler_that_is_busy_at_the_hour_is_late_and_skips_nothing(running: Story) -> None:
    """Its one thread comes to the tick of two o'clock hours later: nothing but the ledger says what is due, so nothing misfires."""
    assert ticks(running, "2026-04-08 01:59", "2026-04-08 06:41", "2026-04-08 06:42") == ["2026-04-07", "2026-04-08"]


def test_a_night_that_hangs_unfinished_is_finished_first(running: Story) -> None:
    running.clock.set(at("2026-04-08 02:00"))
    running.heard("2026-04-08 02:00")

    def cut(*_: object) -> None:
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        nightly(running.system, running.clock.now(), cut)
    assert ticks(running, "2026-04-08 02:05") == ["2026-04-07", "2026-04-08"]
