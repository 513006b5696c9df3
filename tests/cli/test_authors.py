"""The commands of those who write rules: they write files that lint, keep what was written, and refuse to overwrite."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.channels import CHANNELS
from engine.cli.app import main
from engine.rulebook.spec import RuleSpec
from engine.workspace.edit import plain_of
from engine.workspace.load import load_workspace

ROOT = Path(__file__).parents[2]
FINE, FAULTS, BAD_USAGE = 0, 1, 64
JAPANESE = re.compile(r"[ぁ-んァ-ヶ一-龠]")


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    def refuses(self, code: str) -> bool:
        """One fault of this code with what, why and what to do, and no traceback."""
        assert "Traceback" not in self.out + self.err
        return self.code == FAULTS and f" {code} " in self.err and len(re.findall(r"^  (why|do|なぜ|直し方) ", self.err, re.MULTILINE)) == 2


Banso = Callable[..., Said]


@pytest.fixture
def space(tmp_path: Path) -> Path:
    root = tmp_path / "space"
    for folder in ("rules", "templates"):
        shutil.copytree(ROOT / folder, root / folder)
    return root


@pytest.fixture(params=["ja", "en"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def banso(space: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Banso:
    def run(*arguments: str | Path, language: str = "en") -> Said:
        code = main(["-w", str(space), "--state", str(tmp_path / "state"), "--lang", language, *(str(each) for each in arguments)])
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


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


def test_schema_of_a_broken_workspace_keeps_the_last_one(banso: Banso, space: Path, language: str) -> None:
    banso("schema")
    before = (space / ".banso/schema/rules.json").read_bytes()
    change(space / "rules/push.yaml", "{next_step: first_login}", "{nxt_step: first_login}")
    assert banso("schema", language=language).refuses("E201")
    assert (space / ".banso/schema/rules.json").read_bytes() == before


def test_schema_as_json(banso: Banso) -> None:
    assert json.loads(banso("schema", "--json").out)["files"][0] == "workspace.json"


# --- fmt --------------------------------------------------------------------------------------------------------------


def test_fmt_tidies_and_then_has_nothing_to_do(banso: Banso, space: Path, language: str) -> None:
    change(space / "rules/goals.yaml", "goals:\n", "goals:   \r\n")
    before = plain_of((space / "rules/goals.yaml").read_text(encoding="utf-8"))
    said = banso("fmt", language=language)
    assert said.code == FINE
    assert "rules/goals.yaml" in said.out
    text = (space / "rules/goals.yaml").read_bytes().decode()
    assert text.startswith("# yaml-language-server: $schema=../.banso/schema/goals.json\n")
    assert "\r" not in text
    assert plain_of(text) == before
    again = contents(space)
    assert banso("fmt", language=language).code == FINE
    assert contents(space) == again
    assert (space / ".banso/schema/goals.json").is_file()


def test_fmt_of_one_file_leaves_the_others(banso: Banso, space: Path) -> None:
    before = contents(space)
    said = banso("fmt", space / "rules/order.yaml", "--json")
    assert json.loads(said.out) == {"changed": ["rules/order.yaml"], "faults": []}
    assert [name for name, raw in contents(space).items() if raw != before[name]] == ["rules/order.yaml"]


def test_fmt_says_where_it_cannot_read(banso: Banso, space: Path, language: str) -> None:
    change(space / "rules/order.yaml", "  push:", "  push: [")
    said = banso("fmt", language=language)
    assert said.refuses("E103")
    assert (space / "rules/order.yaml").read_text(encoding="utf-8").startswith("order:")


@pytest.mark.parametrize("file", ["rules/none.yaml", "templates/mail/layout.txt", "/etc/hosts"])
def test_fmt_of_something_else_is_refused(banso: Banso, language: str, file: str) -> None:
    assert banso("fmt", file, language=language).refuses("E682")


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


def test_fix_as_a_rehearsal_writes_nothing(banso: Banso, space: Path) -> None:
    change(space / "rules/push.yaml", "goal: step_forward", "goal: step_foward")
    before = contents(space)
    said = banso("fix", "--dry-run", "--json")
    told = json.loads(said.out)
    assert said.code == FINE
    assert contents(space) == before
    assert (told["written"], told["left"], told["files"]) == (False, [], ["rules/push.yaml"])
    assert (told["mended"][0]["wrong"], told["mended"][0]["right"]) == ("step_foward", "step_forward")


def test_fix_of_a_good_workspace_changes_nothing(banso: Banso, space: Path, language: str) -> None:
    before = contents(space)
    assert banso("fix", language=language).code == FINE
    assert contents(space) == before


@pytest.mark.parametrize("command", [("fmt",), ("fix",), ("schema",)], ids=lambda command: command[0])
def test_without_a_workspace_there_is_nothing_to_do(banso: Banso, space: Path, language: str, command: tuple[str, ...]) -> None:
    shutil.rmtree(space / "rules")
    assert banso(*command, language=language).refuses("E601")
