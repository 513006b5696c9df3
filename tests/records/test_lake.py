"""Where records lie makes no difference: in the tail, in a delta, in a merged bucket, or on the way from one to the other."""

from collections.abc import Mapping
from pathlib import Path
from threading import Event, Thread

import pytest

from engine.calendar import HOUR
from engine.errors import BansoError
from engine.ledger import records as ledger_records
from engine.pipeline.compact import compact
from engine.pipeline.ops import doctor
from engine.pipeline.plan import plan
from engine.pipeline.system import System
from engine.records.lake import DELTAS_MAX, Part
from engine.rulebook.python import Known
from tests.builders import AZURE, a_customer, a_record, a_stalled_customer, at
from tests.story import Story, quiet

WHEN = "2026-04-07 02:00"
COMPACTIONS = 30


def facts_of_all(story: Story) -> Mapping[str, Mapping[str, Known]]:
    story.heard(WHEN)
    return {account: story.facts(WHEN, account) for account in sorted(story.accounts())}


def manifest(story: Story) -> list[Part]:
    with story.system.ledger.read() as connection:
        return ledger_records.live_parts(connection)


def files(story: Story) -> dict[str, int]:
    """Every file of the lake and when it was written."""
    return {str(path.relative_to(story.system.lake)): path.stat().st_mtime_ns for path in story.system.lake.rglob("*.parquet")}


def test_the_tail_and_the_lake_say_the_same(story: Story) -> None:
    story.given(a_stalled_customer(), a_stalled_customer("midori", since="2026-03-25 10:00"), a_customer("shiro"))
    story.given(
        a_record("hearing.guidance_start", value="4月20日", at="2026-03-25 10:00"),
        a_record("hearing.will", value="briefing、other", at="2026-03-25 10:00"),
    )
    story.given(a_record("support.case_opened", key="c-1", at="2026-04-01 10:00"), a_record("support.case_opened", key="c-2", at="2026-04-01 10:00"))
    story.given(a_record("support.case_closed", key="c-1", at="2026-04-02 10:00"))
    in_the_tail = facts_of_all(story)
    moved = compact(story.system, quiet).moved
    story.restart()
    assert (moved, facts_of_all(story)) == (len(a_stalled_customer()) * 2 + len(a_customer()) + 5, in_the_tail)
    assert in_the_tail[AZURE]["open_cases"] == 1
    assert compact(story.system, quiet).moved == 0


def test_a_bucket_with_more_than_eight_deltas_is_merged_into_one_file(story: Story) -> None:
    story.given(a_stalled_customer())
    compact(story.system, quiet)
    for number in range(DELTAS_MAX + 2):
        story.given(a_record("product.setting_error", at=f"2026-04-01 {10 + number}:00"))
        merged = compact(story.system, quiet).merged
        assert facts_of_all(story)[AZURE]["errors_7"] == number + 1
        assert merged == (DELTAS_MAX + 2 if number == DELTAS_MAX else 0)
    assert sorted(part.kind for part in manifest(story)) == ["base", "delta"]
    assert sum(part.rows for part in manifest(story)) == len(a_stalled_customer()) + DELTAS_MAX + 2


def test_retired_files_are_deleted_when_no_reader_can_hold_them(story: Story) -> None:
    story.given(a_stalled_customer())
    for number in range(DELTAS_MAX + 2):
        story.given(a_record("product.setting_error", at=f"2026-04-01 {10 + number}:00"))
        compact(story.system, quiet)
    assert len(files(story)) == DELTAS_MAX + 3
    story.clock.advance(HOUR + 1)
    assert compact(story.system, quiet).deleted == DELTAS_MAX + 2
    assert set(files(story)) == {part.path for part in manifest(story)}


def test_readers_never_see_a_wrong_total_while_the_tail_moves(story: Story) -> None:
    """Of what a reader counts, everything accepted before it began is there, nothing twice, and nothing that was never accepted."""
    accepted, offered = 0, 0
    done, wrong, readings = Event(), list[tuple[int, int, int]](), 0

    def read() -> None:
        nonlocal readings
        system = System(story.config, story.clock)
        while not done.is_set():
            least = accepted
            with system.records() as records:
                row = records.duck.execute("SELECT count(*), count(DISTINCT source_id) FROM records").fetchone() or (0, 0)
            if not (least <= row[0] <= offered and row[0] == row[1]):
                wrong.append((least, *row))
            readings += 1
        system.close()

    reader = Thread(target=read)
    reader.start()
    try:
        for number in range(COMPACTIONS):
            offered += 3
            story.given(*(a_record("product.setting_error", account=f"c{each}", at=f"2026-04-01 10:{number:02d}") for each in range(3)))
            accepted += 3
            story.clock.advance(1)
            compact(story.system, quiet)
    finally:
        done.set()
        reader.join(30)
    assert (wrong, accepted) == ([], COMPACTIONS * 3)
    assert readings > COMPACTIONS / 3
    assert sum(part.rows for part in manifest(story)) == accepted


@pytest.mark.parametrize("compacted", [True, False], ids=["in the lake", "still in the tail"])
def test_a_field_declared_otherwise_is_read_again(story: Story, compacted: bool) -> None:
    """Nobody has to load twice because a designer wrote `type: number` a day later."""
    story.given(a_stalled_customer(), a_record("sfa.seats", value="１,２00", at="2026-03-25 10:00"))
    if compacted:
        compact(story.system, quiet)
    story.change_rules("rules/facts.yaml", "  mails_7:", "  seats: {label: 席数, attribute: sfa.seats, type: number}\n  mails_7:")
    compact(story.system, quiet)
    assert facts_of_all(story)[AZURE]["seats"] == 1200
    assert compact(story.system, quiet).merged == 0


def test_an_item_told_apart_by_another_property_is_keyed_again(story: Story) -> None:
    story.given(a_stalled_customer(), a_record("support.case_opened", key="c-1", at="2026-04-01 10:00"))
    compact(story.system, quiet)
    assert facts_of_all(story)[AZURE]["open_cases"] == 1
    story.change_rules("rules/facts.yaml", "key: case_id", "key: ticket")
    compact(story.system, quiet)
    assert facts_of_all(story)[AZURE]["open_cases"] == 0


def test_changing_the_zone_rewrites_nothing(story: Story) -> None:
    """One o'clock in the morning of 1 April in Tokyo is still 31 March in UTC: another day, the same file."""
    story.given(a_stalled_customer(), a_record("product.setting_error", at="2026-04-01 01:00"))
    compact(story.system, quiet)
    before = files(story)
    assert facts_of_all(story)[AZURE]["errors_7"] == 1
    story.change_rules("rules/workspace.yaml", "timezone: Asia/Tokyo ", "timezone: UTC ")
    done = compact(story.system, quiet)
    assert (done.merged, files(story)) == (0, before)
    assert story.facts("2026-04-07 12:00")["errors_7"] == 0


def test_records_of_the_future_wait_outside(story: Story) -> None:
    story.given(a_stalled_customer(), a_record("product.settings_completed", at="2026-04-10 10:00"))
    story.heard("2026-04-10 09:00")
    for _ in range(2):
        assert story.facts("2026-04-10 09:59")["next_step"] == "initial_settings"
        assert story.facts("2026-04-10 10:00")["next_step"] == "flow_designed"
        compact(story.system, quiet)


def test_a_lake_whose_file_is_missing_is_seen_by_the_doctor(story: Story) -> None:
    story.given(a_stalled_customer())
    compact(story.system, quiet)
    assert {check.name: check.level for check in doctor(story.system, (3, 14, 3))}["lake"] == "ok"
    Path(story.system.lake, manifest(story)[0].path).unlink()
    assert {check.name: check.level for check in doctor(story.system, (3, 14, 3))}["lake"] == "bad"
    with pytest.raises(BansoError, match="E623"):
        plan(story.system, at(WHEN), quiet)


def test_moved_rows_stay_for_the_touches_that_may_still_read_them(story: Story) -> None:
    story.given(a_stalled_customer())
    story.nightly(WHEN)
    story.given(a_record("product.settings_completed", at="2026-04-07 08:00"))
    story.clock.set(at("2026-04-07 08:30"))
    compact(story.system, quiet)
    story.dispatch("2026-04-07 09:00")
    assert story.states() == [("next-setting", "dropped", "no_longer_true")]
