"""What commands answer: in the reader's language, in words and not in codes, and with a fault where they cannot."""

import re
import shutil
from pathlib import Path

import pytest

from engine.cli.app import main
from engine.pipeline.timeline import timeline
from engine.touches.touch import State
from tests.builders import AZURE, a_record, a_stalled_customer, at
from tests.inbox import Inbox
from tests.story import ROOT, Story

NIGHT = "2026-04-07T02:00"


def place(story: Story) -> list[str]:
    return ["-w", str(story.config.workspace), "--state", str(story.config.state_folder)]


@pytest.fixture
def sent(story: Story, inbox: Inbox) -> Story:
    """One mail decided on 7 April at two, sent at nine."""
    story.given(a_stalled_customer(), a_record("hearing.will", value="briefing,applicant_list", at="2026-03-24 10:00"))
    story.nightly("2026-04-07 02:00")
    story.dispatch("2026-04-07 09:00")
    return story


# --- where options stand ----------------------------------------------------------------------------------------------


def test_the_options_of_the_command_may_stand_behind_it(sent: Story, capsys: pytest.CaptureFixture[str]) -> None:
    answers = []
    for words in ([*place(sent), "--lang", "en", "facts", AZURE, "--at", NIGHT], ["facts", AZURE, "--at", NIGHT, *place(sent), "--lang=en"]):
        assert main(words) == 0
        answers.append(capsys.readouterr().out)
    assert answers[0] == answers[1]
    assert "name" in answers[0]


# --- acting in the future ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["nightly", "worker", "scheduler"])
def test_nobody_acts_in_the_future_by_accident(story: Story, capsys: pytest.CaptureFixture[str], command: str) -> None:
    """A night rehearsed on the real state would hide from the nights before it what comes in until then."""
    story.given(a_stalled_customer())
    assert main([*place(story), command, "--at", "2099-04-07"]) == 1
    assert "--at E652" in capsys.readouterr().err
    with story.system.ledger.read() as connection:
        from engine.ledger.decisions import last_slots

        assert last_slots(connection, "nightly") == []


def test_a_rehearsal_says_so(story: Story) -> None:
    story.given(a_stalled_customer())
    assert main([*place(story), "nightly", "--at", "2099-04-07", "--rehearse"]) == 0


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "value", "code"),
    [
        ("BANSO_LEDGER_URL", "postgres://x", "E620"),
        ("BANSO_LEDGER_URL", "nonsense", "E620"),
        ("BANSO_LEDGER_URL", "mysql://x/y", "E620"),
        ("BANSO_DUCKDB_MEMORY", "lots", "E651"),
        ("BANSO_DUCKDB_THREADS", "0", "E651"),
        ("BANSO_WEB_PORT", "80800", "E651"),
        ("BANSO_SWEEP_SECONDS", "0", "E651"),
        ("BANSO_BROKER_URL", "foo://x", "E651"),
        ("BANSO_SMTP_URL", "foo", "E651"),
        ("BANSO_SMTP_URL", "http://relay:25", "E651"),
    ],
)
def test_a_setting_that_cannot_work_is_told(
    story: Story, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str, value: str, code: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert main([*place(story), "ops", "status"]) == 1
    said = capsys.readouterr().err
    assert code in said
    assert "Traceback" not in said


@pytest.mark.parametrize("value", ["smtp://relay", "smtps://user:p%40ss@relay.example.jp:465", "smtp://127.0.0.1:1025", "smtp://[::1]:25"])
def test_the_address_of_a_relay_is_taken(story: Story, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("BANSO_SMTP_URL", value)
    assert main([*place(story), "ops", "status"]) == 0


def test_a_password_in_a_setting_is_not_shown(story: Story, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("BANSO_SMTP_URL", "smpt://user:secret@relay:25")
    assert main([*place(story), "ops", "status"]) == 1
    assert "secret" not in capsys.readouterr().err


def test_a_state_folder_that_is_a_file_is_told(story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("x")
    for state in ("file", "file/below"):
        assert main(["-w", str(ROOT), "--state", str(tmp_path / state), "ops", "status"]) == 1
        assert re.search(r"E651|E620", capsys.readouterr().err)


def test_a_queue_that_nobody_fills_is_told(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*place(story), "--lang", "en", "worker", "nosuchqueue", "--until-idle"]) == 64
    assert "nosuchqueue" in capsys.readouterr().err


# --- words ------------------------------------------------------------------------------------------------------------


def test_a_message_that_lacks_a_value_is_a_fault_in_the_preview(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("rules", "templates"):
        shutil.copytree(ROOT / folder, story.folder / "space" / folder)
    path = story.folder / "space/templates/mail/initial-settings/body.txt"
    path.write_text(path.read_text(encoding="utf-8") + "{{ guidance_start }}", encoding="utf-8")
    story.given(a_stalled_customer())
    story.heard("2026-04-07 02:00")
    words = ["-w", str(story.folder / "space"), "--state", str(story.config.state_folder), "preview", "next-setting", AZURE, "--at", NIGHT]
    assert main(words) == 1
    said = capsys.readouterr().err
    assert "next-setting E648" in said
    assert "guidance_start" in said


def test_facts_are_shown_in_words(sent: Story, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*place(sent), "facts", AZURE, "--at", NIGHT]) == 0
    said = capsys.readouterr().out
    assert "|" not in re.sub("[│┃]", "", said)
    assert "briefing" not in re.findall(r"will .*", said)[0].split("│")[2]


HEADS = {
    "ja": {
        NIGHT: "push      next-setting",
        "2026-04-08T02:00": "push      なし   next-setting: すでに送っていて、次にはまだ早い [次は 2026-04-14 から]",
        "2026-04-02T02:00": "push      なし   next-setting: 条件に合いません (あと 4 日、2026-04-06 に当てはまる見込み)",
    },
    "en": {
        NIGHT: "push      next-setting",
        "2026-04-08T02:00": "push      nothing   next-setting: already had it, too early for another [not before 2026-04-14]",
        "2026-04-02T02:00": "push      nothing   next-setting: does not match (days to go: 4; it would match on 2026-04-06)",
    },
}


@pytest.mark.parametrize("language", ["ja", "en"])
def test_explain_tells_the_decision_of_each_lane_in_its_head(sent: Story, capsys: pytest.CaptureFixture[str], language: str) -> None:
    sent.heard("2026-04-02 02:00")
    for instant, line in HEADS[language].items():
        assert main([*place(sent), "--lang", language, "explain", AZURE, "--at", instant]) == 0
        told = capsys.readouterr().out.splitlines()
        assert [each.strip("│ ") for each in told[2 : told.index(next(each for each in told if each.startswith("╰")))]] == [line]


def test_explain_shows_no_dots_for_the_steps_done(sent: Story, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*place(sent), "explain", AZURE, "--at", NIGHT]) == 0
    assert "done = " not in capsys.readouterr().out


def test_a_timeline_shows_touches_as_they_stood(sent: Story) -> None:
    then = [each for each in timeline(sent.system, AZURE, at("2026-04-07 03:00")) if each.kind == "touch"]
    now = [each for each in timeline(sent.system, AZURE, at("2026-04-07 12:00")) if each.kind == "touch"]
    assert [(each.state, each.at, each.window_until) for each in then] == [(State.PENDING, at("2026-04-07 02:00"), None)]
    assert [(each.state, each.at) for each in now] == [(State.SENT, at("2026-04-07 09:00"))]


def test_a_timeline_speaks_the_language_of_its_reader(sent: Story, capsys: pytest.CaptureFixture[str]) -> None:
    for language, word in (("ja", "送信済み"), ("en", "sent")):
        assert main([*place(sent), "--lang", language, "timeline", AZURE, "--at", "2026-04-07T12:00"]) == 0
        assert word in capsys.readouterr().out


def test_a_report_is_read_by_people_and_raw_for_programs(sent: Story, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*place(sent), "--lang", "ja", "report", "funnel", "--at", NIGHT]) == 0
    said = capsys.readouterr().out
    assert "100.0%" in said
    assert " 日" in said
    assert not re.search(r"conv_from_prev|median_s|account\b", said)
    assert main([*place(sent), "report", "funnel", "--at", NIGHT, "--json"]) == 0
    assert '"conv_from_prev": 1.0' in capsys.readouterr().out


def test_the_day_of_the_week_is_in_the_language_of_the_reader(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    story.given(a_stalled_customer())
    story.heard("2026-04-07 02:00")
    for language, word in (("ja", "火 09:00"), ("en", "Tue 09:00")):
        assert main([*place(story), "--lang", language, "plan", "--at", NIGHT]) == 2
        assert word in capsys.readouterr().out


def test_a_night_tells_its_date_in_one_piece(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    story.given(a_stalled_customer())
    assert main([*place(story), "--lang", "ja", "nightly", "--at", NIGHT]) == 0
    assert "2026-04-07 02:00" in capsys.readouterr().out


@pytest.mark.parametrize("words", [("plan", "--when", "now"), ("explain",), ("plann",), ("report", "funnel", "--unit", "person")], ids=" ".join)
def test_what_was_mistyped_is_told_in_japanese(story: Story, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    assert main([*place(story), "--lang", "ja", *words]) == 64
    said = capsys.readouterr().err
    assert not re.search(r"No such|Missing|Invalid|must be", said)
