"""What a load says of itself, and from when on what it brought is known."""

from pathlib import Path

import pytest

from engine.pipeline.compact import compact
from tests.desk import CRM, LOG, NIGHT, WHOLE, Desk, row
from tests.story import Story, quiet


@pytest.fixture
def desk(story: Story, tmp_path: Path) -> Desk:
    return Desk(story, tmp_path / "data")


def test_the_summary_counts_what_was_new_and_what_was_there(desk: Desk) -> None:
    first = desk.load("".join(LOG[:5]))
    again = desk.load("".join(LOG[:5]))
    more = desk.load(WHOLE + LOG[0])
    assert (first.read, first.new, first.repeated, first.unchanged) == (5, 5, 0, False)
    assert (again.new, again.unchanged) == (0, True)
    assert (more.read, more.new, more.repeated) == (len(LOG) + 1, len(LOG) - 5, 6)


def test_an_unfinished_last_line_is_reported_and_left_out(desk: Desk) -> None:
    loaded = desk.load(WHOLE[:-5])
    assert (loaded.new, loaded.unfinished) == (len(LOG) - 1, (("product.jsonl", len(LOG)),))


def test_history_is_known_when_it_happened_and_news_when_it_comes(desk: Desk) -> None:
    """The first load is history. A row that comes late is invisible before it came, however old it says it is."""
    desk.load("".join(LOG[:7]), "2026-04-06 03:00")
    desk.story.heard("2026-03-30 09:00")
    assert desk.story.facts("2026-03-30 10:00")["next_step"] == "initial_settings"
    assert desk.story.facts("2026-03-30 09:59")["next_step"] == "first_login"
    desk.load(WHOLE + row(9, "settings_completed", "2026-04-01T10:00"), "2026-04-07 08:00")
    desk.story.heard("2026-04-07 07:59")
    assert desk.story.facts("2026-04-07 07:59")["next_step"] == "initial_settings"
    assert desk.story.facts("2026-04-07 08:00")["next_step"] == "flow_designed"
    compact(desk.story.system, quiet)
    assert desk.story.facts("2026-04-07 07:59")["next_step"] == "initial_settings"
    assert desk.story.facts("2026-04-07 08:00")["next_step"] == "flow_designed"


def test_a_row_loaded_at_the_very_instant_of_a_night_is_news_for_the_next(desk: Desk) -> None:
    """The night's instant is fixed; whatever is accepted afterwards is known later, even where the clock stands still."""
    desk.load(CRM, file="crm.csv", source="crm")
    desk.load("".join(LOG[:2]))
    desk.story.nightly(NIGHT)
    desk.load(WHOLE + row(9, "settings_completed", "2026-04-01T10:00"), NIGHT)
    assert desk.story.facts(NIGHT)["next_step"] == "initial_settings"
    desk.story.clock.advance(1)
    assert desk.story.decisions()["next-setting"][0] == "won"


def test_an_empty_load_keeps_a_source_fresh(desk: Desk) -> None:
    """Silence proves something only while somebody listens."""
    desk.load(WHOLE)
    assert desk.story.facts("2026-04-07 10:00")["errors_7"] == 3
    assert desk.story.facts("2026-04-09 10:00")["errors_7"] is None
    (desk.data / "product.jsonl").touch()
    desk.load(WHOLE, "2026-04-09 03:00")
    assert desk.story.facts("2026-04-09 10:00")["errors_7"] == 3
