"""Bad input at the command line: a message of three parts, the right exit code, no traceback, and the last good state stays."""

import gzip
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.cli.app import main
from tests.cli.said import BAD_USAGE, FAULTS, FINE, Banso, change
from tests.story import SPACE

AT = "2026-04-07T09:00"
SFA = """id,company,event,field,value,at
s1,c000001,applied,,,2026-03-02T10:00:00+09:00
s2,c000001,,company_name,株式会社青空,2026-03-02T10:00:00+09:00
s3,c000002,applied,,,2026-03-03T10:00:00+09:00
s4,c000003,applied,,,2026-03-04T10:00:00+09:00
"""
PRODUCT = "".join(
    json.dumps(
        {"id": f"p{number}", "company": f"c00000{number}", "user": f"u{number}", "event": event, "at": "2026-03-05T10:00:00+09:00", "props": {}}
    )
    + "\n"
    for number, event in ((1, "account_issued"), (2, "account_issued"), (3, "login"))
)
HEADS = {
    "crm.csv": "id,company,user,event,field,value,at\n",
    "cti.csv": "id,company,user,event,case_id,at\n",
    "hearing.csv": "id,company,field,value,at\n",
}


def write_data(folder: Path) -> Path:
    folder.mkdir()
    for name, text in {"sfa.csv": SFA, "product.jsonl": PRODUCT, "help.jsonl": "", **HEADS}.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_data(tmp_path / "data")


@pytest.fixture(scope="session")
def once_loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data and a state into which it was loaded, to be copied."""
    folder = tmp_path_factory.mktemp("once_loaded")
    write_data(folder / "data")
    words = ["load", "sfa", "product", "--data", str(folder / "data"), "--at", AT]
    assert main(["-w", str(SPACE), "--state", str(folder / "state"), *words]) == FINE
    return folder


@pytest.fixture
def loaded(tmp_path: Path, once_loaded: Path) -> Path:
    """The data folder, after everything in it was loaded."""
    shutil.copytree(once_loaded, tmp_path, dirs_exist_ok=True)
    return tmp_path / "data"


def funnel(banso: Banso) -> list[dict[str, object]]:
    said = banso("report", "funnel", "--at", AT, "--json")
    assert said.code == FINE, said.err
    return list(json.loads(said.out))


# --- the workspace ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [("lint",), ("plan", "--at", AT), ("explain", "c000001"), ("report", "funnel")], ids=lambda command: command[0])
def test_a_broken_rule_file_is_told_by_every_command(banso: Banso, space: Path, language: str, command: tuple[str, ...]) -> None:
    change(space / "rules/push.yaml", "{stalled_days: {between: [2, 40]}}", "{stalled_day: {between: [2, 40]}}")
    said = banso(*command, language=language)
    assert said.code == FAULTS
    assert said.has_three_parts("E201", "rules/push.yaml:7:39", language)
    assert "stalled_days" in said.err


def test_a_template_with_an_unknown_name(banso: Banso, space: Path, language: str) -> None:
    change(space / "templates/mail/readiness/body.txt", "{{ guidance_start }}", "{{ guidance_strt }}")
    said = banso("lint", language=language)
    assert said.code == FAULTS
    assert said.has_three_parts("E205", "templates/mail/readiness/body.txt:1:55", language)


def test_a_wrong_time_zone(banso: Banso, space: Path, language: str) -> None:
    change(space / "rules/workspace.yaml", "Asia/Tokyo", "Asia/Tokio")
    said = banso("lint", language=language)
    assert said.code == FAULTS
    assert said.has_three_parts("E122", "rules/workspace.yaml:3:11", language)
    assert "Asia/Tokyo" in said.err


def test_no_workspace_at_all(banso: Banso, space: Path, language: str) -> None:
    shutil.rmtree(space / "rules")
    said = banso("plan", language=language)
    assert said.code == FAULTS
    assert said.has_three_parts("E610", str(space / "rules"), language)


@pytest.mark.parametrize(
    "command", [("lint",), ("plan", "--at", AT), ("fmt",), ("fix",), ("schema",), ("order",), ("test",)], ids=lambda command: command[0]
)
def test_a_folder_that_is_no_workspace_says_how_to_get_one(banso: Banso, space: Path, language: str, command: tuple[str, ...]) -> None:
    (space / "rules/workspace.yaml").unlink()
    said = banso(*command, language=language)
    assert said.code == FAULTS
    assert said.has_three_parts("E610", str(space / "rules/workspace.yaml"), language)
    assert "banso init" in said.err
    assert "`-w " in said.err
    assert len(said.err.splitlines()) == 3


def test_missing_sections_are_told_one_by_one(banso: Banso, space: Path) -> None:
    (space / "rules/route.yaml").unlink()
    said = banso("lint")
    assert [line for line in said.err.splitlines() if "E119" in line] == [
        "rules E119 No `route:` anywhere in rules/.",
        "rules E119 No `steps:` anywhere in rules/.",
    ]


def test_lint_as_json_tells_the_same(banso: Banso, space: Path) -> None:
    change(space / "rules/push.yaml", "goal: step_forward", "goal: step_foward")
    said = banso("lint", "--json")
    (fault,) = json.loads(said.out)["faults"]
    assert said.code == FAULTS
    assert (fault["code"], fault["file"], fault["line"], fault["column"]) == ("E204", "rules/push.yaml", 10, 11)
    assert fault["fix"].startswith("Did you mean `step_forward`?")


def test_a_workspace_in_japanese_speaks_japanese_even_when_it_is_broken(space: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(space / "rules/workspace.yaml", "nightly_at:", "nighty_at:")
    assert main(["-w", str(space), "--state", str(tmp_path / "state"), "plan"]) == FAULTS
    assert "という項目はありません" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("spoilt", "machine", "japanese"),
    [
        pytest.param({"language: ja": 'language: "ja"', "nightly_at:": "nighty_at:"}, "en_US.UTF-8", True, id="it says so in quotes"),
        pytest.param({"language: ja": "language: en  # not language: ja", "nightly_at:": "nighty_at:"}, "ja_JP.UTF-8", False, id="it says English"),
        pytest.param(None, "en_US.UTF-8", True, id="its other files are Japanese"),
        pytest.param({}, "ja_JP.UTF-8", True, id="nothing is there, and the machine speaks Japanese"),
        pytest.param({}, "en_US.UTF-8", False, id="nothing is there, and the machine does not"),
    ],
)
def test_the_language_is_guessed_where_no_workspace_can_be_read(
    space: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, spoilt: dict[str, str] | None, machine: str, japanese: bool
) -> None:
    monkeypatch.setenv("LC_ALL", machine)
    for old, new in (spoilt or {}).items():
        change(space / "rules/workspace.yaml", old, new)
    if spoilt is None:
        (space / "rules/workspace.yaml").unlink()
    elif not spoilt:
        shutil.rmtree(space / "rules")
    assert main(["-w", str(space), "lint"]) == FAULTS
    assert ("なぜ" in capsys.readouterr().err) == japanese


SILENT = """tests:
  - name: 3月24日に申し込んだ会社
    given: [2026-03-24 10:00 sfa.applied]
    expect:
      - {at: 2026-03-25 02:00, none: true}
      - {at: 2026-03-25 03:00, not: [next-setting, readiness], why: {next-setting: window_open}}
"""


@pytest.fixture
def silent(space: Path) -> Path:
    """A test that expects silence: for no reason, for the wrong one, and for one of two rules without."""
    file = space / "rules/tests/silent.test.yaml"
    file.parent.mkdir()
    file.write_text(SILENT, encoding="utf-8")
    return file


def test_a_test_that_expects_silence_without_a_reason_is_told(banso: Banso, silent: Path, language: str) -> None:
    said = banso("lint", language=language)
    assert said.code == FINE
    assert said.has_three_parts("W706", "rules/tests/silent.test.yaml:5:38", language)
    assert "`why: {next-setting: stalled_days}`" in said.err
    assert said.err.endswith(" rules/tests/silent.test.yaml:6:52\n")
    told = json.loads(banso("lint", "--json", language=language).out)["faults"]
    assert [(each["line"], each["what"].count("readiness")) for each in told if each["code"] == "W706"] == [(5, 0), (6, 1)]


def test_the_true_reasons_are_had_from_a_run_and_then_lint_is_silent_too(banso: Banso, silent: Path) -> None:
    told = banso("test")
    assert told.code == FAULTS
    assert "the reason is another: next_step = account_issued, stalled_days = 1" in told.out
    change(silent, "none: true", "none: true, why: {next-setting: stalled_days}")
    change(silent, "why: {next-setting: window_open}", "why: {next-setting: next_step}, unknown: {readiness: days_to_guidance}")
    assert banso("test").code == FINE
    assert "W706" not in banso("lint").err


# --- the data -----------------------------------------------------------------------------------------------------


def test_an_unknown_column_in_a_source(banso: Banso, space: Path, data: Path, language: str) -> None:
    change(space / "rules/sources/sfa.sql", "AS account_id", "AS acount_id")
    said = banso("load", "sfa", "--data", data, language=language)
    assert said.code == FAULTS
    assert said.has_three_parts("E605", "rules/sources/sfa.sql:3:26", language)
    assert "account_id" in said.err


@pytest.mark.parametrize("option", [["--data", "/nowhere"], []], ids=["that does not exist", "that is not named"])
def test_a_missing_data_directory(banso: Banso, language: str, option: list[str]) -> None:
    said = banso("load", *option, language=language)
    assert said.code == FAULTS
    assert said.has_three_parts("E601", "/nowhere" if option else "--data", language)


def test_a_missing_file(banso: Banso, data: Path, language: str) -> None:
    (data / "sfa.csv").unlink()
    said = banso("load", "sfa", "--data", data, language=language)
    assert said.code == FAULTS
    assert any(line.startswith("rules/sources/sfa.sql:") and " E602 " in line for line in said.err.splitlines())


def test_an_unknown_source(banso: Banso, data: Path, language: str) -> None:
    said = banso("load", "sfaa", "--data", data, language=language)
    assert said.code == FAULTS
    assert said.has_three_parts("E609", "rules/sources/sfaa.sql", language)
    assert "sfa" in said.err


def test_a_csv_cut_in_its_last_line_gives_its_complete_rows(banso: Banso, data: Path, language: str) -> None:
    path = data / "sfa.csv"
    path.write_bytes(path.read_bytes()[:-20])
    said = banso("load", "sfa", "--data", data, "--at", AT, "--json", language=language)
    assert said.code == FAULTS
    (row,) = json.loads(said.out)
    assert (row["read"], row["new"], row["refused"], row["unfinished"]) == (3, 3, 0, [["sfa.csv", 5]])


def test_the_cut_line_is_named(banso: Banso, data: Path, language: str) -> None:
    path = data / "sfa.csv"
    path.write_bytes(path.read_bytes()[:-20])
    said = banso("load", "sfa", "--data", data, "--at", AT, language=language)
    assert said.code == FAULTS
    assert said.err.startswith("sfa.csv:5: ")
    assert ("もう一度取り込んで" if language == "ja" else "Load again") in said.err


def test_a_file_that_was_cut_is_loaded_whole_when_it_is_complete(banso: Banso, data: Path) -> None:
    path = data / "sfa.csv"
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    banso("load", "sfa", "--data", data, "--at", AT)
    path.write_bytes(whole)
    said = banso("load", "sfa", "--data", data, "--at", AT, "--json")
    assert said.code == FINE
    assert [(row["read"], row["new"], row["repeated"]) for row in json.loads(said.out)] == [(4, 1, 3)]


def test_a_cut_gzip_gives_nothing(banso: Banso, space: Path, data: Path, language: str) -> None:
    change(space / "rules/sources/sfa.sql", "'sfa.csv'", "'sfa.csv.gz'")
    packed = gzip.compress(SFA.encode() * 50)
    (data / "sfa.csv.gz").write_bytes(packed[:-12])
    said = banso("load", "sfa", "--data", data, "--at", AT, language=language)
    assert said.code == FAULTS
    assert said.has_three_parts("E603", "sfa.csv.gz", language)
    assert {row["done_any"] for row in funnel(banso)} == {0}


def test_rows_that_cannot_be_read_are_kept_aside_and_the_others_loaded(banso: Banso, data: Path, language: str) -> None:
    change(data / "sfa.csv", "2026-03-03T10:00:00+09:00", "昨日")
    said = banso("load", "sfa", "--data", data, "--at", AT, language=language)
    assert said.code == FAULTS
    assert "banso ops status" in said.err
    assert "Traceback" not in said.err


# --- what is asked for --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "place"),
    [
        pytest.param(("explain", "c999999", "--at", AT), "E640", "c999999", id="explain of an unknown account"),
        pytest.param(("timeline", "c999999", "--at", AT), "E640", "c999999", id="timeline of an unknown account"),
        pytest.param(("facts", "c999999", "--at", AT), "E640", "c999999", id="facts of an unknown account"),
        pytest.param(("preview", "next-setting", "c999999", "--at", AT), "E640", "c999999", id="preview for an unknown account"),
        pytest.param(("preview", "next-seting", "c000001", "--at", AT), "E641", "next-seting", id="preview of an unknown rule"),
        pytest.param(("report", "funel", "--at", AT), "E642", "funel", id="unknown report"),
        pytest.param(("report", "funnel", "--segment", "new_customer", "--at", AT), "E643", "new_customer", id="unknown segment"),
        pytest.param(("report", "funnel", "--zone", "Asia/Tokio", "--at", AT), "E122", "--zone", id="unknown zone of a report"),
        pytest.param(("plan", "--at", "4月7日"), "E650", "--at", id="an instant in words"),
        pytest.param(("plan", "--at", "2026-02-30"), "E650", "--at", id="a day that does not exist"),
        pytest.param(("plan", "--at", "0001-01-01"), "E650", "--at", id="a day before all logs"),
        pytest.param(("plan", "--at", "9999-12-31"), "E650", "--at", id="a day after all plans"),
        pytest.param(("ops", "pause", "all", "--until", "soon", "--reason", "x"), "E650", "--until", id="an end in words"),
    ],
)
def test_what_does_not_exist_is_told(banso: Banso, loaded: Path, language: str, arguments: tuple[str, ...], code: str, place: str) -> None:
    said = banso(*arguments, language=language)
    assert said.code == FAULTS
    assert said.has_three_parts(code, place, language), said.err


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (("report", "funel"), "funnel"),
        (("preview", "next-seting", "c000001"), "next-setting"),
        (("report", "funnel", "--segment", "new_customer"), "new_customers"),
    ],
    ids=["report", "rule", "segment"],
)
def test_the_nearest_name_is_offered(banso: Banso, loaded: Path, arguments: tuple[str, ...], near: str) -> None:
    assert f"Did you mean `{near}`?" in banso(*arguments, "--at", AT).err


def test_lint_reads_the_tests_too(banso: Banso, loaded: Path, space: Path) -> None:
    tests = space / "rules" / "tests"
    tests.mkdir(exist_ok=True)
    (tests / "tabs.test.yaml").write_text("tests:\n\t- {name: one}\n", encoding="utf-8")
    said = banso("lint")
    assert (said.code, "rules/tests/tabs.test.yaml:2:1 E101" in said.err) == (FAULTS, True)


def test_no_tests_of_a_misspelt_rule_are_not_all_tests_passed(banso: Banso, loaded: Path) -> None:
    said = banso("test", "next-seting")
    assert (said.code, "Did you mean `next-setting`?" in said.err) == (FAULTS, True)


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        pytest.param(("plann",), "banso", id="unknown command"),
        pytest.param(("plan", "--when", "now"), "banso plan", id="unknown option"),
        pytest.param(("explain",), "banso explain", id="missing argument"),
        pytest.param(("report", "funnel", "--unit", "person"), "banso report", id="a unit that is none"),
        pytest.param(("load", "--url", "postgresql://x/y"), "banso load", id="a URL without its source"),
        pytest.param(("ops", "pause", "some", "--until", AT, "--reason", "x"), "banso ops pause", id="a scope that is none"),
        pytest.param(("ops", "pause", "all"), "banso ops pause", id="a pause without an end"),
    ],
)
def test_bad_usage_is_told_with_the_way_to_the_help(banso: Banso, language: str, arguments: tuple[str, ...], place: str) -> None:
    said = banso(*arguments, language=language)
    assert said.code == BAD_USAGE
    assert said.has_three_parts("E670", place, language), said.err
    assert "--help" in said.err


def test_a_language_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--lang", "fr", "lint"]) == BAD_USAGE
    assert "ja or en" in capsys.readouterr().err


def test_a_setting_of_the_environment_that_is_none(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("BANSO_WEB_PORT", "eighty")
    assert main(["lint"]) == FAULTS
    assert "BANSO_WEB_PORT E651" in capsys.readouterr().err


def test_a_folder_that_is_not_empty_is_not_overwritten(banso: Banso, tmp_path: Path, language: str) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("mine")
    said = banso("init", full, language=language)
    assert said.code == FAULTS
    assert said.has_three_parts("E660", str(full), language)
    assert [path.name for path in full.iterdir()] == ["mine.txt"]


# --- the last good state ------------------------------------------------------------------------------------------


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def misspell(space: Path, data: Path) -> None:
    """With a new row, as a file that did not change is not read again."""
    change(space / "rules/sources/sfa.sql", "AS account_id", "AS acount_id")
    (data / "sfa.csv").write_text(SFA + "s5,c000004,applied,,,2026-03-04T10:00:00+09:00\n", encoding="utf-8")


BREAKS: dict[str, Callable[[Path, Path], None]] = {
    "a rule file is broken": lambda space, _: change(space / "rules/push.yaml", "\n  readiness:", "\n\treadiness:"),
    "a template is broken": lambda space, _: change(space / "templates/mail/readiness/body.txt", "{% endif %}", ""),
    "a column is misspelt": misspell,
    "the SQL is cut": lambda space, _: cut(space / "rules/sources/sfa.sql"),
    "the CSV is cut": lambda _, data: cut(data / "sfa.csv"),
    "the file is gone": lambda _, data: (data / "sfa.csv").unlink(),
    "the file is no CSV": lambda _, data: (data / "sfa.csv").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4),
    "the heading is another": lambda _, data: change(data / "sfa.csv", "id,company", "id,firm"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_what_was_loaded_before_stays(banso: Banso, space: Path, tmp_path: Path, loaded: Path, name: str) -> None:
    before = funnel(banso)
    good = tmp_path / "good"
    shutil.copytree(space, good)
    BREAKS[name](space, loaded)
    said = banso("load", "sfa", "--data", loaded, "--at", AT)
    assert said.code == FAULTS
    assert said.err
    assert "Traceback" not in said.err
    shutil.rmtree(space)
    shutil.copytree(good, space)
    assert funnel(banso) == before
    (loaded / "sfa.csv").write_text(SFA, encoding="utf-8")
    assert banso("load", "sfa", "--data", loaded, "--at", AT).code == FINE
    assert funnel(banso) == before


# --- two whole answers, for people to read ------------------------------------------------------------------------


def test_a_workspace_with_several_mistakes_in_full(banso: Banso, space: Path, language: str, golden: Callable[[str, str], None]) -> None:
    change(space / "rules/push.yaml", "{stalled_days: {between: [2, 40]}}", "{stalled_day: {between: [2, 40]}}")
    change(space / "rules/push.yaml", "title: アカウント発行", "titel: アカウント発行")
    change(space / "rules/facts.yaml", "setting_error, within_days: 7", "setting_error, within_days: 0")
    change(space / "rules/order.yaml", "- keep-in-touch", "- keep_in_touch")
    change(space / "templates/mail/readiness/body.txt", "{{ guidance_start }}", "{{ guidance_strt }}")
    said = banso("lint", language=language)
    assert said.code == FAULTS
    golden(f"lint-faults.{language}.txt", f"{said.err}{said.out}")


def test_a_load_with_a_cut_line_and_a_refused_row_in_full(banso: Banso, data: Path, language: str, golden: Callable[[str, str], None]) -> None:
    change(data / "sfa.csv", "2026-03-03T10:00:00+09:00", "昨日")
    cut(data / "sfa.csv")
    said = banso("load", "sfa", "product", "--data", data, "--at", AT, language=language)
    assert said.code == FAULTS
    golden(f"load-faults.{language}.txt", re.sub(r"\d+\.\d(?= │)", "0.0", f"{said.err}{said.out}"))
