"""Which night is due: none before the first load, the one that was missed, and none twice."""

from engine.pipeline.nightly import nightly
from engine.pipeline.slots import due_night
from tests.builders import a_stalled_customer, at
from tests.story import Story, quiet


def test_before_anything_was_loaded_no_night_is_due(story: Story) -> None:
    """`banso up` on an empty deployment must not take the slot of the day on which the first data comes."""
    story.clock.set(at("2026-04-07 09:30"))
    assert due_night(story.system) is None
    story.given(a_stalled_customer())
    story.clock.set(at("2026-04-07 10:00"))
    story.heard("2026-04-07 10:00")
    assert due_night(story.system) == at("2026-04-07 10:00")
    assert nightly(story.system, story.clock.now(), quiet).won == 1
    assert due_night(story.system) is None


def test_a_load_without_any_record_is_a_load(story: Story) -> None:
    story.heard("2026-04-07 01:00")
    story.clock.set(at("2026-04-07 02:00"))
    assert due_night(story.system) == at("2026-04-07 02:00")
