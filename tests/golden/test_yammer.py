"""A public data set and tables that somebody else computed from it: the reports agree to the last unit. (`make test YAMMER_DATA=DIR`)"""

import csv
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from engine.calendar import instant_of, zone
from engine.pipeline.compact import compact
from engine.pipeline.load import Origin, load
from engine.pipeline.report import report
from engine.reports.report import Asked
from tests.builders import at
from tests.inbox import Inbox
from tests.story import ROOT, Story, quiet

WORKSPACE = ROOT / "examples" / "yammer"
AFTER = at("2014-08-31 00:00", "UTC")
UNITS = {"contact": Asked("contact"), "account": Asked("account", segment="fresh")}


@pytest.fixture(scope="module")
def loaded(yammer: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    story = Story(tmp_path_factory.mktemp("yammer"), workspace=WORKSPACE)
    story.clock.set(AFTER)
    load(story.system, [], Origin(yammer, {}), quiet)
    compact(story.system, quiet)  # many questions follow, and the lake answers faster than the tail
    yield story
    story.close()


def expected(yammer: Path, name: str) -> list[dict[str, str]]:
    with (yammer / "expected" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_funnel(loaded: Story, yammer: Path) -> None:
    found = []
    for asked in UNITS.values():
        answer = report(loaded.system, "funnel", asked, AFTER)
        found += [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
    assert [
        {**{name: str(value) for name, value in row.items()}, "conv_from_prev": f"{row['conv_from_prev']:.6f}"}
        | {"median_s_from_prev": "" if row["median_s_from_prev"] is None else f"{row['median_s_from_prev']:.3f}"}
        for row in found
    ] == expected(yammer, "funnel.csv")


@pytest.mark.parametrize("unit", UNITS)
def test_who_is_stalled_at_any_instant_in_any_zone(loaded: Story, yammer: Path, unit: str) -> None:
    rows = [row for row in expected(yammer, "stalled_counts.csv") if row["unit"] == unit]
    days = tuple(sorted({int(row["k"]) for row in rows}))
    wanted = {(row["tz"], row["asof"], row["k"], row["pos"], row["step"]): int(row["stalled"]) for row in rows}
    found = {}
    for tz, asof in sorted({(row["tz"], row["asof"]) for row in rows}):
        asked = Asked(UNITS[unit].unit, UNITS[unit].segment, days)
        answer = report(loaded.system, "stalled", asked, instant_of(datetime.fromisoformat(asof)), zone(tz))
        found |= {(tz, asof, str(k), str(pos), str(step)): stalled for _, k, pos, step, stalled in answer.rows}
    assert found == wanted


def test_a_night_twice_and_a_morning_double_nothing(loaded: Story, tmp_path: Path, inbox: Inbox) -> None:
    shutil.copytree(loaded.config.state_folder, tmp_path / "state")
    story = Story(tmp_path, workspace=WORKSPACE, smtp_url=inbox.url)
    first = story.nightly("2014-07-15 11:00")  # two o'clock in UTC
    again = story.nightly("2014-07-15 11:30")
    assert (first.won > 0, again.already_done, again.won) == (True, True, first.won)
    counts = story.dispatch("2014-07-15 17:00")
    assert story.dispatch("2014-07-15 17:05") == {}
    assert {touch.reason for touch in story.touches() if touch.state == "dropped"} <= {"no_longer_true"}
    assert counts["sent"] + counts["dropped"] == first.won == len(story.touches())
    assert len(inbox.mails) == counts["sent"] > first.won * 0.9
    assert set(inbox.times_taken().values()) == {1}
    assert len(inbox.recipients()) == len(set(inbox.recipients()))
    story.close()
