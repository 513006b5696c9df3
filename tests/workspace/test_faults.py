"""Single mistakes in a whole workspace, each with the code, the place and the nearest name it must earn."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.channels import CHANNELS
from engine.errors import BansoError, Fault
from engine.messages import LANGUAGES, say_fault
from engine.workspace.load import load_workspace

ROOT = Path(__file__).parent / "space"  # a whole workspace that changes only with these tests


@dataclass(frozen=True)
class Mistake:
    """`typed` stands in `file` where `meant` stood, for the first time after `after`."""

    file: str
    meant: str
    typed: str
    after: str = ""


PUSH, FACTS, ROUTE, GOALS, ORDER, SPACE = (f"rules/{name}.yaml" for name in ("push", "facts", "route", "goals", "order", "workspace"))
READINESS = "templates/mail/readiness/body.txt"


def in_rule(rule: str, meant: str, typed: str) -> Mistake:
    return Mistake(PUSH, meant, typed, after=f"\n  {rule}:")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for folder in ("rules", "templates"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def make(root: Path, mistake: Mistake) -> tuple[int, int]:
    """Line and column where the mistake begins."""
    path = root / mistake.file
    text = path.read_text(encoding="utf-8")
    start = text.index(mistake.meant, text.index(mistake.after))
    path.write_text(text[:start] + mistake.typed + text[start + len(mistake.meant) :], encoding="utf-8")
    return text[:start].count("\n") + 1, start - text.rfind("\n", 0, start)


def faults_of(root: Path) -> tuple[Fault, ...]:
    with pytest.raises(BansoError) as caught:
        load_workspace(root, frozenset(CHANNELS))
    return caught.value.faults


def shown(fault: Fault) -> str:
    return f"{fault.code} {fault.place}"


SINGLE = [
    # the form of the file
    ("tab", in_rule("next-setting", "    title", "\ttitle"), "E101 rules/push.yaml:14:1", None),
    ("full-width colon", in_rule("next-setting", "title: 同じ", "title：同じ"), "E102 rules/push.yaml:14:10", "title: 同じ工程に5営業日いるお客様へ「次にやること」を1つだけ案内"),
    ("no space after the colon", in_rule("keep-in-touch", "stage: plan", "stage:plan"), "E103 rules/push.yaml:105:5", "stage: plan"),
    ("key twice", in_rule("next-setting", "    why:", "    title: x\n    why:"), "E104 rules/push.yaml:15:5", None),
    ("rule twice", Mistake(PUSH, "  keep-in-touch:\n", "  first-login: {}\n  keep-in-touch:\n"), "E104 rules/push.yaml:102:3", None),
    ("section in two files", Mistake(GOALS, "goals:", "order: {push: []}\ngoals:"), "E104 rules/order.yaml:1:1", None),
    ("anchor", in_rule("readiness", "when: [", "when: &w ["), "E115 rules/push.yaml:38:11", None),
    ("tag", in_rule("readiness", "goal: step_forward", "goal: !str step_forward"), "E116 rules/push.yaml:41:11", None),
    # keys
    ("unknown key", in_rule("first-login", "lead_to", "lead-to"), "E105 rules/push.yaml:9:65", "lead_to"),
    ("unknown key in a rule", in_rule("first-login", "unless:", "unles:"), "E105 rules/push.yaml:8:5", "unless"),
    ("unknown section", Mistake(GOALS, "segments:", "segment:"), "E105 rules/goals.yaml:1:1", "segments"),
    ("unknown setting", Mistake(SPACE, "quiet_hours:", "quiet_hour:"), "E105 rules/workspace.yaml:6:1", "quiet_hours"),
    ("no goal", in_rule("first-login", "    goal: step_forward\n", ""), "E106 rules/push.yaml:4:3", None),
    ("no label", Mistake(FACTS, "label: 7日間の設定エラー,", ""), "E106 rules/facts.yaml:12:3", None),
    ("no time zone", Mistake(SPACE, "timezone:", "# timezone:"), "E106 rules/workspace.yaml", None),
    ("a fact without its how", Mistake(FACTS, "active_days:", "activ_days:"), "E120 rules/facts.yaml:11:3", "active_days"),
    ("unknown section that resembles none", Mistake(ORDER, "order:", "順番:"), "E105 rules/order.yaml:1:1", None),
    # conditions
    ("unknown fact", in_rule("first-login", "stalled_days", "stalled_day"), "E201 rules/push.yaml:7:39", "stalled_days"),
    ("unknown fact in a table", Mistake(FACTS, "{recruit_kind: new_grad}], then", "{recruit_kid: new_grad}], then"), "E201 rules/facts.yaml:24:18", "recruit_kind"),
    ("unknown fact of days_until", Mistake(FACTS, "days_until: guidance_start", "days_until: guidance_begin"), "E201 rules/facts.yaml:9:56", "guidance_start"),
    ("unknown comparison", in_rule("readiness", "between:", "more_than:"), "E107 rules/push.yaml:38:32", None),
    ("comparison of another kind", in_rule("first-login", "{timing: later}", "{timing: {at_least: 1}}"), "E107 rules/push.yaml:8:24", None),
    ("two facts in one condition", in_rule("support-guide", "}}, {stalled_days", "}, stalled_days"), "E108 rules/push.yaml:47:12", None),
    ("two comparisons in one condition", in_rule("support-guide", "{at_least: 3}", "{at_least: 3, at_most: 9}"), "E109 rules/push.yaml:47:23", None),
    ("empty any", in_rule("next-setting", "{any: [{next_step: {is_not: briefing_guided}}, {timing: now}]}", "{any: []}"), "E110 rules/push.yaml:19:15", None),
    ("empty when", in_rule("support-guide", "[{errors_7: {at_least: 3}}, {stalled_days: {at_least: 2}}]", "[]"), "E110 rules/push.yaml:47:11", None),
    ("unknown step", in_rule("first-login", "next_step: first_login", "next_step: first_logon"), "E202 rules/push.yaml:7:24", "first_login"),
    ("unknown step in a list", in_rule("next-setting", "briefing_evaluated,", "briefing_valued,"), "E202 rules/push.yaml:17:62", "briefing_evaluated"),
    ("unknown step done", in_rule("readiness", "excludes: flow_designed", "excludes: flow_design"), "E202 rules/push.yaml:38:70", "flow_designed"),
    ("unknown value", Mistake(FACTS, "recruit_kind: new_grad}], then", "recruit_kind: newgrad}], then"), "E203 rules/facts.yaml:24:32", "new_grad"),
    ("unknown segment", in_rule("restart-by-will", "segment: back_to_old", "segment: back_to_new"), "E206 rules/push.yaml:87:22", "back_to_old"),
    ("a number with its unit", in_rule("support-guide", "stalled_days: {at_least: 2}", "stalled_days: {at_least: 2日}"), "E301 rules/push.yaml:47:65", "at_least: 2"),
    ("a full-width digit", in_rule("support-guide", "stalled_days: {at_least: 2}", "stalled_days: {at_least: ２}"), "E301 rules/push.yaml:47:65", "at_least: 2"),
    ("range the wrong way", in_rule("readiness", "[3, 20]", "[20, 3]"), "E302 rules/push.yaml:38:41", None),
    ("range with one end", in_rule("readiness", "[3, 20]", "[3]"), "E307 rules/push.yaml:38:41", None),
    ("a date compared", in_rule("readiness", "days_to_guidance: {between: [3, 20]}", "guidance_start: {at_most: 2026-04-01}"), "E303 rules/push.yaml:38:30", "days_to_guidance"),
    ("known needs true or false", in_rule("readiness", "days_to_guidance: {between: [3, 20]}", "guidance_start: {known: yes}"), "E308 rules/push.yaml:38:37", None),
    # names across files
    ("unknown template", in_rule("readiness", "mail/readiness", "mail/readines"), "E204 rules/push.yaml:40:47", "mail/readiness"),
    ("unknown template in a case", in_rule("flow-by-will", "briefing: mail/flow-briefing", "briefing: mail/flow-breefing"), "E204 rules/push.yaml:63:19", "mail/flow-briefing"),
    ("unknown case", in_rule("flow-by-will", "briefing: mail/flow-briefing", "briefings: mail/flow-briefing"), "E203 rules/push.yaml:63:20", "briefing"),
    ("no else among the cases", in_rule("flow-by-will", "        else: mail/flow\n", ""), "E106 rules/push.yaml:62:9", None),
    ("unknown goal", in_rule("readiness", "goal: step_forward", "goal: step_foward"), "E204 rules/push.yaml:41:11", "step_forward"),
    ("hours that end before they begin", Mistake(SPACE, "deliver_within: 1m,", 'deliver_within: 1m, send_between: {from: "11:30", to: "10:00"},'), "E324 rules/workspace.yaml:19:75", None),
    ("hours that are quiet", Mistake(SPACE, "deliver_within: 1m,", 'deliver_within: 1m, send_between: {from: "07:30", to: "10:00"},'), "E324 rules/workspace.yaml:19:75", None),
    ("ranked by a fact that is none", Mistake(SPACE, "stalled_days: low", "stalled_dayz: low"), "E201 rules/workspace.yaml:30:13", "stalled_days"),
    ("a post without its channel", Mistake(SPACE, "slack: {label", "slakk: {label"), "E204 rules/internal.yaml:7:16", "slakk"),
    ("unknown sender", in_rule("readiness", "from: cs-desk", "from: cs-des"), "E204 rules/push.yaml:40:28", "cs-desk"),
    ("unknown channel", in_rule("readiness", "send: mail", "send: mial"), "E204 rules/push.yaml:40:16", "mail"),
    ("unknown support", in_rule("support-guide", "support: desk", "support: dest"), "E204 rules/push.yaml:49:86", "desk"),
    ("event of no source", Mistake(FACTS, "count: product.setting_error", "count: produkt.setting_error"), "E207 rules/facts.yaml:12:21", "product"),
    ("not_after is no date", in_rule("readiness", "not_after: guidance_start", "not_after: timing"), "E311 rules/push.yaml:40:111", None),
    ("per is no fact", in_rule("readiness", "per: guidance_start", "per: guidance_begin"), "E311 rules/push.yaml:42:30", "guidance_start"),
    ("two places to lead to", in_rule("first-login", "{setting: next_step}", "{setting: next_step, support: desk}"), "E312 rules/push.yaml:9:74", None),
    ("rule not in the order", Mistake(ORDER, "    - readiness ", "    # - readiness "), "E401 rules/push.yaml:35:3", None),
    ("rule renamed", Mistake(PUSH, "\n  next-setting:", "\n  next-settings:"), "E401 rules/push.yaml:13:3", "next-setting"),
    ("order names no rule", Mistake(ORDER, "- next-setting", "- next-setting\n    - nextsetting"), "E406 rules/order.yaml:10:7", "next-setting"),
    ("order names a rule twice", Mistake(ORDER, "- next-setting", "- next-setting\n    - readiness"), "E407 rules/order.yaml:10:7", None),
    ("steps in a circle of order", Mistake(ROUTE, "after: [first_login]", "after: [flow_designed]"), "E402 rules/route.yaml:8:56", None),
    ("step after no step", Mistake(ROUTE, "after: [first_login]", "after: [firstlogin]"), "E202 rules/route.yaml:8:56", "first_login"),
    ("facts in a circle", Mistake(FACTS, "{recruit_kind: new_grad}], then", "{main_will: briefing}], then"), "E405 rules/facts.yaml:34:5", None),
    # numbers and forms
    ("window of no day", Mistake(FACTS, "setting_error, within_days: 7", "setting_error, within_days: 0"), "E304 rules/facts.yaml:12:90", "within_days: 1"),
    ("window of two years", Mistake(FACTS, "setting_error, within_days: 7", "setting_error, within_days: 730"), "E304 rules/facts.yaml:12:90", "within_days: 365"),
    ("again inside the window", in_rule("support-guide", "after_days: 14", "after_days: 2"), "E305 rules/push.yaml:51:25", None),
    ("table without else", Mistake(FACTS, "      - {else: not_planned}\n", ""), "E306 rules/facts.yaml:21:5", None),
    ("number in words", in_rule("support-guide", "after_days: 14", "after_days: 二週間"), "E301 rules/push.yaml:51:25", None),
    ("unknown stage", in_rule("keep-in-touch", "stage: plan", "stage: plam"), "E203 rules/push.yaml:105:12", "plan"),
    ("unknown stage for all", Mistake(PUSH, "stage: share", "stage: shre"), "E203 rules/push.yaml:1:19", "share"),
    ("a clock that is none", Mistake(SPACE, '"02:00"', '"26:00"'), "E309 rules/workspace.yaml:4:13", None),
    ("an event without its source", Mistake(FACTS, "count: product.setting_error", "count: setting_error"), "E309 rules/facts.yaml:12:54", None),
    ("a Japanese name for a fact", Mistake(FACTS, "  active_28: ", "  使った日数: {label: x, count: product.login, within_days: 7}\n  active_28: "), "E309 rules/facts.yaml:11:3", None),
    ("a Japanese name for a source", Mistake(SPACE, "  help:    {", "  ヘルプ:    {"), "E309 rules/workspace.yaml:10:3", None),
    ("a name that is taken", Mistake(FACTS, "  active_28: ", "  next_step: {label: x, count: product.login, within_days: 7}\n  active_28: "), "E128 rules/facts.yaml:11:3", None),
    ("text where a list belongs", Mistake(SPACE, "events: [help]", "events: help"), "E310 rules/workspace.yaml:10:67", None),
    ("a list where text belongs", in_rule("readiness", "title: ", "title: [x] # "), "E310 rules/push.yaml:36:12", None),
    # the settings of a workspace
    ("time zone", Mistake(SPACE, "Asia/Tokyo", "Asia/Tokio"), "E122 rules/workspace.yaml:3:11", "Asia/Tokyo"),
    ("holidays", Mistake(SPACE, "holidays: JP", "holidays: JPN2"), "E123 rules/workspace.yaml:5:55", None),
    ("prefix of two sources", Mistake(SPACE, "events: [help]", "events: [help, product]"), "E121 rules/workspace.yaml:10:74", None),
    ("no such calendar", Mistake(SPACE, "calendar/company.csv", "calendar/compny.csv"), "E125 rules/workspace.yaml:5:67", None),
    ("a closure that is no period", Mistake("rules/calendar/company.csv", "-12-", "/12/"), "E127 rules/calendar/company.csv:2", None),
    ("two keys for one event", Mistake(FACTS, "opened_within_days: 30}}\n", "opened_within_days: 30}}\n  x: {label: x, open_items: {opened: support.case_opened, closed: support.case_lost, key: id}}\n"), "E126 rules/facts.yaml:18:91", None),
]  # fmt: skip


@pytest.mark.parametrize(("mistake", "earned", "near"), [pytest.param(*each, id=name) for name, *each in SINGLE])
def test_a_single_mistake_earns_one_fault_where_it_stands(copy: Path, mistake: Mistake, earned: str, near: str | None) -> None:
    make(copy, mistake)
    faults = faults_of(copy)
    assert [shown(fault) for fault in faults] == [earned]
    assert faults[0].values.get("near") == near


def test_the_mistakes_are_all_different() -> None:
    assert len({name for name, *_ in SINGLE}) == len(SINGLE) >= 35


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_mistake_is_told_with_what_why_and_what_to_do(copy: Path, language: str) -> None:
    for number, (_, mistake, *_) in enumerate(SINGLE[::5]):
        root = copy / str(number)
        shutil.copytree(copy / "rules", root / "rules")
        shutil.copytree(copy / "templates", root / "templates")
        make(root, mistake)
        for fault in faults_of(root):
            parts = say_fault(language, fault.code, fault.values)  # type: ignore[arg-type]  # a parameter is a str
            assert all(part.strip() for part in parts), (fault, parts)
            assert "–" not in "".join(parts), (fault, parts)


def test_all_faults_of_several_mistakes_are_told_in_one_run(copy: Path) -> None:
    make(copy, in_rule("first-login", "stalled_days", "stalled_day"))
    make(copy, in_rule("readiness", "mail/readiness", "mail/readines"))
    make(copy, Mistake(FACTS, "setting_error, within_days: 7", "setting_error, within_days: 0"))
    make(copy, Mistake(GOALS, "{timing: soon}", "{timing: sooon}"))
    make(copy, Mistake(SPACE, "nightly_at:", "nighty_at: x\nnightly_at:"))
    make(copy, Mistake(READINESS, "{{ days_to_guidance", "{{ days_to_guidence"))
    assert [shown(fault).rsplit(":", 1)[0] for fault in faults_of(copy)] == [
        "E304 rules/facts.yaml:12",
        "E203 rules/goals.yaml:4",
        "E201 rules/push.yaml:7",
        "E204 rules/push.yaml:40",
        "E105 rules/workspace.yaml:4",
        "E205 templates/mail/readiness/body.txt:1",
    ]


def test_a_wrong_value_is_told_beside_the_unknown_fact_it_stands_with(copy: Path) -> None:
    """Two mistakes of one condition are mended in one round."""
    make(copy, in_rule("first-login", "stalled_days: {between: [2, 40]}", "stalled_day: {between: [40, 2]}"))
    make(copy, in_rule("support-guide", "stalled_days: {at_least: 2}", "stalled_day: {at_least: 2日}"))
    assert [fault.code for fault in faults_of(copy)] == ["E201", "E302", "E201", "E301"]


def test_a_file_that_cannot_be_read_does_not_make_everything_in_it_unknown(copy: Path) -> None:
    make(copy, Mistake(FACTS, "\n  recruit_kind:", "\n\trecruit_kind:"))
    make(copy, in_rule("first-login", "unless:", "unles:"))
    assert [fault.code for fault in faults_of(copy)] == ["E101", "E105"]


@pytest.mark.parametrize(
    ("file", "raw", "earned"),
    [
        pytest.param(PUSH, "rules:\n  次: {}\n".encode("cp932"), "E112 rules/push.yaml:2", id="rules in Shift_JIS"),
        pytest.param("rules/sources/sfa.sql", "-- 営業\n".encode("cp932"), "E112 rules/sources/sfa.sql:1", id="SQL in Shift_JIS"),
        pytest.param(
            "rules/calendar/company.csv",
            "from,to,label\n2026-08-13,2026-08-15,夏\n".encode("cp932"),
            "E112 rules/calendar/company.csv:2",
            id="calendar in Shift_JIS",
        ),
        pytest.param("templates/mail/layout.txt", "様\n".encode("cp932"), "E112 templates/mail/layout.txt:1", id="frame in Shift_JIS"),
        pytest.param(READINESS, "様\n".encode("cp932"), "E112 templates/mail/readiness/body.txt:1", id="mail in Shift_JIS"),
        pytest.param(PUSH, b"", "E148 rules/push.yaml", id="an empty file"),
        pytest.param(PUSH, b"# later\n", "E148 rules/push.yaml", id="a file of comments"),
        pytest.param("rules/extra.yaml", b"- a\n- b\n", "E118 rules/extra.yaml:1:1", id="a list as a file"),
        pytest.param("rules/sources/sap.sql", b"SELECT 1", "E124 rules/sources/sap.sql", id="a source that is not declared"),
        pytest.param("templates/mail/layout.txt", b"no body\n", "E211 templates/mail/layout.txt", id="a frame without a body"),
    ],
)
def test_files_of_other_kinds_are_refused_by_name(copy: Path, file: str, raw: bytes, earned: str) -> None:
    (copy / file).write_bytes(raw)
    assert earned in [shown(fault) for fault in faults_of(copy)]
    assert {fault.code for fault in faults_of(copy)} - {"E211"} <= {earned.split(maxsplit=1)[0]}


@pytest.mark.parametrize("file", [PUSH, FACTS, ROUTE, GOALS, ORDER])
def test_a_missing_file_is_told_by_its_sections(copy: Path, file: str) -> None:
    (copy / file).unlink()
    missing = {fault.values.get("section") for fault in faults_of(copy) if fault.code == "E119"}
    expected = {
        PUSH: set(),
        FACTS: {"facts"},
        ROUTE: {"route", "steps"},
        GOALS: {"goals"},
        ORDER: {"order"},
    }
    assert missing >= expected[file]


def test_no_rules_folder_is_one_fault(tmp_path: Path) -> None:
    assert [shown(fault) for fault in faults_of(tmp_path)] == [f"E610 {tmp_path / 'rules'}"]


def test_without_workspace_yaml_it_is_no_workspace_and_nothing_else_is_said(copy: Path) -> None:
    (copy / SPACE).unlink()
    (fault,) = faults_of(copy)
    assert (shown(fault), fault.values["folder"]) == (f"E610 {copy / SPACE}", str(copy))


def test_what_a_workspace_is_may_stand_in_any_file(copy: Path) -> None:
    (copy / SPACE).rename(copy / "rules/space.yaml")
    load_workspace(copy, frozenset(CHANNELS))


@pytest.mark.parametrize(
    ("meant", "typed", "place"),
    [
        pytest.param("sessions: sessions.csv", "sessions: [sessions.csv]", "rules/workspace.yaml:60:11", id="the file of the dates"),
        pytest.param(
            '  setup-live: {label: 初期設定セミナー, url: "',
            '  setup-live: {label: [初期設定], url: "',
            "rules/workspace.yaml:63:23",
            id="a seminar that rules and rows of dates name",
        ),
    ],
)
def test_a_setting_at_fault_is_told_once_and_not_by_all_that_read_it(copy: Path, meant: str, typed: str, place: str) -> None:
    make(copy, Mistake(SPACE, meant, typed))
    assert [shown(fault) for fault in faults_of(copy)] == [f"E310 {place}"]


@pytest.mark.parametrize(
    ("wrong", "codes"),
    [
        pytest.param("{stalled_day: {at_least: 2日}}", ["E201", "E301"], id="a number with its unit"),
        pytest.param("{stalled_day: {at_leest: 2}}", ["E107", "E201"], id="a comparison nobody knows"),
        pytest.param("{next_stap: {is: first_logon}}", ["E201", "E202"], id="a value nobody knows"),
        pytest.param("{stalled: {at_least: 2日}}", ["E201", "E301"], id="a fact that could be any"),
    ],
)
def test_a_misspelt_fact_hides_nothing_else_of_its_condition(copy: Path, wrong: str, codes: list[str]) -> None:
    make(copy, in_rule("support-guide", "{stalled_days: {at_least: 2}}", wrong))
    assert sorted(fault.code for fault in faults_of(copy)) == codes


def test_a_condition_that_a_full_width_colon_made_a_text_is_told_as_such(copy: Path) -> None:
    make(
        copy, in_rule("first-login", "when: [{next_step: first_login}, {stalled_days: {between: [2, 40]}}]", "when:\n      - next_step：first_login")
    )
    (fault,) = faults_of(copy)
    assert (shown(fault), fault.values["near"]) == ("E102 rules/push.yaml:8:18", "next_step: first_login")
