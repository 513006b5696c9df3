"""Every channel whose touch is a short text writes it the same each time, in words, and never with a hole in it."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.channels import CHANNELS, DISPATCHED
from engine.channels.letter import Occasion, Unwritable
from engine.decision.recipient import Recipient
from engine.facts.fold import fold_records
from engine.records.record import Record
from engine.rulebook.python import compile_python
from engine.workspace.load import load_workspace
from engine.workspace.model import NoteSource, Workspace
from engine.workspace.schema import Person
from tests.builders import a_record, a_stalled_customer, a_touch, at
from tests.story import SPACE

NOW = at("2026-04-07 09:00")
NOTES = [name for name, channel in CHANNELS.items() if channel.delivery != "relayed"]
WRITTEN = [name for name in NOTES if name != "help"]  # by templates; help shows articles that are there already
EACH_NOTE, EACH_WRITTEN = pytest.mark.parametrize("name", NOTES), pytest.mark.parametrize("name", WRITTEN)
TEMPLATE = "# {{ account.name }}の次の一手\n{{ addressee }}\n次は「{{ step.label }}」です。\n"
RULES = """
  note-popup:
    do: {show: popup, template: popup/note, lead_to: {setting: next_step}, handover: [next_step, main_will]}
    trigger: {event: product.login}
    goal: step_forward
  note-help:
    do: {suggest: help, articles: {by: next_step, initial_settings: [settings/first, settings/second], else: guide/start}}
    trigger: {event: product.login}
    goal: step_forward
  note-call:
    do: {task: call, script: call/note, due_business_days: 2, handover: [next_step, will], assign_to: {owner, else: sato}}
    goal: step_forward
  note-crm:
    do: {task: crm, script: crm/note, due_business_days: 2, assign_to: owner, handover: [next_step]}
  note-slack:
    do: {post: desk, text: slack/note, handover: [next_step]}
"""
COMMON = """    stage: share
    owner: sato
    title: 試しの{name}
    why: {{who: 設定の途中の担当者, benefit: 次の一手がわかる}}
    when: [{{next_step: initial_settings}}]
    again: {{at_most: 1, per: account}}
"""
LANES = {"pull": ["note-popup", "note-help"], "human": ["note-call"], "internal": ["note-crm", "note-slack"]}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The example, with one rule for each of these channels."""
    root = tmp_path_factory.mktemp("notes")
    for folder in ("rules", "templates"):
        shutil.copytree(SPACE / folder, root / folder)
    for name in WRITTEN:
        (root / "templates" / name).mkdir(exist_ok=True)
        (root / "templates" / name / "note.md").write_text(TEMPLATE, encoding="utf-8")
    rules = "".join(
        f"  {line.strip()}\n{COMMON.format(name=line.strip(' :'))}" if line.startswith("  note-") else f"{line}\n"
        for line in RULES.strip("\n").split("\n")
    )
    (root / "rules/notes.yaml").write_text(f"rules:\n{rules}", encoding="utf-8")
    changed(root / "rules/workspace.yaml", lambda said: said["channels"].update({name: {"label": name, "valid_days": 7} for name in NOTES}))
    changed(root / "rules/workspace.yaml", lambda said: said.update(accounts_of="owner", notify={"desk": "slack:#desk"}))
    changed(root / "rules/facts.yaml", lambda said: said["facts"].update(owner={"label": "担当", "attribute": "crm.owner", "type": "text"}))
    for lane, ids in LANES.items():
        changed(root / "rules/order.yaml", lambda said, lane=lane, ids=ids: said["order"].setdefault(lane, []).extend(ids))
    return load_workspace(root, frozenset(CHANNELS))


def changed(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Whatever the example says by now stays; what the rules here need is put beside it."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")


def occasion(workspace: Workspace, name: str, *more: Record) -> Occasion:
    fold = fold_records([*a_stalled_customer(), *more], NOW, workspace.plan.needs, workspace.zone)
    answer = compile_python(workspace.plan, workspace.zone, workspace.business).answer(fold, NOW, frozenset())
    return Occasion(a_touch(rule=f"note-{name}"), answer, fold, Recipient("tanaka", None, "田中", None), NOW)


@EACH_NOTE
def test_it_is_documented(name: str) -> None:
    assert CHANNELS[name].__doc__


@EACH_NOTE
def test_a_note_written_twice_is_the_same_and_says_what_the_preview_says(workspace: Workspace, name: str) -> None:
    seen = occasion(workspace, name)
    first, second = CHANNELS[name](workspace), CHANNELS[name](workspace)
    assert first.write(seen) == first.write(seen) == second.write(seen)
    assert json.loads(first.write(seen).body) == first.preview(seen) == second.preview(seen)
    assert (first.write(seen).touch_id, first.write(seen).address) == ("t1", "")


@EACH_WRITTEN
def test_title_and_text_speak_of_the_account_in_words(workspace: Workspace, name: str) -> None:
    seen = CHANNELS[name](workspace).preview(occasion(workspace, name))
    assert seen["subject"] == "株式会社青空の次の一手"
    assert "株式会社青空 田中 様" in seen["text"]
    assert "次は「初期設定」です。" in seen["text"]
    assert "initial_settings" not in seen["text"]


@EACH_WRITTEN
@pytest.mark.parametrize("part", ["title", "text"])
def test_a_value_that_is_missing_fails_the_note(workspace: Workspace, name: str, part: str) -> None:
    source = workspace.templates[f"{name}/note"]
    assert isinstance(source, NoteSource)
    holed = replace(workspace, templates={**workspace.templates, source.name: replace(source, **{part: "{{ guidance_start }}までに"})})
    with pytest.raises(Unwritable):
        CHANNELS[name](holed).write(occasion(holed, name))


@EACH_WRITTEN
def test_a_template_cannot_reach_what_is_behind_its_words(workspace: Workspace, name: str) -> None:
    source = workspace.templates[f"{name}/note"]
    assert isinstance(source, NoteSource)
    evil = replace(workspace, templates={**workspace.templates, source.name: replace(source, text="{{ account.__class__.__mro__ }}")})
    with pytest.raises(Unwritable):
        CHANNELS[name](evil).write(occasion(evil, name))


@EACH_WRITTEN
def test_who_takes_over_sees_the_facts_in_words(workspace: Workspace, name: str) -> None:
    handover = CHANNELS[name](workspace).preview(occasion(workspace, name))["handover"]
    assert handover.splitlines()[0].endswith(": 初期設定")
    assert "initial_settings" not in handover


def test_what_nobody_knows_is_a_dash_in_the_handover(workspace: Workspace) -> None:
    assert CHANNELS["call"](workspace).preview(occasion(workspace, "call"))["handover"].splitlines()[1].endswith(": –")


@pytest.mark.parametrize(
    ("name", "owner", "assigned"),
    [("call", "tanabe", "tanabe"), ("call", None, "sato"), ("crm", "tanabe", "tanabe"), ("crm", None, "team")],
    ids=["the owner", "the one written down where there is no owner", "the owner of a task", "the team where there is no owner"],
)
def test_a_task_names_who_is_to_do_it(workspace: Workspace, name: str, owner: str | None, assigned: str) -> None:
    told = [a_record("crm.owner", value=owner)] if owner else []
    assert CHANNELS[name](workspace).preview(occasion(workspace, name, *told))["assigned"] == assigned


def test_a_popup_leads_to_the_screen_of_the_next_step(workspace: Workspace) -> None:
    assert CHANNELS["popup"](workspace).preview(occasion(workspace, "popup"))["link"].endswith("/settings/initial")


def test_help_shows_the_articles_that_fit(workspace: Workspace) -> None:
    seen = occasion(workspace, "help")
    assert CHANNELS["help"](workspace).preview(seen)["text"] == "settings/first\nsettings/second"
    elsewhere = replace(seen, answer=replace(seen.answer, columns={**seen.answer.columns, "next_step": "complete"}))
    assert CHANNELS["help"](workspace).preview(elsewhere)["text"] == "guide/start"


def test_a_rule_that_suggests_no_help_any_more_fails_its_touch(workspace: Workspace) -> None:
    with pytest.raises(Unwritable):
        CHANNELS["help"](workspace).write(occasion(workspace, "popup"))


def test_workers_serve_what_is_not_shown_on_the_screen() -> None:
    assert set(DISPATCHED) == {name for name in CHANNELS if name not in {"popup", "help"}}


def a_person(**said: object) -> Person:
    return Person.model_validate({"name": "誰か", "role": "cs", **said})


@pytest.mark.parametrize(
    ("people", "assigned"),
    [
        pytest.param({"sato": a_person(substitute="mori", active={"to": "2026-04-07"}), "mori": a_person()}, "sato", id="on the last day"),
        pytest.param({"sato": a_person(substitute="mori", active={"to": "2026-04-06"}), "mori": a_person()}, "mori", id="gone"),
        pytest.param({"sato": a_person(substitute="mori", active={"from": "2026-04-08"}), "mori": a_person()}, "mori", id="not yet back"),
        pytest.param({"sato": a_person(substitute="mori", joined="2026-04-08"), "mori": a_person()}, "mori", id="not yet there"),
        pytest.param({"sato": a_person(active={"to": "2026-04-06"})}, "sato", id="gone, and nobody instead"),
        pytest.param(
            {"sato": a_person(substitute="mori", joined="2027-04-01"), "mori": a_person(substitute="sato", joined="2027-04-01")},
            "sato",
            id="both away, each for the other",
        ),
    ],
)
def test_a_task_of_somebody_who_is_away_is_the_substitutes(workspace: Workspace, people: dict[str, Person], assigned: str) -> None:
    told = occasion(replace(workspace, people=people), "call")
    assert CHANNELS["call"](replace(workspace, people=people)).preview(told)["assigned"] == assigned
