"""Each night holds some accounts, folded one by one, against its own statement over all: they must say the same, and if not, people are told."""

from pathlib import Path

import pytest
from sqlalchemy import text

from engine.pipeline import ops
from engine.pipeline.folds import Recent
from tests.builders import AZURE, a_customer, a_record, a_stalled_customer, at
from tests.story import Story

PYTHON = (3, 11, 15)


def checkup(story: Story) -> tuple[str, list[str], float]:
    (check,) = (each for each in ops.doctor(story.system, PYTHON) if each.name == "self_check")
    (gauge,) = (each for each in ops.gauges(story.system) if each.name == "night_differing")
    return check.level, list(check.details), gauge.values[()]


def test_a_fold_of_last_week_brought_up_to_now_says_what_the_night_says(tmp_path: Path) -> None:
    story = Story(tmp_path)
    story.given(a_stalled_customer(), a_customer("c2"))
    story.nightly("2026-04-07 02:00")
    story.given(a_record("product.settings_completed", at="2026-04-08 10:00"), a_record("product.setting_error", at="2026-04-09 11:00"))
    night = story.nightly("2026-04-11 02:00")
    assert (night.checked, night.differing) == (4, {}), "two accounts anew, and the folds that their mails of the first night keep"
    assert checkup(story) == ("ok", ["checked:4"], 0.0)
    story.close()


def test_a_fold_that_says_something_else_is_told_by_account_and_fact(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    story = Story(tmp_path)
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    with story.system.ledger.write() as connection:
        connection.execute(text("UPDATE touches SET fold = replace(fold, 'product.login', 'product.logout')"))
    night = story.nightly("2026-04-08 02:00")
    assert list(night.differing) == [AZURE]
    assert "next_step" in night.differing[AZURE]
    level, details, differing = checkup(story)
    assert (level, differing) == ("bad", 1.0)
    assert details[0].startswith(f"differing:{AZURE}:")
    story.close()


def test_an_account_judged_a_moment_ago_is_not_read_from_the_lake_again(tmp_path: Path) -> None:
    story = Story(tmp_path)
    story.given(a_stalled_customer())
    recent, workspace = Recent(), story.system.workspace
    for number, when in enumerate(("2026-04-07 10:00", "2026-04-07 10:01", "2026-04-08 03:00")):
        story.clock.set(at(when))
        story.given(a_record("product.setting_error", at=when))
        kept = recent.judge(story.system, workspace, AZURE, at(when))
        anew = Recent().judge(story.system, workspace, AZURE, at(when))
        assert (kept.answer, kept.arrival, kept.fold) == (anew.answer, anew.arrival, anew.fold)
        assert kept.answer.columns["errors_7"] == number + 1
    assert (recent.read, recent.found) == (1, 2)
    assert recent.look(story.system, workspace, AZURE, at(when)).answer == anew.answer
    assert Recent().look(story.system, workspace, AZURE, at(when)).answer == anew.answer
    story.close()


def test_what_may_not_hold_any_more_is_read_anew(tmp_path: Path) -> None:
    story = Story(tmp_path)
    story.given(a_stalled_customer())
    recent, now = Recent(), at("2026-04-07 10:00")
    story.clock.set(now)
    recent.judge(story.system, story.system.workspace, AZURE, now)
    recent.judge(story.system, story.system.workspace, AZURE, at("2026-04-06 10:00"))
    assert (recent.read, recent.found) == (2, 0), "the clock went back"
    story.change_rules(
        "rules/push.yaml", "{between: [5, 80]}}                               #", "{between: [4, 80]}}                               #"
    )
    recent.judge(story.system, story.system.workspace, AZURE, now)
    assert (recent.read, recent.found) == (3, 0), "the rules changed, and may read other records"
    with story.system.ledger.write() as connection:
        bulk = "INSERT INTO parts (bucket, path, kind, rows, since, until, known_until, fields, tied, newest, derived, arrival, bulk, retired_at) "
        connection.execute(text(bulk + "VALUES ('00', 'x', 'base', 0, 0, 0, 0, '{}', false, '{}', '', 999999, true, 1)"))
    recent.judge(story.system, story.system.workspace, AZURE, now)
    assert (recent.read, recent.found) == (4, 0), "a load went past the tail"
    story.close()
