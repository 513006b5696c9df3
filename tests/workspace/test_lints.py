"""Each warning: what earns it, where it stands, and what takes it away. Warnings never refuse."""

import shutil
from pathlib import Path

import pytest

from engine.channels import CHANNELS
from engine.errors import Fault
from engine.messages import LANGUAGES, Language, say_fault
from engine.workspace.lints import LINTS
from engine.workspace.load import load_workspace

SPACE = Path(__file__).parent / "space"
PUSH, PULL, HUMAN, FACTS, ROUTE, SETTINGS = (f"rules/{name}.yaml" for name in ("push", "pull", "human", "facts", "route", "workspace"))
READINESS, FLOW = "templates/mail/readiness/body.txt", "templates/mail/flow/body.txt"
Change = tuple[str, str, str]

UNLESS = "unless: [{timing: later}, {open_cases: {at_least: 1}}]\n    do: {send: mail, from: cs-desk, template: mail/readiness"
CASES = "        initial_settings: mail/initial-settings\n        briefing_guided: mail/start-briefing\n        briefing_evaluated: mail/evaluation"
ONE_CASE = "        initial_settings: mail/evaluation\n        briefing_guided: mail/evaluation\n        briefing_evaluated: mail/evaluation"

EARNED: dict[str, tuple[list[Change], str]] = {
    "W206 a blank of a fact nobody asks for": ([(READINESS, "以前", "{{ recruit_kind }}以前")], f"W206 {READINESS}:1:4"),
    "W206 a blank that only another branch vouches for": (
        [(READINESS, "以前", "{% if recruit_kind is defined %}x{% else %}{{ recruit_kind }}{% endif %}以前")],
        f"W206 {READINESS}:1:47",
    ),
    "W403 a later step done while an earlier is next": (
        [(PUSH, "when: [{next_step: first_login},", "when: [{next_step: first_login}, {done: {includes: flow_designed}},")],
        f"W403 {PUSH}:7:45",
    ),
    "W404 a rule for everyone without a test": ([(SETTINGS, "approvers: [sato, tanaka]", "approvers: []")], f"W404 {PUSH}:4:3"),
    "W501 a mail on a step for people": ([(PUSH, "next_step: {in: [initial_settings,", "next_step: {in: [interview_guided,"), (PUSH, "        initial_settings: mail/initial-settings\n", "")], f"W501 {PUSH}:30:26"),
    "W502 everybody is no audience": ([(PUSH, "who: 発行のメールが埋もれてしまった担当者", "who: 全顧客")], f"W502 {PUSH}:6:16"),
    "W502 a new feature is no benefit": ([(PUSH, "benefit: 探し直さずにその場でログインできる", "benefit: 新機能の紹介")], f"W502 {PUSH}:6:45"),
    "W503 a call that nothing asks for": ([(HUMAN, "when: [{next_step: interview_guided},", "when: [{next_step: first_login},")], f"W503 {HUMAN}:7:9"),
    "W504 one wording for three steps": ([(PUSH, CASES, ONE_CASE)], f"W504 {PUSH}:25:9"),
    "W505 a step no rule covers": ([(PUSH, "when: [{next_step: first_login},", "when: [{next_step: complete},")], f"W505 {ROUTE}:7:3"),
    "W506 an unless on what nobody may have told": ([(PUSH, UNLESS, UNLESS.replace("{timing: later}", "{contract: trial}"))], f"W506 {PUSH}:39:15"),
    "W507 skill without branches": ([(PUSH, "by: main_will\n        briefing: mail/flow-briefing\n        auto_schedule: mail/flow-auto-schedule\n", "by: main_will\n")], f"W507 {PUSH}:59:7"),
    "W509 an event with a letter too few": ([(FACTS, "active_days: product.login", "active_days: product.logn")], f"W509 {FACTS}:11:21"),
    "W510 a letter that nobody wrote": ([(READINESS, "以前", "ここに、いまこのご案内が役立つ理由を1文で書きます。以前")], f"W510 {READINESS}"),
    "W511 a rule that nobody wrote": ([(PUSH, "who: 発行のメールが埋もれてしまった担当者", "who: どこで困っている誰か")], f"W511 {PUSH}:6:16"),
    "W508 a step left to people alone": ([(HUMAN, "when: [{next_step: interview_guided},", "when: [{next_step: interview_held},")], f"W508 {ROUTE}:19:3"),
}  # fmt: skip

TAKEN_AWAY: dict[str, tuple[str, list[Change]]] = {
    "a letter that is written": ("W510 a letter that nobody wrote", [(READINESS, "ここに、いまこのご案内が役立つ理由を1文で書きます。", "")]),
    "who is stuck": ("W511 a rule that nobody wrote", [(PUSH, "who: どこで困っている誰か", "who: 困っている担当者")]),
    "a default": ("W206 a blank of a fact nobody asks for", [(READINESS, "{{ recruit_kind }}", '{{ recruit_kind | default("貴社") }}')]),
    "a test of the value": (
        "W206 a blank of a fact nobody asks for",
        [(READINESS, "{{ recruit_kind }}", "{% if recruit_kind is defined %}{{ recruit_kind }}{% endif %}")],
    ),
    "known in when": ("W206 a blank of a fact nobody asks for", [(PUSH, "{done: {excludes: flow_designed}}]", "{recruit_kind: {known: true}}]")]),
    "the earlier step": ("W403 a later step done while an earlier is next", [(PUSH, "includes: flow_designed", "includes: account_issued")]),
    "a reason for a mail": ("W501 a mail on a step for people", [(PUSH, "    goal: step_forward\n    again: {after_days: 7, at_most: 2, per: next_step}\n\n  readiness", "    human_ok: 文面で足りる\n    goal: step_forward\n    again: {after_days: 7, at_most: 2, per: next_step}\n\n  readiness")]),
    "a reason for a call": ("W503 a call that nothing asks for", [(HUMAN, "do: {task: call,", "do: {task: call, because: persuasion,")]),
    "known asked before": ("W506 an unless on what nobody may have told", [(PUSH, "{done: {excludes: flow_designed}}]", "{contract: {known: true}}]")]),
}  # fmt: skip


def warnings_of(root: Path, changes: list[Change]) -> list[Fault]:
    for file, old, new in changes:
        text = (root / file).read_text(encoding="utf-8")
        assert old in text, old
        (root / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    return list(load_workspace(root, frozenset(CHANNELS)).warnings)


def shown(faults: list[Fault]) -> list[str]:
    return [f"{fault.code} {fault.place}" for fault in faults]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SPACE, tmp_path / "space"))


@pytest.fixture(scope="module")
def before() -> list[str]:
    return shown(list(load_workspace(SPACE, frozenset(CHANNELS)).warnings))


@pytest.mark.parametrize("name", EARNED)
def test_a_warning_is_earned_where_it_stands(copy: Path, before: list[str], name: str) -> None:
    changes, earned = EARNED[name]
    assert earned not in before
    assert earned in shown(warnings_of(copy, changes))


@pytest.mark.parametrize("name", TAKEN_AWAY)
def test_what_the_warning_advises_takes_it_away(copy: Path, before: list[str], name: str) -> None:
    earned, changes = TAKEN_AWAY[name]
    code = earned.split()[0]
    after = shown(warnings_of(copy, [*EARNED[earned][0], *changes]))
    assert [each for each in after if each.startswith(code)] == [each for each in before if each.startswith(code)]


def test_every_lint_is_earned_by_some_example() -> None:
    assert {name.split()[0] for name in EARNED} | {"W512"} == set(LINTS), "W512 is earned where there are articles: test_articles.py"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_warning_is_told_in_full(copy: Path, language: Language) -> None:
    for name, (changes, _) in EARNED.items():
        shutil.rmtree(copy)
        shutil.copytree(SPACE, copy)
        for fault in warnings_of(copy, changes):
            assert not fault.refuses
            assert "–" not in "".join(say_fault(language, fault.code, fault.values)), name
