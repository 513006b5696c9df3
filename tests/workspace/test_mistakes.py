"""The 25 mistakes that designers are known to make: as typed, where it is told, what was meant, and the advice in both languages."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.channels import CHANNELS
from engine.errors import BansoError, Fault
from engine.messages import LANGUAGES, Language, say_fault
from engine.workspace.load import load_workspace

SPACE = Path(__file__).parent / "space"
PUSH, HUMAN, FACTS, ROUTE, ORDER, SETTINGS = (f"rules/{name}.yaml" for name in ("push", "human", "facts", "route", "order", "workspace"))
GOAL = "    goal: step_forward\n    again: {at_most: 1"
BODY = "templates/mail/readiness/body.txt"


@dataclass(frozen=True)
class Typed:
    """`typed` stands where `meant` stood; `told`: code and place; `near`: what is offered; `ja`, `en`: words of the advice."""

    file: str
    meant: str
    typed: str
    told: str
    near: str | None
    ja: str
    en: str


MISTAKES = {
    "E101 tab": Typed(PUSH, GOAL, GOAL.replace("    goal", "\tgoal"), "E101 {}:41:1", None, "半角スペース", "spaces only"),
    "E102 full-width colon": Typed(PUSH, "title: 同じ", "title：同じ", "E102 {}:14:10", "title: 同じ工程に5営業日いるお客様へ「次にやること」を1つだけ案内", "全角の「：」", "full-width colon"),
    "E102 full-width colon inside braces": Typed(PUSH, "{send: mail, from: cs-desk, template: mail/readiness", "{send：mail, from: cs-desk, template: mail/readiness", "E102 {}:40:14", "send: mail", "半角の「: 」", "half-width"),
    "E103 no space after the colon": Typed(PUSH, "stage: plan", "stage:plan", "E103 {}:105:5", "stage: plan", "「:」の後に半角スペース", 'no space after ":"'),
    "E104 twice": Typed(PUSH, GOAL, GOAL.replace("    again", "    goal: talked\n    again"), "E104 {}:42:5", None, "1回目は rules/push.yaml:41", "first: rules/push.yaml:41"),
    "E105 unknown key": Typed(PUSH, "lead_to: {article", "lead-to: {article", "E105 {}:40:63", "lead_to", "`lead-to` という項目はありません", "Allowed here: "),
    "E106 no goal": Typed(HUMAN, "    goal: talked\n", "", "E106 {}:3:3", None, "成果", "credited"),
    "E107 more than": Typed(PUSH, "{errors_7: {at_least: 3}}", "{errors_7: {more_than: 5}}", "E107 {}:47:24", "at_least: 6", "「5日以上」は `at_least: 5`", "`at_least` includes the number itself"),
    "E201 unknown fact": Typed(PUSH, "{stalled_days: {between: [2, 40]}}", "{stalled_day: {between: [2, 40]}}", "E201 {}:7:39", "stalled_days", "`stalled_days`(設定が進んでいない日数)ではありませんか", "banso facts"),
    "E202 unknown step": Typed(PUSH, "{in: [initial_settings,", "{in: [initial_setting,", "E202 {}:17:27", "initial_settings", "`initial_settings`(初期設定, rules/route.yaml:8:3)ではありませんか", "(初期設定, rules/route.yaml:8:3)"),
    "E203 unknown value": Typed(FACTS, "{recruit_kind: new_grad}], then", "{recruit_kind: newgrad}], then", "E203 {}:24:32", "new_grad", "誰にも当てはまりません", "can never apply"),
    "E204 unknown template": Typed(PUSH, "mail/readiness,", "mail/readines,", "E204 {}:40:47", "mail/readiness", "テンプレート `mail/readines` がありません", "Unknown template"),
    "E205 unknown value in a text": Typed(BODY, "{{ guidance_start }}", "{{ guidence_start }}", "E205 {}:1:55", "guidance_start", "空欄のあるメールは送られません", "empty blank is never sent"),
    "E206 a value that can be missing": Typed(BODY, "以前", "{{ recruit_kind }}の採用では以前", "W206 {}:1:4", None, '| default("貴社")', "{known: true}"),
    "E301 a number with its unit": Typed(PUSH, "{stalled_days: {at_least: 2}}", "{stalled_days: {at_least: 5日}}", "E301 {}:47:65", "at_least: 5", "単位は値の定義で決まります", "without a unit"),
    "E301 full-width digits": Typed(PUSH, "{stalled_days: {at_least: 2}}", "{stalled_days: {at_least: ５}}", "E301 {}:47:65", "at_least: 5", "全角の数字", "Full-width digits"),
    "E302 range the wrong way": Typed(PUSH, "[3, 20]", "[20, 3]", "E302 {}:38:41", None, "`[3, 20]` ではありませんか? 両端を含みます", "Write `[3, 20]`. Both ends are included"),
    "E303 a date compared": Typed(PUSH, "{days_to_guidance: {between: [3, 20]}}", "{guidance_start: {at_most: 2026-04-01}}", "E303 {}:38:30", "days_to_guidance", "`days_to_guidance`(案内開始までの営業日数)ではありませんか", "at_most: 7"),
    "E304 a window of no day": Typed(FACTS, "product.setting_error, within_days: 7", "product.setting_error, within_days: 0", "E304 {}:12:90", "within_days: 1", "今日を1日目", "Today is day 1"),
    "E305 again inside the window": Typed(PUSH, "after_days: 14", "after_days: 2", "E305 {}:51:25", None, "3 以上にしてください", "Use 3 or more"),
    "E306 percents": Typed(HUMAN, "percent: 50, template: mail/evaluation", "percent: 40, template: mail/evaluation", "E315 {}:23:17", None, "合計が 90%", "add up to 90"),
    "E401 not in the order": Typed(PUSH, "\n  next-setting:", "\n  next-settings:", "E401 {}:13:3", "next-setting", "(rules/order.yaml:9:7)ではありませんか", "renamed"),
    "E402 the route goes round": Typed(ROUTE, "after: [initial_settings]", "after: [interview_guided]", "E402 {}:9:52", None, "flow_designed → interview_guided → flow_designed", "flow_designed → interview_guided → flow_designed"),
    "E403 done before it is next": Typed(PUSH, "when: [{next_step: first_login},", "when: [{next_step: first_login}, {done: {includes: initial_settings}},", "W403 {}:7:45", None, "どちらかの条件を消してください", "Drop one"),
    "E404 shared without a test": Typed(SETTINGS, "approvers: [sato, tanaka]", "approvers: []", "W404 rules/human.yaml:3:3", None, "テストがありません", "no test"),
    "W501 a mail on a step for people": Typed(PUSH, "    when: [{next_step: flow_designed}", "    when: [{next_step: interview_guided}", "W501 {}:67:26", None, "human_ok: 理由", "human_ok: REASON"),
    "W502 everybody, and new features": Typed(PUSH, "who: しばらく会話のない利用中の担当者", "who: 全顧客", "W502 {}:104:16", None, "誰が何に困り", "who is stuck"),
}  # fmt: skip


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SPACE, tmp_path / "space"))


def told_of(root: Path, mistake: Typed) -> list[Fault]:
    """The faults, or where there are none the warnings that the space does not have without the mistake."""
    before = {(fault.code, fault.place) for fault in load_workspace(root, frozenset(CHANNELS)).warnings}
    path = root / mistake.file
    text = path.read_text(encoding="utf-8")
    assert mistake.meant in text
    path.write_text(text.replace(mistake.meant, mistake.typed, 1), encoding="utf-8")
    try:
        found = load_workspace(root, frozenset(CHANNELS)).warnings
    except BansoError as error:
        found = error.faults
    return [fault for fault in found if (fault.code, fault.place) not in before]


@pytest.mark.parametrize("name", MISTAKES)
def test_a_known_mistake_is_told_where_it_stands_with_what_was_meant(copy: Path, name: str) -> None:
    mistake = MISTAKES[name]
    fault = told_of(copy, mistake)[0]
    assert f"{fault.code} {fault.place}" == mistake.told.format(mistake.file)
    assert fault.values.get("near") == mistake.near
    for language in LANGUAGES:
        assert advised(language, fault, mistake)


def advised(language: Language, fault: Fault, mistake: Typed) -> bool:
    sentences = " ".join(say_fault(language, fault.code, fault.values))
    assert (mistake.ja if language == "ja" else mistake.en) in sentences, sentences
    return mistake.near is None or mistake.near in sentences


@pytest.mark.parametrize("name", [name for name in MISTAKES if name.startswith("E") and name != "E404 shared without a test"])
def test_one_mistake_is_one_fault(copy: Path, name: str) -> None:
    assert len({fault.place for fault in told_of(copy, MISTAKES[name]) if fault.refuses or fault.code != "W505"}) == 1


def test_there_are_25_of_them_and_more() -> None:
    assert len(MISTAKES) >= 25
