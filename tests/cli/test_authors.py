"""The commands of those who write rules: they write files that lint, keep what was written, and refuse to overwrite."""

import json
import re
import shutil
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from engine.channels import CHANNELS
from engine.cli.app import main
from engine.cli.authors import full_rule
from engine.rulebook.spec import RuleSpec
from engine.workspace.edit import plain_of
from engine.workspace.load import load_workspace
from engine.workspace.starters import without_comments
from tests.cli.said import BAD_USAGE, FAULTS, FINE, JAPANESE, Banso, change
from tests.story import ROOT, SPACE

MATTER_OF_TASTE = {"W404", "W503", "W504", "W506", "W507", "W511"}  # what a new rule is to be finished by its author


def contents(space: Path) -> dict[str, bytes]:
    """Everything of the workspace but what is made from it."""
    return {str(path.relative_to(space)): path.read_bytes() for path in sorted(space.rglob("*")) if path.is_file() and ".banso" not in path.parts}


# --- schema -----------------------------------------------------------------------------------------------------------


def test_schema_writes_one_file_for_each_kind(banso: Banso, space: Path, language: str) -> None:
    said = banso("schema", language=language)
    assert said.code == FINE
    assert ".banso/schema" in said.out
    assert sorted(path.stem for path in (space / ".banso/schema").iterdir()) == [
        "facts", "goals", "order", "people", "route", "rules", "tests", "workspace",
    ]  # fmt: skip
    described = json.loads((space / ".banso/schema/rules.json").read_text(encoding="utf-8"))["properties"]["rules"]["description"]
    assert bool(JAPANESE.search(described)) == (language == "ja")


def test_schema_of_a_broken_workspace_keeps_the_last_one(banso: Banso, space: Path) -> None:
    banso("schema")
    before = (space / ".banso/schema/rules.json").read_bytes()
    change(space / "rules/push.yaml", "{next_step: first_login}", "{nxt_step: first_login}")
    assert banso("schema").refuses("E201")
    assert (space / ".banso/schema/rules.json").read_bytes() == before


def test_schema_as_json(banso: Banso) -> None:
    assert json.loads(banso("schema", "--json").out)["files"][0] == "workspace.json"


# --- fmt --------------------------------------------------------------------------------------------------------------


def test_fmt_tidies_and_then_has_nothing_to_do(banso: Banso, space: Path) -> None:
    change(space / "rules/goals.yaml", "goals:\n", "goals:   \r\n")
    before = plain_of((space / "rules/goals.yaml").read_text(encoding="utf-8"))
    said = banso("fmt")
    assert said.code == FINE
    assert "rules/goals.yaml" in said.out
    text = (space / "rules/goals.yaml").read_bytes().decode()
    assert text.startswith("# yaml-language-server: $schema=../.banso/schema/goals.json\n")
    assert "\r" not in text
    assert plain_of(text) == before
    again = contents(space)
    assert banso("fmt").code == FINE
    assert contents(space) == again
    assert (space / ".banso/schema/goals.json").is_file()


def test_fmt_of_one_file_leaves_the_others(banso: Banso, space: Path) -> None:
    before = contents(space)
    said = banso("fmt", space / "rules/order.yaml", "--json")
    assert json.loads(said.out) == {"changed": ["rules/order.yaml"], "faults": []}
    assert [name for name, raw in contents(space).items() if raw != before[name]] == ["rules/order.yaml"]


def test_fmt_says_where_it_cannot_read(banso: Banso, space: Path) -> None:
    change(space / "rules/order.yaml", "  push:", "  push: [")
    said = banso("fmt")
    assert said.code == FAULTS
    assert "rules/order.yaml:" in said.err
    assert (space / "rules/order.yaml").read_text(encoding="utf-8").startswith("order:")


@pytest.mark.parametrize("file", ["rules/none.yaml", "templates/mail/layout.txt", "/etc/hosts"])
def test_fmt_of_something_else_is_refused(banso: Banso, file: str) -> None:
    assert banso("fmt", file).refuses("E682")


def test_fmt_full_writes_out_every_default_and_changes_nothing(banso: Banso, space: Path) -> None:
    before = contents(space)
    workspace = load_workspace(space, frozenset(CHANNELS))
    said = banso("fmt", "--full")
    assert said.code == FINE
    assert contents(space) == before
    rules = plain_of(said.out)["rules"]
    assert list(rules) == list(workspace.rules)
    for name, written in rules.items():
        rule = workspace.rules[name]
        windows = {"valid_days": workspace.valid_days(rule), "send_within_days": workspace.send_within_days(rule)}
        assert RuleSpec.model_validate(written) == rule.model_copy(update={"do": rule.do.model_copy(update=windows)})
        assert {"stage", "owner", "trigger", "again", "unless"} <= set(written)
    assert json.loads(banso("fmt", "--full", "--json").out)["rules/push.yaml"]["readiness"]["again"] == {"at_most": 1, "per": "guidance_start"}


def test_every_rule_of_the_example_is_the_same_rule_when_it_is_written_out_in_full() -> None:
    workspace = load_workspace(ROOT, frozenset(CHANNELS))
    for name, rule in workspace.rules.items():
        windows = {"valid_days": workspace.valid_days(rule), "send_within_days": workspace.send_within_days(rule)}
        assert RuleSpec.model_validate(full_rule(workspace, name)) == rule.model_copy(update={"do": rule.do.model_copy(update=windows)})


# --- fix --------------------------------------------------------------------------------------------------------------


def test_fix_mends_shows_the_difference_and_says_what_is_left(banso: Banso, space: Path, language: str) -> None:
    before = contents(space)
    change(space / "rules/push.yaml", "goal: step_forward", "goal: step_foward")
    change(space / "rules/push.yaml", "    stage: plan    ", "    stage:plan    ")
    change(space / "templates/mail/readiness/body.txt", "{{ guidance_start }}", "{{ guidance_strt }}")
    change(space / "rules/order.yaml", "    - keep-in-touch        # 用件のある1通にいつも譲る\n", "")
    said = banso("fix", language=language)
    assert said.refuses("E401")
    assert "-    goal: step_foward" in said.out
    assert "+    goal: step_forward" in said.out
    after = contents(space)
    assert after["templates/mail/readiness/body.txt"] == before["templates/mail/readiness/body.txt"]
    assert plain_of(after["rules/push.yaml"].decode()) == plain_of(before["rules/push.yaml"].decode())
    assert "3" in said.out


def test_fix_shows_only_the_lines_that_change(banso: Banso, space: Path) -> None:
    text = (space / "rules/push.yaml").read_text(encoding="utf-8")
    begin = text.index("  keep-in-touch:")
    copies = [text[begin:].rstrip().replace("keep-in-touch:", f"copy-{number}:", 1) for number in range(30)]  # the same lines, many times
    (space / "rules/push.yaml").write_text(
        text.rstrip() + "\n\n" + "\n\n".join(copies).replace("goal: talked", "goal: talkd", 1) + "\n", encoding="utf-8"
    )
    changed = [line for line in banso("fix", "--dry-run").out.splitlines() if re.match(r"[-+] ", line)]
    assert changed == ["-    goal: talkd", "+    goal: talked"]


def test_fix_as_a_rehearsal_writes_nothing(banso: Banso, space: Path) -> None:
    change(space / "rules/push.yaml", "goal: step_forward", "goal: step_foward")
    before = contents(space)
    said = banso("fix", "--dry-run", "--json")
    told = json.loads(said.out)
    assert said.code == FINE
    assert contents(space) == before
    assert (told["written"], told["left"], told["files"]) == (False, [], ["rules/push.yaml"])
    assert (told["mended"][0]["wrong"], told["mended"][0]["right"]) == ("step_foward", "step_forward")


@pytest.mark.parametrize("options", [(), ("--dry-run",)], ids=["fix", "rehearsed"])
def test_fix_of_a_good_workspace_changes_nothing_and_says_so(banso: Banso, space: Path, options: tuple[str, ...]) -> None:
    before = contents(space)
    said = banso("fix", *options)
    assert (said.code, said.out) == (FINE, "Nothing to mend. Nothing was changed.\n")
    assert contents(space) == before


@pytest.mark.parametrize("command", [("fmt",), ("fix",), ("schema",)], ids=lambda command: command[0])
def test_without_a_workspace_there_is_nothing_to_do(banso: Banso, space: Path, command: tuple[str, ...]) -> None:
    shutil.rmtree(space / "rules")
    assert banso(*command).refuses("E610")


# --- new --------------------------------------------------------------------------------------------------------------

CHANNELS_FOR_ALL = """channels:
  popup: {label: 画面, valid_days: 1}
  call: {label: 架電, valid_days: 7}
  crm: {label: 社内の仕事, valid_days: 7}
"""


@pytest.fixture
def all_lanes(space: Path) -> Path:
    change(space / "rules/workspace.yaml", "channels:\n", CHANNELS_FOR_ALL)
    return space


@pytest.mark.parametrize("lane", ["push", "pull", "human", "internal"])
def test_a_new_rule_lints_at_once_in_every_lane(banso: Banso, all_lanes: Path, language: str, lane: str) -> None:
    said = banso("new", "rule", "welcome-back", "--lane", lane, language=language)
    assert said.code == FINE, said.err
    assert banso("lint").code == FINE
    workspace = load_workspace(all_lanes, frozenset(CHANNELS))
    assert [warning for warning in workspace.warnings if warning.place.file == f"rules/{lane}.yaml" and warning.code not in MATTER_OF_TASTE] == []
    assert workspace.rules["welcome-back"].stage == "plan"
    assert workspace.rules["welcome-back"].do.lane == lane
    assert workspace.order[lane][-1] == "welcome-back"
    assert workspace.places["welcome-back"].startswith(f"rules/{lane}.yaml:")
    comments = re.findall(r"# .*", (all_lanes / f"rules/{lane}.yaml").read_text(encoding="utf-8"))
    assert bool(JAPANESE.search(comments[-1])) == (language == "ja")


@pytest.mark.parametrize(
    ("lane", "step", "goal", "trigger"),
    [
        pytest.param("push", "initial_settings", "step_forward", None, id="a mail leads from one screen to the next"),
        pytest.param("pull", "initial_settings", "step_forward", "product.login", id="a popup shows on the screen of the step before"),
        pytest.param("human", "interview_guided", "talked", None, id="a call is for a step that takes people"),
        pytest.param("internal", "initial_settings", "step_forward", None, id="a task in the team"),
    ],
)
def test_a_new_rule_makes_sense_as_it_stands(banso: Banso, all_lanes: Path, lane: str, step: str, goal: str, trigger: str | None) -> None:
    change(all_lanes / "rules/workspace.yaml", "call: {label: 架電, valid_days: 7}", "call: {label: 架電, valid_days: 7, touch: call.talked}")
    assert banso("new", "rule", "welcome-back", "--lane", lane).code == FINE
    rule = load_workspace(all_lanes, frozenset(CHANNELS)).rules["welcome-back"]
    waits = [] if trigger else [{"stalled_days": {"at_least": 5}}]  # at its trigger nobody has stalled yet
    assert (rule.when, rule.goal) == ([{"next_step": step}, *waits], goal)
    assert [each.event for each in rule.triggers] == ([trigger] if trigger else [])
    assert [name.partition("/")[2] for name in rule.do.templates()] == ["welcome-back"], "no letter of another rule"


@pytest.mark.usefixtures("happened")
def test_what_is_still_an_example_in_a_new_rule_is_told_until_it_is_written(banso: Banso, space: Path, language: str) -> None:
    assert "banso lint" in banso("new", "rule", "welcome-back", language=language).out
    told = {each["code"]: each for each in json.loads(banso("lint", "--json", language=language).out)["faults"]}
    assert {"W510", "W511"} <= told.keys()
    assert told["W511"]["file"] == "rules/push.yaml"
    assert "title, who, benefit" in told["W511"]["what"]
    assert banso("plan", "--at", "2026-04-04", "--json").code in {FINE, 2}, "counted at once"
    path = space / "rules/push.yaml"
    text = re.sub(
        r"(?m)^(  welcome-back:.*\n)    title:.*\n    why:.*\n",
        r"\1    title: 入口で\n    why: {who: 未ログイン, benefit: 入れる}\n",
        path.read_text(encoding="utf-8"),
    )
    path.write_text(text, encoding="utf-8")
    assert "W511" not in banso("lint").err


def test_two_new_rules_of_a_lane_share_its_file(banso: Banso, all_lanes: Path) -> None:
    assert banso("new", "rule", "first", "--lane", "human").code == FINE
    assert banso("new", "rule", "second", "--lane", "human").code == FINE
    workspace = load_workspace(all_lanes, frozenset(CHANNELS))
    assert list(workspace.order["human"]) == ["first", "second"]
    assert [workspace.rules[name].do.templates() for name in ("first", "second")] == [["call/first"], ["call/second"]]


def test_a_new_rule_changes_nothing_else(banso: Banso, space: Path) -> None:
    before = contents(space)
    banso("new", "rule", "welcome-back")
    after = contents(space)
    letter = [f"templates/mail/welcome-back/{part}" for part in ("body.mjml", "body.txt", "subject.txt")]
    assert sorted(name for name in after if after[name] != before.get(name)) == ["rules/order.yaml", "rules/push.yaml", *letter]
    assert after["rules/push.yaml"].startswith(before["rules/push.yaml"])
    order = before["rules/order.yaml"].decode()
    assert after["rules/order.yaml"].decode() == order + "    - welcome-back\n"


def test_a_new_rule_uses_the_mail_of_its_name(banso: Banso, space: Path) -> None:
    assert banso("new", "mail", "welcome-back").code == FINE
    assert banso("new", "rule", "welcome-back", "--json").code == FINE
    assert load_workspace(space, frozenset(CHANNELS)).rules["welcome-back"].do.templates() == ["mail/welcome-back"]


def test_a_copy_of_a_rule_begins_anew(banso: Banso, space: Path) -> None:
    change(space / "rules/push.yaml", "    stage: plan   ", "    was: [say-hello]\n    stage: try\n    try: {sample: 30}\n   ")
    assert banso("new", "rule", "hello-again", "--like", "keep-in-touch").code == FINE
    rules = load_workspace(space, frozenset(CHANNELS)).rules
    copy, model = rules["hello-again"], rules["keep-in-touch"]
    assert (copy.stage, copy.was, copy.try_) == ("plan", [], None)
    assert (copy.when, copy.unless, copy.do, copy.again) == (model.when, model.unless, model.do, model.again)
    assert copy.title != model.title


def test_a_copy_takes_no_comments_along_but_says_where_it_came_from(banso: Banso, space: Path, language: str) -> None:
    assert banso("new", "rule", "gentle", "--like", "keep-in-touch", language=language).code == FINE
    text = (space / "rules/push.yaml").read_text(encoding="utf-8")
    entry = text[text.index("\n  gentle:\n") :]
    (comment,) = re.findall(r"# .*", entry)
    assert "keep-in-touch" in comment
    assert bool(JAPANESE.search(comment)) == (language == "ja")


def test_a_sharp_sign_that_begins_no_comment_is_kept() -> None:
    entry = 'a:  # one\n  title: "第1弾 # 本編"  # two\n  # three\n  text: |\n    # four\n    five # six\n'
    assert without_comments(entry) == 'a:\n  title: "第1弾 # 本編"\n  text: |\n    # four\n    five # six\n'


def test_a_rule_whose_stage_came_from_defaults_is_copied_to_stage_plan(banso: Banso, space: Path) -> None:
    assert banso("new", "rule", "gentle", "--like", "restart-by-will").code == FINE
    text = (space / "rules/push.yaml").read_text(encoding="utf-8")
    assert text.count("# 条件は facts.yaml の approach の表") == 1
    assert load_workspace(space, frozenset(CHANNELS)).rules["gentle"].stage == "plan"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(("rule", "readiness"), "E683", id="a rule of this name is there"),
        pytest.param(("rule", "Welcome_Back"), "E309", id="no name"),
        pytest.param(("rule", "x", "--like", "readines"), "E684", id="like no rule"),
        pytest.param(("rule", "x", "--lane", "pull"), "E685", id="a lane without its channel"),
        pytest.param(("mail", "readiness"), "E683", id="a mail of this name is there"),
        pytest.param(("mail", "../etc"), "E309", id="a mail outside"),
        pytest.param(("test", "readines"), "E684", id="a test of no rule"),
        pytest.param(("test", "readiness", "--from", "c1", "--at", "2026-04-07"), "E640", id="from an account without records"),
        pytest.param(("test", "readiness", "--at", "soon"), "E650", id="at no instant"),
    ],
)
def test_nothing_is_written_where_a_beginning_is_refused(banso: Banso, space: Path, arguments: tuple[str, ...], code: str) -> None:
    before = contents(space)
    assert banso("new", *arguments).refuses(code)
    assert contents(space) == before


@pytest.mark.parametrize(
    "arguments", [("rule",), ("rule", "x", "--lane", "sideways"), ("rule", "x", "--lane", "push", "--like", "readiness"), ("poem",)]
)
def test_a_command_that_is_not_understood_is_bad_usage(banso: Banso, arguments: tuple[str, ...]) -> None:
    assert banso("new", *arguments).code == BAD_USAGE


def test_a_new_mail_has_three_parts_in_the_language_of_the_workspace(banso: Banso, space: Path) -> None:
    assert banso("new", "mail", "hello", language="en").code == FINE
    parts = {path.name: path.read_text(encoding="utf-8") for path in (space / "templates/mail/hello").iterdir()}
    assert sorted(parts) == ["body.mjml", "body.txt", "subject.txt"]
    assert all(JAPANESE.search(text) for text in parts.values())
    assert "{{ link.url }}" in parts["body.txt"]
    assert banso("lint").code == FINE


SFA = """id,company,event,field,value,at
s1,c1,applied,,,2026-03-24T10:00:00+09:00
s2,c1,,company_name,株式会社青空,2026-03-24T10:00:00+09:00
"""
DAYS = [*(f"2026-03-{day}" for day in range(24, 32)), *(f"2026-04-0{day}" for day in range(1, 8))]
OTHERS = "".join(f"s{day},c9,applied,,,{day}T01:00:00+09:00\n" for day in DAYS)  # so that no source is silent
HAPPENED = [
    ("c1", "account_issued", "2026-03-24T11:00:00+09:00"),
    ("c1", "login", "2026-03-30T10:00:00+09:00"),
    *(("c9", "login", f"{day}T01:00:00+09:00") for day in DAYS),
]
PRODUCT = "".join(
    json.dumps({"id": f"p{number}", "company": company, "user": "u1", "event": event, "at": at, "props": {}}) + "\n"
    for number, (company, event, at) in enumerate(HAPPENED)
)
CRM = "id,company,user,event,field,value,at\nr1,c1,tanaka,,email,tanaka@example.jp,2026-03-24T10:00:00+09:00\n"
CRM += "".join(f"r{day},c9,,,owner,sato,{day}T01:00:00+09:00\n" for day in DAYS)
CTI = "id,company,user,event,case_id,at\n" + "".join(f"t{day},c9,,case_opened,k{day},{day}T01:00:00+09:00\n" for day in DAYS)
HEARING = 'id,company,field,value,at\nh1,c1,will,"auto_schedule,briefing",2026-03-24T12:00:00+09:00\n'


@pytest.fixture(scope="session")
def once_loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state that knows two weeks of two accounts, to be copied."""
    folder = tmp_path_factory.mktemp("once_loaded")
    for name, text in {"sfa.csv": SFA + OTHERS, "product.jsonl": PRODUCT, "hearing.csv": HEARING, "crm.csv": CRM, "cti.csv": CTI}.items():
        (folder / name).write_text(text, encoding="utf-8")
    words = ["load", "sfa", "product", "hearing", "crm", "cti", "--data", str(folder), "--at", "2026-04-07T02:00"]
    assert main(["-w", str(SPACE), "--state", str(folder / "state"), *words]) == FINE
    return folder / "state"


@pytest.fixture
def happened(tmp_path: Path, once_loaded: Path) -> None:
    """What happened to two accounts is known."""
    shutil.copytree(once_loaded, tmp_path / "state")


def written_test(space: Path, rule: str) -> dict[str, object]:
    (only,) = plain_of((space / f"rules/tests/{rule}.test.yaml").read_text(encoding="utf-8"))["tests"]
    return only


@pytest.mark.usefixtures("happened")
def test_a_test_begins_from_what_happened_to_an_account(banso: Banso, space: Path) -> None:
    said = banso("new", "test", "next-setting", "--from", "c1", "--at", "2026-04-07")
    assert said.code == FINE, said.err
    only = written_test(space, "next-setting")
    assert only["account"] == {"id": "c1"}
    assert only["given"] == [
        "2026-03-24 10:00 sfa.applied",
        "2026-03-24 11:00 product.account_issued",
        "2026-03-24 12:00 hearing.will = auto_schedule, briefing",
        "2026-03-30 10:00 product.login",
    ]
    text = (space / "rules/tests/next-setting.test.yaml").read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=../../.banso/schema/tests.json\n")
    assert "青空" not in text  # who it is does not belong into a test


@pytest.mark.usefixtures("happened")
@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param("2026-04-02", {"at": "2026-04-02 02:00", "not": "next-setting", "why": {"next-setting": "stalled_days"}}, id="too early"),
        pytest.param("2026-03-28", {"at": "2026-03-28 02:00", "decides": "first-login"}, id="another rule goes first"),
    ],
)
def test_a_test_expects_what_explain_says(banso: Banso, space: Path, at: str, expected: dict[str, object]) -> None:
    assert banso("new", "test", "next-setting", "--from", "c1", "--at", at).code == FINE
    assert written_test(space, "next-setting")["expect"] == [expected]


@pytest.mark.usefixtures("happened")
def test_a_test_knows_nothing_of_what_came_later(banso: Banso, space: Path) -> None:
    assert banso("new", "test", "next-setting", "--from", "c1", "--at", "2026-04-07").code == FINE
    (space / "rules/tests/next-setting.test.yaml").unlink()
    assert banso("new", "test", "next-setting", "--from", "c1", "--at", "2026-03-25").code == FINE
    assert written_test(space, "next-setting")["given"][-1] == "2026-03-24 12:00 hearing.will = auto_schedule, briefing"


@pytest.mark.usefixtures("happened")
def test_a_test_says_which_sources_were_silent(banso: Banso, space: Path) -> None:
    assert banso("new", "test", "next-setting", "--from", "c1", "--at", "2026-04-20").code == FINE
    only = written_test(space, "next-setting")
    assert {"product", "cti"} <= set(only["stale"])
    assert only["expect"] == [{"at": "2026-04-20 02:00", "not": "next-setting", "unknown": {"next-setting": "next_step"}}]


def test_a_test_without_an_account_goes_along_the_route_until_the_rule_matches(banso: Banso, space: Path, language: str) -> None:
    assert banso("new", "test", "next-setting", "--at", "2026-04-07", language=language).code == FINE
    only = written_test(space, "next-setting")
    assert [line.split(" ")[2] for line in only["given"]] == ["sfa.applied", "product.account_issued", "product.login"]
    assert [each["decides"] for each in only["expect"]] == ["next-setting"]
    assert bool(JAPANESE.search(str(only["name"]))) == (language == "ja")


def test_a_test_of_a_rule_at_stage_plan_expects_what_it_does_once_it_is_shared(banso: Banso, space: Path) -> None:
    change(space / "rules/push.yaml", "    title: 同じ工程に", "    stage: plan\n    title: 同じ工程に")
    assert banso("new", "test", "next-setting", "--at", "2026-04-07").code == FINE
    (expected,) = written_test(space, "next-setting")["expect"]
    assert (expected["decides"], "why" in expected) == ("next-setting", False)


def test_a_written_test_is_run_by_the_name_of_its_rule(banso: Banso, space: Path) -> None:
    change(space / "rules/push.yaml", "    title: 同じ工程に", "    stage: plan\n    title: 同じ工程に")
    at_once = "{trigger: {event: call.absent}, title: 同じ日に, why: {who: 席を外した方, benefit: 選べる}, when: [{mails_7: {at_most: 3}}], "
    at_once += (
        "do: {send: mail, from: cs-desk, template: mail/keep-in-touch, lead_to: {support: desk}, urgent: true}, goal: talked, again: {after_days: 7}}"
    )
    change(space / "rules/push.yaml", "  keep-in-touch:", f"  at-once: {at_once}\n  keep-in-touch:")
    assert banso("order", "add", "at-once", "--before", "support-guide").code == FINE
    assert banso("new", "test", "next-setting", "--at", "2026-04-07").code == FINE
    (expected,) = written_test(space, "next-setting")["expect"]
    assert expected["decides"] == "next-setting", "no night judges what waits for a record"
    told = json.loads(banso("test", "next-setting", "--json").out)
    assert (told["tests"], told["failed"]) == (1, [])


def test_every_written_test_has_the_form_of_a_test(banso: Banso, space: Path) -> None:
    rules = ("readiness", "restart-by-will", "scheduling")
    for rule in rules:
        assert banso("new", "test", rule, "--at", "2026-04-07").code == FINE
    schema = json.loads((space / ".banso/schema/tests.json").read_text(encoding="utf-8"))
    for rule in rules:
        file = plain_of((space / f"rules/tests/{rule}.test.yaml").read_text(encoding="utf-8"))
        assert list(Draft7Validator(schema).iter_errors(file)) == []


def test_a_second_test_of_a_rule_gets_a_name_of_its_own(banso: Banso, space: Path) -> None:
    for name in ((), ("--name", "readiness-late")):
        assert banso("new", "test", "readiness", "--at", "2026-04-07", *name).code == FINE
    assert (space / "rules/tests/readiness-late.test.yaml").is_file()
    assert banso("lint").code == FINE
    assert banso("new", "test", "readiness", "--at", "2026-04-07", "--name", "readiness-late").refuses("E683")
    assert banso("new", "test", "readiness", "--at", "2026-04-07", "--name", "../readiness").refuses("E309")


def test_a_test_is_not_overwritten(banso: Banso, space: Path) -> None:
    assert banso("new", "test", "readiness", "--at", "2026-04-07").code == FINE
    before = contents(space)
    assert banso("new", "test", "readiness", "--at", "2026-04-08").refuses("E683")
    assert contents(space) == before


# --- order ------------------------------------------------------------------------------------------------------------


def order_of(space: Path, lane: str = "push") -> list[str]:
    return list(plain_of((space / "rules/order.yaml").read_text(encoding="utf-8"))["order"][lane])


def test_the_order_is_shown_with_stage_and_owner(banso: Banso, space: Path, language: str) -> None:
    said = banso("order", language=language)
    assert said.code == FINE
    line = next(line for line in said.out.splitlines() if "keep-in-touch" in line)
    assert {"8", "plan", "sato"} <= set(re.split(r"[ │]+", line))
    told = json.loads(banso("order", "push", "--json").out)
    assert [row["rule"] for row in told["push"]] == order_of(space)
    assert (told["push"][0]["rank"], told["push"][0]["stage"]) == (1, "share")


def test_a_rule_is_moved_with_its_comment(banso: Banso, space: Path) -> None:
    said = banso("order", "move", "keep-in-touch", "--before", "first-login")
    assert said.code == FINE, said.err
    assert order_of(space)[:3] == ["support-guide", "keep-in-touch", "first-login"]
    assert "    - keep-in-touch        # 用件のある1通にいつも譲る\n    - first-login          # 入口" in (space / "rules/order.yaml").read_text(
        encoding="utf-8"
    )
    assert banso("order", "move", "keep-in-touch", "--after", "next-setting").code == FINE
    assert contents(space)["rules/order.yaml"] == (SPACE / "rules/order.yaml").read_bytes()


@pytest.mark.parametrize(
    ("options", "place"), [((), 7), (("--before", "support-guide"), 0), (("--after", "readiness"), 2)], ids=["at the end", "before", "after"]
)
def test_a_rule_that_lint_misses_is_added(banso: Banso, space: Path, options: tuple[str, ...], place: int) -> None:
    change(space / "rules/order.yaml", "    - first-login          # 入口を通らないと何も始まらない\n", "")
    assert banso("lint").refuses("E401")
    assert banso("order", "add", "first-login", *options).code == FINE
    assert order_of(space).index("first-login") == place
    assert banso("lint").code == FINE


def test_in_the_internal_lane_nobody_wins(banso: Banso, all_lanes: Path) -> None:
    assert banso("new", "rule", "note-it", "--lane", "internal").code == FINE
    assert "上にあるものが勝つ" not in banso("order", "internal", language="ja").out
    assert "すべて行う" in banso("order", "internal", language="ja").out
    assert "上にあるものが勝つ" in banso("order", "push", language="ja").out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(("add", "readiness"), "E686", id="it has its place"),
        pytest.param(("add", "readines"), "E684", id="no rule"),
        pytest.param(("move", "readines", "--before", "scheduling"), "E684", id="no rule to move"),
        pytest.param(("move", "readiness", "--before", "schedulin"), "E684", id="before no rule"),
        pytest.param(("move", "readiness", "--before", "readiness"), "E684", id="before itself"),
    ],
)
def test_the_order_stays_where_a_change_is_refused(banso: Banso, space: Path, arguments: tuple[str, ...], code: str) -> None:
    before = contents(space)
    assert banso("order", *arguments).refuses(code)
    assert contents(space) == before


@pytest.mark.parametrize("command", ["move", "add"])
def test_a_rule_of_another_lane_is_said_to_stand_there(banso: Banso, all_lanes: Path, language: str, command: str) -> None:
    assert banso("new", "rule", "ring-up", "--lane", "human").code == FINE
    if command == "add":
        change(all_lanes / "rules/order.yaml", "    - readiness            # 開始日は待ってくれない\n", "")
    before = contents(all_lanes)
    said = banso("order", command, "readiness", "--before", "ring-up", language=language)
    assert said.refuses("E687")
    assert said.has_three_parts("E687", "rules/order.yaml", language)
    assert "(human)" in said.err
    assert "support-guide, first-login, restart-by-will" in said.err
    assert contents(all_lanes) == before


@pytest.mark.parametrize(
    "arguments", [("move", "readiness"), ("move", "readiness", "--before", "scheduling", "--after", "scheduling"), ("sideways",)]
)
def test_an_order_that_is_not_understood_is_bad_usage(banso: Banso, space: Path, arguments: tuple[str, ...]) -> None:
    before = contents(space)
    assert banso("order", *arguments).code == BAD_USAGE
    assert contents(space) == before


# --- line breaks ------------------------------------------------------------------------------------------------------


def test_a_file_with_the_line_breaks_of_windows_keeps_them(banso: Banso, space: Path) -> None:
    for name in ("push", "order"):
        path = space / f"rules/{name}.yaml"
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert banso("new", "rule", "welcome-back").code == FINE
    assert banso("stage", "next-setting", "plan").code == FINE
    for name in ("push", "order"):
        raw = (space / f"rules/{name}.yaml").read_bytes()
        assert (raw.count(b"\n"), b"\r\r" in raw) == (raw.count(b"\r\n"), False)
    assert "welcome-back" in (space / "rules/order.yaml").read_text(encoding="utf-8")
