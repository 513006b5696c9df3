"""A stalled customer gets one mail, and nobody gets one that is no longer true."""

import json
from pathlib import Path

import pytest

from engine.pipeline.load import BULK_ROWS, Origin, load
from engine.touches.touch import State
from tests.builders import AZURE, a_record, a_stalled_customer, at
from tests.inbox import Inbox
from tests.story import Story, quiet


def test_a_stalled_customer_gets_one_mail_however_often_the_night_runs(story: Story, inbox: Inbox) -> None:
    story.given(a_stalled_customer())
    for minute in ("00", "05", "10"):
        story.nightly(f"2026-04-07 02:{minute}")
    story.dispatch("2026-04-07 09:00")
    story.dispatch("2026-04-07 09:00")
    story.nightly("2026-04-07 23:00")
    assert inbox.recipients() == ["tanaka@aozora.example.jp"]
    assert story.states() == [("next-setting", "sent", None)]


def test_a_second_run_of_a_night_says_so_and_keeps_the_first_runs_numbers(story: Story) -> None:
    story.given(a_stalled_customer())
    first = story.nightly("2026-04-07 02:00")
    again = story.nightly("2026-04-07 05:00")
    assert (first.already_done, again.already_done) == (False, True)
    assert (again.instant, again.accounts, again.matched, again.won, again.outcomes) == (
        *(first.instant, first.accounts, first.matched, first.won, first.outcomes),
    )


@pytest.mark.parametrize(
    ("happened", "known", "states"),
    [
        pytest.param("2026-04-07 08:30", None, [("next-setting", "dropped", "no_longer_true")], id="finished before the mail went out"),
        pytest.param(
            "2026-04-06 18:00",
            "2026-04-07 08:30",
            [("next-setting", "dropped", "no_longer_true")],
            id="finished on the day before, told after the night",
        ),
        pytest.param("2026-04-07 08:30", "2026-04-07 09:30", [("next-setting", "sent", None)], id="told too late for the mail"),
    ],
)
def test_who_finishes_between_night_and_morning_gets_no_mail(
    story: Story, inbox: Inbox, happened: str, known: str | None, states: list[tuple[str, str, str | None]]
) -> None:
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    story.given(a_record("product.settings_completed", at=happened, known=known))
    story.dispatch("2026-04-07 09:00")
    assert story.states() == states
    assert len(inbox.mails) == sum(state == "sent" for _, state, _ in states)


def test_who_opened_a_case_after_the_night_gets_no_mail(story: Story, inbox: Inbox) -> None:
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    story.given(a_record("support.case_opened", at="2026-04-07 08:00", key="c-1"))
    story.dispatch("2026-04-07 09:00")
    assert inbox.mails == []
    assert story.states() == [("next-setting", "dropped", "no_longer_true")]


def test_a_dropped_touch_leaves_the_key_free_for_the_next_night(story: Story, inbox: Inbox) -> None:
    """The customer was not written to, so the one mail is still to come."""
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    story.given(a_record("support.case_opened", at="2026-04-07 08:00", key="c-1"))
    story.dispatch("2026-04-07 09:00")
    story.given(a_record("support.case_closed", at="2026-04-07 15:00", key="c-1"))
    story.nightly("2026-04-08 02:00")
    story.dispatch("2026-04-08 09:00")
    assert [(touch.state, touch.ordinal) for touch in story.touches()] == [(State.DROPPED, 1), (State.SENT, 1)]
    assert len(inbox.mails) == 1


def test_a_bulk_load_between_night_and_sending_is_seen(story: Story, inbox: Inbox, tmp_path: Path) -> None:
    """More rows than the tail takes go past it into the lake; the re-check reads the lake then."""
    story.given(a_stalled_customer(), a_stalled_customer("midori"))
    story.nightly("2026-04-07 02:00")
    finished = {"id": "1", "company": AZURE, "user": None, "event": "settings_completed", "at": "2026-04-07T05:00:00+09:00", "props": None}
    others = ({**finished, "id": f"o{number}", "company": f"other{number % 50}", "event": "login"} for number in range(BULK_ROWS))
    with (tmp_path / "product.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in (finished, *others))
    story.clock.set(at("2026-04-07 08:00"))
    load(story.system, ["product"], Origin(tmp_path, {}), quiet)
    story.dispatch("2026-04-07 09:00")
    assert story.states(AZURE) == [("next-setting", "dropped", "no_longer_true")]
    assert inbox.recipients() == ["tanaka@midori.example.jp"]


def test_a_rule_changed_since_the_night_is_judged_as_it_stands_today(story: Story, inbox: Inbox) -> None:
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    story.change_rules("rules/push.yaml", "[5, 80]}}                               # 80", "[20, 80]}}  # 80")
    story.dispatch("2026-04-07 09:00")
    assert inbox.mails == []
    assert story.states() == [("next-setting", "dropped", "no_longer_true")]


def test_a_template_changed_since_the_night_goes_out_as_it_stands_today(story: Story, inbox: Inbox) -> None:
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    old = Path(story.config.workspace, "templates/mail/initial-settings/subject.txt").read_text(encoding="utf-8")
    story.change_rules("templates/mail/initial-settings/subject.txt", old, "今朝書き直した件名")
    story.dispatch("2026-04-07 09:00")
    assert inbox.subjects() == ["今朝書き直した件名"]


def test_the_mail_comes_back_as_a_record_and_is_seen_by_facts(story: Story) -> None:
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    assert story.facts("2026-04-07 08:59")["mails_7"] == 0
    story.dispatch("2026-04-07 09:00")
    sent = story.touch()
    assert story.facts("2026-04-07 09:00")["mails_7"] == 1
    assert story.facts("2026-04-13 23:59")["mails_7"] == 1
    assert story.facts("2026-04-14 00:00")["mails_7"] == 0
    with story.system.records() as records:
        found = records.duck.execute(
            "SELECT source, source_id, account_id, contact_id, occurred_at FROM records WHERE event = 'mail.sent'"
        ).fetchall()
    assert found == [("banso", f"{sent.id}:sent", AZURE, "tanaka", at("2026-04-07 09:00"))]
