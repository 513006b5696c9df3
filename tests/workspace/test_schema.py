"""What editors are told of a workspace: good files are good, planted mistakes are underlined, and every name has its label."""

import json
import re
from functools import cache
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from engine.channels import CHANNELS
from engine.facts.spec import Strict
from engine.facts.table import Row
from engine.rulebook.actions import ACTIONS
from engine.workspace.editor_schema import EVENT_PATTERN, TOP_KEYS, Words, _named_fields, editor_schemas, kind_by_place, kind_of_file, modeline
from engine.workspace.editor_words import EXPLAINED
from engine.workspace.load import load_workspace
from engine.workspace.tree import read_tree

ROOT = Path(__file__).parents[2]
YAMMER = ROOT / "examples" / "yammer"
FILES = [path for root in (ROOT, YAMMER) for path in sorted((root / "rules").rglob("*.yaml"))]
RULE = {
    "title": "久しぶりの方に近況を伺う",
    "why": {"who": "しばらく使っていない担当者", "benefit": "再開の1手がわかる"},
    "when": [{"active_28": {"at_most": 0}}],
    "do": {"send": "mail", "from": "cs-desk", "template": "mail/next-setting", "lead_to": {"setting": "next_step"}},
    "goal": "step_forward",
}


@cache
def schemas(root: Path = ROOT, language: str = "ja"):
    return editor_schemas(load_workspace(root, frozenset(CHANNELS)), language)


def plain(text: str):
    tree, faults = read_tree(text.encode(), "text")
    assert faults == []
    return tree.plain()


def refused(kind: str, file: object, root: Path = ROOT) -> list[str]:
    """Where the schema finds something wrong, as paths."""
    errors = Draft7Validator(schemas(root)[kind]).iter_errors(file)
    return ["/".join(str(part) for part in error.absolute_path) for error in errors]


def rules(**changes: object) -> dict[str, object]:
    return {"defaults": {"stage": "share", "owner": "sato"}, "rules": {"welcome-back": {**RULE, **changes}}}


@pytest.mark.parametrize("root", [ROOT, YAMMER], ids=["saiyo-navi", "yammer"])
def test_every_schema_is_a_schema_of_draft_seven(root: Path) -> None:
    for schema in schemas(root).values():
        Draft7Validator.check_schema(schema)
        assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_of_the_examples_is_good(path: Path) -> None:
    root = YAMMER if YAMMER in path.parents else ROOT
    file = plain(path.read_text(encoding="utf-8"))
    kind = kind_by_place(str(path.relative_to(root)), file)
    assert kind is not None
    assert refused(kind, file, root) == []


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"when": [{"next_step": "initial_settings"}]}, id="the short form of a comparison"),
        pytest.param({"when": [{"will": "briefing"}]}, id="the short form of a tag"),
        pytest.param({"when": [{"any": [{"segment": "setup"}, {"days_to_guidance": {"between": [3, 7]}}]}]}, id="any, and a segment"),
        pytest.param({"when": [{"guidance_start": {"known": False}}]}, id="a date that is known or not"),
        pytest.param(
            {"do": {"ask": "popup", "template": "popup/next", "save_to": "hearing.will"}, "trigger": {"event": "product.login"}}, id="a question"
        ),
        pytest.param({"do": {"task": "call", "script": "call/silent", "due_business_days": 2, "hold": ["push"]}}, id="a task"),
        pytest.param({"again": {"after_days": 7, "at_most": 2, "per": "guidance_start"}}, id="once per value of a fact"),
        pytest.param({"trigger": [{"event": "product.login"}, {"event": "help.opened", "after": "60m"}]}, id="two triggers"),
    ],
)
def test_other_good_rules(changes: dict[str, object]) -> None:
    assert refused("rules", rules(**changes)) == []


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        pytest.param({"titel": "x"}, "rules/welcome-back", id="a misspelt key of a rule"),
        pytest.param({"do": {**RULE["do"], "lead-to": {}}}, "rules/welcome-back/do", id="a misspelt key of an action"),
        pytest.param({"do": {"sned": "mail"}}, "rules/welcome-back/do", id="no action"),
        pytest.param({"do": {"send": "mail", "from": "cs-desk"}}, "rules/welcome-back/do", id="an action without its link"),
        pytest.param({"do": {**RULE["do"], "from": "cs-desks"}}, "rules/welcome-back/do/from", id="an unknown sender"),
        pytest.param({"do": {**RULE["do"], "template": "mail/nxt"}}, "rules/welcome-back/do/template", id="an unknown template"),
        pytest.param({"do": {**RULE["do"], "template": {"by": "will", "else": "mail/flow"}}}, "rules/welcome-back/do/template", id="by tags"),
        pytest.param(
            {"do": {**RULE["do"], "template": {"by": "main_will", "x": "mail/flow", "else": "mail/flow"}}},
            "rules/welcome-back/do/template",
            id="by a wrong value",
        ),
        pytest.param({"do": {**RULE["do"], "lead_to": {"setting": "frist_login"}}}, "rules/welcome-back/do/lead_to/setting", id="an unknown step"),
        pytest.param({"do": {**RULE["do"], "handover": ["stalled_day"]}}, "rules/welcome-back/do/handover/0", id="an unknown fact to hand over"),
        pytest.param(
            {"do": {"task": "call", "script": "call/silent", "due_business_days": "2日"}},
            "rules/welcome-back/do/due_business_days",
            id="days in words",
        ),
        pytest.param({"when": [{"stalled_day": {"at_least": 5}}]}, "rules/welcome-back/when/0", id="an unknown fact"),
        pytest.param({"when": [{"stalled_days": {"more_than": 5}}]}, "rules/welcome-back/when/0/stalled_days", id="an unknown comparison"),
        pytest.param({"when": [{"stalled_days": {"includes": 5}}]}, "rules/welcome-back/when/0/stalled_days", id="a comparison of another type"),
        pytest.param({"when": [{"stalled_days": {"at_least": "5日"}}]}, "rules/welcome-back/when/0/stalled_days", id="a number in words"),
        pytest.param({"when": [{"stalled_days": {"at_least": 5, "at_most": 9}}]}, "rules/welcome-back/when/0/stalled_days", id="two comparisons"),
        pytest.param({"when": [{"days_to_guidance": {"between": [3]}}]}, "rules/welcome-back/when/0/days_to_guidance", id="a range with one end"),
        pytest.param({"when": [{"recruit_kind": "newgrad"}]}, "rules/welcome-back/when/0/recruit_kind", id="an unknown value"),
        pytest.param({"when": [{"next_step": {"in": ["initial_setting"]}}]}, "rules/welcome-back/when/0/next_step", id="an unknown step in a list"),
        pytest.param({"when": [{"guidance_start": {"at_most": 3}}]}, "rules/welcome-back/when/0/guidance_start", id="a date compared"),
        pytest.param({"when": [{"done": {"known": True}}]}, "rules/welcome-back/when/0/done", id="a comparison the steps do not have"),
        pytest.param({"when": [{"segment": "set_up"}]}, "rules/welcome-back/when/0/segment", id="an unknown segment"),
        pytest.param({"when": [{"a": 1, "b": 2}]}, "rules/welcome-back/when/0", id="two facts in one condition"),
        pytest.param({"unless": {"timing": "later"}}, "rules/welcome-back/unless", id="a map where a list belongs"),
        pytest.param({"goal": "step_foward"}, "rules/welcome-back/goal", id="an unknown goal"),
        pytest.param({"stage": "live"}, "rules/welcome-back/stage", id="an unknown stage"),
        pytest.param({"again": {"per": "will"}}, "rules/welcome-back/again/per", id="counted per tags"),
        pytest.param({"again": {"after_days": 0}}, "rules/welcome-back/again/after_days", id="a number out of range"),
        pytest.param({"trigger": "weekly"}, "rules/welcome-back/trigger", id="an unknown trigger"),
        pytest.param({"trigger": {"event": "prodct.login"}}, "rules/welcome-back/trigger", id="an event of no source"),
    ],
)
def test_a_planted_mistake_in_a_rule_is_refused_where_it_stands(changes: dict[str, object], place: str) -> None:
    found = refused("rules", rules(**changes))
    assert found
    assert all(each.startswith(place) for each in found), found


def test_what_the_defaults_do_not_say_a_rule_must() -> None:
    assert refused("rules", {"rules": {"welcome-back": RULE}}) == ["rules/welcome-back", "rules/welcome-back"]
    assert refused("rules", {"rules": {"welcome-back": {**RULE, "stage": "plan", "owner": "sato"}}}) == []


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        pytest.param("rules", "rulez: {}", id="a misspelt top key"),
        pytest.param("rules", "rules: {Welcome_Back: {}}", id="a name that is no name"),
        pytest.param("facts", "facts: {a: {label: A, dayssince: [product.login]}}", id="no primitive"),
        pytest.param("facts", "facts: {a: {label: A, days_since: product.login}}", id="a text where a list belongs"),
        pytest.param("facts", "facts: {a: {label: A, days_since: [prodct.login]}}", id="an event of no source"),
        pytest.param("facts", "facts: {a: {label: A, count: product.login, within_days: 0}}", id="a window of no day"),
        pytest.param("facts", "facts: {a: {label: A, days_until: contract}}", id="days until something that is no date"),
        pytest.param("facts", "facts: {a: {label: A, table: [{when: [{x: 1}], then: b}, {else: c}]}}", id="a table on an unknown fact"),
        pytest.param("facts", "facts: {a: {attribute: hearing.x, type: text}}", id="no label"),
        pytest.param("goals", "goals: {a: {label: A, reached_by: nextstep}}", id="a goal reached by nothing"),
        pytest.param("goals", "{goals: {a: {label: A, reached_by: next_step}}, segments: {b: {label: B, when: []}}}", id="a segment of everybody"),
        pytest.param("order", "order: {push: [next-settings]}", id="an unknown rule in the order"),
        pytest.param("order", "order: {puhs: []}", id="an unknown lane"),
        pytest.param("order", "order: {pull: [1]}", id="a number in the order"),
        pytest.param("people", "people: {sato: {name: 佐藤, role: boss}}", id="an unknown role"),
        pytest.param("route", "{route: {id: main, label: A}, steps: {a: {label: A, after: [b], done_by: [product.a]}}}", id="after an unknown step"),
        pytest.param("route", "{route: {id: main, label: A}, steps: {a: {label: A, done_by: [a]}}}", id="an event without a source"),
        pytest.param("workspace", "{banso: 2}", id="another version, and all the rest missing"),
        pytest.param("tests", "tests: [{name: a, given: [yesterday], expect: []}]", id="a record without an instant"),
        pytest.param("tests", "tests: [{name: a, expect: [{at: 2026-04-07 02:00, decide: next-setting}]}]", id="a misspelt expectation"),
        pytest.param("tests", "tests: [{name: a, expect: [{at: 2026-04-07 02:00, decides: next-settings}]}]", id="an unknown rule expected"),
    ],
)
def test_a_planted_mistake_in_another_file_is_refused(kind: str, file: str) -> None:
    assert refused(kind, plain(file))


def test_a_test_as_the_language_page_writes_it_is_good() -> None:
    text = """
tests:
  - name: 初期設定が5日止まったら案内する
    account: {id: a社, hearing.recruit_kind: new_grad}
    given:
      - 2026-04-01 10:00 sfa.applied
      - 2026-04-02 10:00 hearing.will = auto_schedule
      - 2026-04-06 09:00 mail.sent goal=step_forward
    stale: [sfa]
    expect:
      - {at: 2026-04-06 02:00, none: true, why: {next-setting: stalled_days}}
      - {at: 2026-04-07 02:00, decides: next-setting, template: mail/initial-settings, sends_at: 2026-04-07 09:00, window_last_day: 2026-04-09}
  - name: 続き
    same_as: 初期設定が5日止まったら案内する
    expect: [{at: 2026-04-07 09:00, drops: next-setting, because: no_longer_true}]
"""
    assert refused("tests", plain(text)) == []


def test_a_fact_shows_its_label_and_a_value_shows_its_own() -> None:
    facts = schemas()["rules"]["definitions"]["condition"]["properties"]
    assert facts["stalled_days"]["description"] == "設定が進んでいない日数"
    short = facts["recruit_kind"]["anyOf"][0]
    assert dict(zip(short["enum"], short["enumDescriptions"], strict=True)) == {"new_grad": "新卒採用", "mid_career": "中途採用"}


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_key_of_a_rule_is_explained_in_the_language_asked_for(language: str) -> None:
    rule = schemas(ROOT, language)["rules"]["definitions"]["rule"]["properties"]
    unexplained = [key for key, schema in rule.items() if "description" not in schema]
    assert unexplained == []
    assert {re.search("[ぁ-ん一-龠]", schema["description"]) is not None for schema in rule.values()} == {language == "ja"}


def test_no_docstring_and_no_null_reaches_an_editor() -> None:
    text = json.dumps(schemas(ROOT, "en"), ensure_ascii=False)
    assert "Re-entry" not in text
    assert '"type": "null"' not in text.replace('"owner": {"type": "null"', "")


def fields_of_models() -> set[str]:
    def below(model: type) -> list[type]:
        return [each for child in model.__subclasses__() for each in (child, *below(child))]

    return {f"{model.__name__}.{field.alias or name}" for model in (*below(Strict), Row) for name, field in model.model_fields.items()}


def test_every_name_the_schemas_speak_of_is_a_key_of_some_model() -> None:
    """A key that was renamed would else silently lose its completions or its sentence."""
    known = fields_of_models()
    assert set(_named_fields(Words(load_workspace(ROOT, frozenset(CHANNELS)), "ja"))) <= known
    keys = {field.partition(".")[2] for field in known} | set(ACTIONS) | {key for keys in TOP_KEYS.values() for key in keys}
    assert EXPLAINED - keys == {"any", "segment", "by"}
    assert re.match(EVENT_PATTERN, "product.login")


@pytest.mark.parametrize(
    ("keys", "kind"),
    [
        (["defaults", "rules"], "rules"),
        (["segments", "goals"], "goals"),
        (["banso", "timezone"], "workspace"),
        (["goals", "order"], None),
        ([], None),
    ],
)
def test_a_file_is_known_by_its_top_keys(keys: list[str], kind: str | None) -> None:
    assert kind_of_file(keys) == kind


def test_the_first_line_leads_from_the_file_to_its_schema() -> None:
    assert modeline("rules/push.yaml", "rules") == "# yaml-language-server: $schema=../.banso/schema/rules.json"
    assert modeline("rules/tests/push.test.yaml", "tests") == "# yaml-language-server: $schema=../../.banso/schema/tests.json"
