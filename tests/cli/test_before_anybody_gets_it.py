"""What a designer sees before anybody gets anything: the letter and whether it would go, what a stage asks, and the plan of a night."""

import io
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.cli.app import INTERRUPTED, main
from engine.ledger import approvals
from tests.builders import AZURE, a_stalled_customer, flat
from tests.inbox import Inbox
from tests.story import SPACE, Story

FINE, FAULTS, SOMETHING_TO_DO = 0, 1, 2
NIGHT, NEXT_NIGHT = "2026-04-07T02:00", "2026-04-08T02:00"
ENGLISH = re.compile(r"\b(sent|file|under way|not sendable|not approved|no address|try|after|until|at_most)\b")
Banso = Callable[..., tuple[int, str]]


@pytest.fixture
def story(tmp_path: Path) -> Story:
    """A workspace of its own, and one company that stalled."""
    space = tmp_path / "space"
    for folder in ("rules", "templates"):
        shutil.copytree(SPACE / folder, space / folder)
    story = Story(tmp_path, workspace=space)
    story.given(flat([a_stalled_customer()]))
    story.heard("2026-04-07 02:00")
    return story


@pytest.fixture
def banso(story: Story, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Banso:
    monkeypatch.delenv("BANSO_SMTP_URL", raising=False)

    def run(*words: str, language: str = "ja") -> tuple[int, str]:
        code = main(["-w", str(story.config.workspace), "--state", str(story.config.state_folder), "--lang", language, *words])
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return run


def change(story: Story, file: str, old: str, new: str) -> None:
    path = story.config.workspace / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


# --- the letter ---------------------------------------------------------------------------------------------------------


def test_a_preview_says_that_the_account_would_get_it(banso: Banso) -> None:
    code, told = banso("preview", "next-setting", AZURE, "--at", NIGHT)
    assert code == FINE
    assert told.splitlines()[-1] == "この会社には 2026-04-07 02:00 の時点で実際に届きます。"


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        pytest.param("first-login", "条件に合いません {next_step: first_login}", id="a condition that is false"),
        pytest.param("readiness", "不明な値があるため動きません {days_to_guidance:", id="a value nobody knows"),
    ],
)
def test_a_preview_says_why_the_account_would_not_get_it(banso: Banso, rule: str, why: str) -> None:
    _, told = banso("preview", rule, AZURE, "--at", NIGHT)
    line = told.splitlines()[-1]
    assert line.startswith(f"この会社には 2026-04-07 02:00 の時点では届きません: {why}")


def test_a_gate_is_told_in_the_language_of_its_reader(story: Story, banso: Banso) -> None:
    story.nightly("2026-04-07 02:00")
    for words in (("preview", "next-setting", AZURE, "--at", NEXT_NIGHT), ("explain", AZURE, "--at", NEXT_NIGHT)):
        _, told = banso(*words)
        assert "すでに送っていて、次にはまだ早い [次は 2026-04-14 から]" in told
        assert "not before 2026-04-14" in banso(*words, language="en")[1]


@pytest.mark.parametrize("words", [("preview", "welcome-back", AZURE), ("new", "test", "welcome-back", "--from", AZURE)], ids=lambda words: words[0])
def test_a_rule_may_be_newer_than_the_night_it_is_looked_at_in(story: Story, banso: Banso, words: tuple[str, ...]) -> None:
    story.nightly("2026-04-07 02:00")
    assert banso("new", "rule", "welcome-back", "--like", "next-setting")[0] == FINE
    code, told = banso(*words, "--at", NIGHT)
    assert code == FINE
    if words[0] == "preview":
        assert "届きません: この段階では届かない [plan は数えるだけ]" in told


def test_a_letter_to_oneself_without_a_mail_server_says_where_it_is(story: Story, banso: Banso) -> None:
    code, told = banso("send-test", "next-setting", AZURE, "--to", "me@example.jp", "--at", NIGHT)
    [letter] = (story.config.state_folder / "outbox").glob("*.eml")
    assert code == FINE
    assert str(letter) in told
    assert not ENGLISH.search(told.replace(str(letter), ""))
    assert told.splitlines()[-1] == "この会社には 2026-04-07 02:00 の時点で実際に届きます。"


def test_a_letter_to_oneself_tells_what_the_server_said(banso: Banso, inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANSO_SMTP_URL", inbox.url)
    monkeypatch.setenv("BANSO_DELIVERY", "production")
    code, told = banso("send-test", "first-login", AZURE, "--to", "me@example.jp", "--at", NIGHT)
    assert code == FINE
    assert told.startswith("me@example.jp に送りました。サーバーの答え: 250")
    assert "届きません: 条件に合いません" in told.splitlines()[-1]
    assert len(inbox.mails) == 1


# --- a letter that is not written yet ------------------------------------------------------------------------------------


def a_rule_with_a_new_letter(story: Story, banso: Banso) -> None:
    assert banso("new", "mail", "welcome-back")[0] == FINE
    assert banso("new", "rule", "welcome-back")[0] == FINE
    change(story, "rules/push.yaml", "  welcome-back:", "  welcome-back:\n    try: {sample: 3}")


def test_a_new_letter_is_told_to_be_unwritten(story: Story, banso: Banso) -> None:
    a_rule_with_a_new_letter(story, banso)
    code, told = banso("lint", "--json")
    found = [each["file"] for each in json.loads(told)["faults"] if each["code"] == "W510"]
    assert (code, found) == (FINE, [f"templates/mail/welcome-back/{part}" for part in ("body.mjml", "body.txt", "subject.txt")])


@pytest.mark.parametrize("stage", ["try", "share"])
def test_a_rule_does_not_climb_with_an_unwritten_letter(story: Story, banso: Banso, stage: str) -> None:
    a_rule_with_a_new_letter(story, banso)
    code, told = banso("stage", "welcome-back", stage, "--at", NIGHT)
    assert code == FAULTS
    assert re.search(r"✗ 文面が書き上がっている.*body\.txt", told)


def test_a_rule_climbs_once_its_letter_is_written(story: Story, banso: Banso) -> None:
    a_rule_with_a_new_letter(story, banso)
    for part in ("body.txt", "body.mjml"):
        change(story, f"templates/mail/welcome-back/{part}", "ここに、いまこのご案内が役立つ理由を1文で書きます。", "続きは10分で終わります。")
    assert "W510" in banso("lint")[1], "its subject is not written yet"
    change(story, "templates/mail/welcome-back/subject.txt", "ここに件名を書きます", "採用の準備の続き")
    assert "W510" not in banso("lint")[1]
    assert banso("stage", "welcome-back", "try")[0] == FINE


# --- share --------------------------------------------------------------------------------------------------------------


REFLECTED = "    reflect: {result: 再開は20%, learned: すぐ開くと再開が多い}\n"


@pytest.fixture
def ready(story: Story) -> Story:
    """A rule that lacks only the typed number, and a test of another rule that does not come true."""
    change(story, "rules/push.yaml", "    title: 同じ工程に", f"    stage: plan\n{REFLECTED}    title: 同じ工程に")
    tests = story.config.workspace / "rules" / "tests"
    tests.mkdir(exist_ok=True)
    given = "[2026-03-24 10:00 sfa.applied, 2026-03-24 11:00 product.account_issued, 2026-03-24 12:00 product.login]"
    right = f"tests:\n  - name: 届く\n    account: {{id: c1}}\n    given: {given}\n    expect: [{{at: 2026-04-07 02:00, decides: next-setting}}]\n"
    (tests / "next-setting.test.yaml").write_text(right, encoding="utf-8")
    wrong = right.replace("next-setting", "first-login").replace("届く", "合わない")
    (tests / "first-login.test.yaml").write_text(wrong, encoding="utf-8")
    return story


def test_share_counts_the_accounts_of_the_instant_asked_for(ready: Story, banso: Banso) -> None:
    refused = banso("stage", "next-setting", "share", "--as", "kato", "--at", NIGHT, "--count", "7")
    assert refused[0] == FAULTS
    assert "届くのは 1 社、入力は 7 社" in refused[1]
    assert banso("stage", "next-setting", "share", "--as", "kato", "--at", NIGHT, "--count", "1")[0] == FINE


def test_who_breaks_off_where_a_number_is_asked_for_is_told_so(ready: Story, banso: Banso, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    code, said = banso("stage", "next-setting", "share", "--as", "kato", "--at", NIGHT)
    assert (code, "中断しました" in said) == (INTERRUPTED, True)
    with ready.system.ledger.read() as connection:
        assert approvals.approved(connection) == set()


def test_share_asks_for_the_tests_of_the_rule_and_for_no_others(ready: Story, banso: Banso) -> None:
    assert banso("test")[0] == FAULTS
    told = json.loads(banso("stage", "next-setting", "share", "--as", "kato", "--at", NIGHT, "--count", "1", "--json")[1])
    names = [each["name"] for each in told["needs"]]
    assert told["done"]
    assert names[-2:] == ["test", "tests_pass"], "what takes its time comes last"


# --- the plan -----------------------------------------------------------------------------------------------------------


def test_a_plan_shows_apart_what_the_stage_alone_keeps_back(story: Story, banso: Banso) -> None:
    change(story, "rules/push.yaml", "    title: 同じ工程に", "    stage: plan\n    title: 同じ工程に")
    told = json.loads(banso("plan", "--at", NIGHT, "--json")[1])
    (rule,) = (each for each in told["rules"] if each["rule_id"] == "next-setting")
    assert (rule["matched"], rule["gated"], rule["staged"], rule["reason"]) == (1, 1, 1, None)
    assert "段階のため届けないもの: 1 件" in banso("plan", "--at", NIGHT)[1]


@pytest.mark.parametrize("columns", [80, 140])
def test_a_plan_shows_every_reason_in_one_piece(story: Story, banso: Banso, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setattr("engine.cli.door.out._width", columns)
    story.nightly("2026-04-07 02:00")
    _, told = banso("plan", "--at", NEXT_NIGHT)
    assert "すでに送っていて、次にはまだ早い (1)" in told
    assert "next-setting" in told
    assert "…" not in told


# --- the nights of the past ---------------------------------------------------------------------------------------------


@pytest.fixture
def many(story: Story) -> Story:
    """23 more companies; all logged in only the other day, so that nothing is for them yet."""
    story.given(flat([a_stalled_customer(f"new-{number:02}", since="2026-04-06 10:00") for number in range(23)]))
    return story


def test_a_backtest_says_how_its_first_night_differs_and_whom_it_never_reached(many: Story, banso: Banso) -> None:
    span = ("backtest", "--from", "2026-04-07", "--to", "2026-04-09")
    told = banso(*span)[1].splitlines()
    first = (
        "それまでに何も送っていないものとして始めるため、最初の夜(2026-04-07)は当てはまる会社に一斉に届きます(1 件)。その後の夜は 0 件(中央値)です。"
    )
    assert any(line.startswith(first) for line in told)
    (named,) = (line for line in told if line.startswith("一度も届かない会社: new-00, new-01, "))
    assert named.endswith(", new-19 … ほか 3 社(全部は --json で)")
    assert "… and 3 more (all of them: --json)" in banso(*span, language="en")[1]
    plain = json.loads(banso(*span, "--json")[1])
    assert plain["first_night"] == {"date": "2026-04-07", "touches": 1, "usual": 0}
    assert plain["never_reached_accounts"] == [f"new-{number:02}" for number in range(23)]
    assert plain["never_reached"] == 23
