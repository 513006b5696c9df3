"""The doctor finds what is wrong, one row at a time if need be, and is silent where nothing is."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from engine.calendar import DAY, HOUR, SECOND
from engine.cli.app import main
from engine.ledger import relays
from engine.ledger.tables import decisions, slots, touches
from engine.pipeline import ops
from engine.pipeline.ops.life import LONGEST_TASK
from engine.pipeline.system import System
from engine.touches.breaker import Breaker
from tests.builders import a_stalled_customer, at
from tests.inbox import CUT, Inbox
from tests.story import Story

PYTHON = (3, 14, 3)


def found(story: Story) -> Mapping[str, ops.Check]:
    return {check.name: check for check in ops.doctor(story.system, PYTHON)}


def levels(story: Story) -> dict[str, str]:
    return {name: check.level for name, check in found(story).items() if check.level != "ok"}


def attended(story: Story) -> None:
    """A worker and a scheduler are there."""
    for kind in ("worker", "scheduler"):
        ops.sign_of_life(story.system, f"{kind}-1", kind)


@pytest.fixture
def morning(story: Story, inbox: Inbox) -> Story:
    """At half past nine: one sent, one refused, one unknown, one that a pause holds; both processes are there."""
    inbox.answer_content("tanaka@b.example.jp", "554 5.6.0 content refused")
    inbox.answer_content("tanaka@c.example.jp", CUT)
    for account in ("a", "b", "c", "d"):
        story.given(a_stalled_customer(account))
    story.nightly("2026-04-07 02:00")
    story.pause("account", "d", since="2026-04-07 08:00")
    story.dispatch("2026-04-07 09:00")
    attended(story)
    return story


def test_an_ordinary_morning_has_nothing_bad(morning: Story) -> None:
    assert levels(morning) == {"unknown": "warn", "evidence": "warn"}
    assert list(found(morning)["books"].details) == ["failed:1", "pending:1", "sent:1", "unknown:1"]


@pytest.mark.parametrize(
    ("account", "change", "bad"),
    [
        ("a", {"state": "failed"}, {"rows"}),
        ("a", {"sent_at": None}, {"rows"}),
        ("b", {"state": "sent"}, {"rows"}),
        ("b", {"state": "unknown", "begun_at": None}, {"rows"}),
        ("c", {"state": "pending"}, {"rows"}),
        ("c", {"state": "sending"}, {"rows"}),
        ("d", {"state": "sent"}, {"rows"}),
        ("d", {"state": "claimed"}, {"rows"}),
        ("d", {"state": "dropped"}, {"rows"}),
        ("d", {"state": "snet"}, {"books", "rows"}),
        ("d", {"state": "withheld"}, {"books", "rows"}),
        ("d", {"rule": "first-login"}, {"books"}),
        ("d", {"id": "0" * 32}, {"books"}),
    ],
    ids=lambda each: " ".join(sorted(each)) if isinstance(each, set) else str(each),
)
def test_one_row_changed_by_hand_is_found(morning: Story, account: str, change: dict[str, object], bad: set[str]) -> None:
    with morning.system.ledger.write() as connection:
        assert connection.execute(update(touches).where(touches.c.account_id == account).values(**change)).rowcount == 1
    assert {name for name, check in found(morning).items() if check.level == "bad"} == bad


def test_a_touch_that_is_gone_is_found(morning: Story) -> None:
    with morning.system.ledger.write() as connection:
        connection.execute(delete(touches).where(touches.c.account_id == "d"))
    assert found(morning)["books"].level == "bad"


def test_a_decision_that_is_gone_is_found_although_the_numbers_of_all_rules_are_large(morning: Story) -> None:
    with morning.system.ledger.write() as connection:
        connection.execute(delete(decisions).where(decisions.c.account_id == "d"))
    assert found(morning)["books"].level == "bad"


def test_what_is_bad_is_told_in_words_and_by_the_exit_code(morning: Story, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["-w", str(morning.config.workspace), "--state", str(morning.config.state_folder), "--lang", "en", "doctor", "--at", "2026-04-07T09:00"]
    assert main(command) == 0
    with morning.system.ledger.write() as connection:
        connection.execute(update(touches).where(touches.c.account_id == "a").values(sent_at=None))
    capsys.readouterr()
    assert main(command) == 1
    assert "1 in the state sent lack what that state must have" in capsys.readouterr().out


# --- nights -----------------------------------------------------------------------------------------------------------


def test_a_night_that_began_and_never_finished_is_found(morning: Story) -> None:
    with morning.system.ledger.write() as connection:
        connection.execute(update(slots).values(finished_at=None, started_at=morning.clock.now()))
    assert levels(morning)["nights"] == "warn"
    morning.clock.advance(2 * HOUR + SECOND)
    check = found(morning)["nights"]
    assert (check.level, list(check.details)) == ("bad", ["unfinished:nightly/2026-04-07:1"])


def test_an_older_night_is_finished_by_hand_as_the_page_for_operations_says(morning: Story) -> None:
    with morning.system.ledger.write() as connection:
        connection.execute(update(slots).values(finished_at=None))
    morning.clock.set(at("2026-04-09 09:00"))
    assert found(morning)["nights"].level == "bad"
    place = ["-w", str(morning.config.workspace), "--state", str(morning.config.state_folder)]
    assert main([*place, "nightly", "--at", "2026-04-07"]) == 0
    assert found(morning)["nights"].level == "ok"
    assert found(morning)["books"].level == "ok"


# --- receivers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "level"), [("relay:mail", "bad"), ("domain:a.example.jp", "warn")])
def test_receivers_left_alone_are_told_while_they_are(morning: Story, name: str, level: str) -> None:
    now = morning.clock.now()
    with morning.system.ledger.write() as connection:
        relays.keep_breaker(connection, Breaker(name, 5, now + 30 * SECOND, "421 closing"))
    assert levels(morning)["breakers"] == level
    morning.clock.advance(30 * SECOND)
    attended(morning)
    assert found(morning)["breakers"].level == "ok"


# --- what is late -----------------------------------------------------------------------------------------------------


def test_a_touch_that_nobody_takes_is_bad_and_so_is_that_nobody_is_there(story: Story) -> None:
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    assert levels(story)["workers"] == "warn"
    story.clock.set(story.touch().due_at + story.config.late_seconds * SECOND)
    assert (found(story)["late"].level, found(story)["workers"].level) == ("ok", "bad")
    story.clock.advance(SECOND)
    assert found(story)["late"].level == "bad"


def test_an_unknown_touch_is_bad_after_a_day(morning: Story) -> None:
    begun = morning.touches("c")[0].begun_at
    assert begun is not None
    for age, level in ((DAY, "warn"), (DAY + SECOND, "bad")):
        morning.clock.set(begun + age)
        assert found(morning)["unknown"].level == level


# --- processes --------------------------------------------------------------------------------------------------------


def test_a_worker_that_hangs_is_bad_and_one_that_fell_silent_beside_others_is_told(morning: Story) -> None:
    morning.clock.advance(90 * SECOND)
    ops.sign_of_life(morning.system, "worker-2")
    ops.sign_of_life(morning.system, "scheduler-2", "scheduler")
    assert levels(morning)["workers"] == "warn"
    assert "silent:worker:worker-1" in found(morning)["workers"].details
    ops.sign_of_life(morning.system, "worker-2", busy_since=morning.clock.now() - LONGEST_TASK - SECOND)
    assert found(morning)["workers"].level == "bad"


# --- evidence ---------------------------------------------------------------------------------------------------------


def with_log(story: Story, path: Path) -> None:
    story.config = story.config.model_copy(update={"relay_log": path})
    story.restart()


def test_evidence_that_cannot_be_read_is_bad(morning: Story, tmp_path: Path) -> None:
    with_log(morning, tmp_path / "not there")
    assert found(morning)["evidence"].level == "bad"


def test_evidence_says_how_far_behind_it_is(morning: Story, tmp_path: Path) -> None:
    log = tmp_path / "mail.log"
    log.write_text("2026-04-07T08:50:00+09:00 relay postfix/qmgr[1]: 4F: from=<x>, size=1, nrcpt=1 (queue active)\n", encoding="utf-8")
    with_log(morning, log)
    morning.clock.set(at("2026-04-07 09:00"))
    assert (found(morning)["evidence"].level, list(found(morning)["evidence"].details)) == ("ok", ["evidence:1:10"])


# --- a ledger that is away --------------------------------------------------------------------------------------------


def test_of_a_ledger_that_went_away_nothing_more_is_asked(morning: Story) -> None:
    system = System(morning.config, morning.clock)
    assert system.ledger
    morning.system.close()
    for path in morning.config.state_folder.glob("ledger.db*"):
        path.unlink()
    system.ledger.close()
    (morning.config.state_folder / "ledger.db").mkdir()
    checks = {check.name: check.level for check in ops.doctor(system, PYTHON)}
    system.close()
    assert checks == {"python": "ok", "ledger": "bad"}
