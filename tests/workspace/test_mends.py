"""Tidying never changes what a file means; mending changes exactly the words that faults name."""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.channels import CHANNELS
from engine.errors import Fault, Place
from engine.workspace.edit import plain_of
from engine.workspace.mends import faults_of, formatted, mended, replacement
from engine.workspace.tree import read_tree

ROOT = Path(__file__).parents[2]
SPACE = Path(__file__).parents[1] / "space"  # the small workspace of the stories
TEXTS = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "rules").glob("*.yaml"))]
PUSH = "rules/push.yaml"
HEAD = "# yaml-language-server: $schema=../.banso/schema/rules.json\n"
LEAVES = st.one_of(st.text(st.characters(codec="utf-8"), max_size=30), st.integers(-99, 99), st.booleans(), st.just("a  \nb \n\n c\n\n"))
TREES = st.dictionaries(
    st.sampled_from(["rules", "title", "設定", "a b"]),
    st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3), max_leaves=8),
    min_size=1,
)


def tree(raw: bytes) -> object:
    found, faults = read_tree(raw, "text")
    return [fault.code for fault in faults] or (found.plain() if found else None)


def tidy(text: str, file: str = PUSH) -> str:
    changed = formatted(text.encode(), file)
    assert changed is not None
    return changed


@settings(max_examples=40)
@given(TREES, st.sampled_from(["|", ">", '"', "'", None]), st.randoms())
def test_tidying_keeps_the_tree_of_any_file(plain: dict[str, object], style: str | None, chance) -> None:
    text = yaml.dump(plain, allow_unicode=True, default_style=style, default_flow_style=chance.choice([True, False, None]))
    lines = [line + chance.choice(["", " ", "  \t"]) for line in text.split("\n")]
    raw = (chance.choice(["", "\ufeff"]) + chance.choice(["\n", "\r\n"]).join(lines)).encode()
    before, after = tree(raw), formatted(raw, PUSH)
    assert after is not None
    if not (isinstance(before, list) and before and before[0] in {"E101", "E102", "E103"}):
        assert tree(after.encode()) == before
    assert "\r\n" not in after
    assert not after.startswith("\ufeff")


@settings(max_examples=40)
@given(st.sampled_from(TEXTS), st.randoms())
def test_tidying_twice_is_tidying_once(text: str, chance) -> None:
    once = tidy("\n".join(line + chance.choice(["", " "]) for line in text.split("\n")))
    assert tidy(once) == once
    assert plain_of(once) == plain_of(text)
    assert re.search(r"[ \t]$", once, re.MULTILINE) is None


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param("rules:\n  a: {}  \n\n\n", HEAD + "rules:\n  a: {}\n", id="blanks at ends, one line break at the end"),
        pytest.param("\ufeffrules:\r\n  a: {}\r\n", HEAD + "rules:\n  a: {}\n", id="a byte order mark and other line breaks"),
        pytest.param("rules:\n  a:\n    title: x\n\twhy: y\n", HEAD + "rules:\n  a:\n    title: x\n    why: y\n", id="a tab"),
        pytest.param("rules:\n  a:\n    title：x\n    why: y\n", HEAD + "rules:\n  a:\n    title: x\n    why: y\n", id="a full-width colon"),
        pytest.param("rules:\n  a:\n    title:　x\n    why: y\n", HEAD + "rules:\n  a:\n    title: x\n    why: y\n", id="a full-width space"),
        pytest.param("rules:\n  a:\n    stage:share\n    why: y\n", HEAD + "rules:\n  a:\n    stage: share\n    why: y\n", id="no space"),
        pytest.param(
            "rules:\n  a:\n    title: |\n      x  \n      y\n", HEAD + "rules:\n  a:\n    title: |\n      x  \n      y\n", id="a text kept as it is"
        ),
        pytest.param(HEAD + "rules: {}\n", HEAD + "rules: {}\n", id="nothing to do"),
        pytest.param("goals: {}\norder: {}\n", "goals: {}\norder: {}\n", id="a file of two kinds has no schema"),
        pytest.param("rules:\n  a: [1\n  b: 2", "rules:\n  a: [1\n  b: 2\n", id="a file that does not parse is left alone"),
        pytest.param("a:\n  http://x\n  b: 1\n", "a:\n  http://x\n  b: 1\n", id="an address is no key"),
        pytest.param("", "", id="nothing at all"),
    ],
)
def test_layouts(written: str, expected: str) -> None:
    assert tidy(written) == expected


def test_a_file_in_another_encoding_is_not_touched() -> None:
    assert formatted("title: 次の設定".encode("cp932"), PUSH) is None


# --- mends ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def space(tmp_path: Path) -> Path:
    for folder in ("rules", "templates"):
        shutil.copytree(SPACE / folder, tmp_path / folder)
    return tmp_path


def refusing(faults: Sequence[Fault]) -> list[Fault]:
    """Without what is only warned about."""
    return [fault for fault in faults if fault.refuses]


def change(space: Path, old: str, new: str, file: str = PUSH) -> None:
    text = (space / file).read_text(encoding="utf-8")
    assert old in text
    (space / file).write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "good", "wrong", "code"),
    [
        pytest.param(PUSH, "goal: step_forward", "gaol: step_forward", "E105", id="a key"),
        pytest.param(PUSH, "lead_to: {setting", "lead-to: {setting", "E105", id="a key of an action"),
        pytest.param(PUSH, "{who: 発行の", "{who：発行の", "E102", id="a full-width colon in a flow"),
        pytest.param(PUSH, "do: {send: mail", "do: {send:mail", "E103", id="no space in a flow"),
        pytest.param(PUSH, "do: {send: mail", "do: {sned: mail", "E129", id="an action"),
        pytest.param(PUSH, "{errors_7: {at_least: 3}}", "{errors_7: {atleast: 3}}", "E107", id="a comparison"),
        pytest.param(PUSH, "{stalled_days: {between", "{stalled_day: {between", "E201", id="a fact"),
        pytest.param(PUSH, "{next_step: first_login}", "{next_step: frist_login}", "E202", id="a step"),
        pytest.param(PUSH, "{timing: later}", "{timing: latter}", "E203", id="a value"),
        pytest.param(PUSH, "template: mail/readiness", "template: mail/readines", "E204", id="a template"),
        pytest.param(PUSH, "from: cs-desk", "from: csdesk", "E204", id="a sender"),
        pytest.param(PUSH, "segment: back_to_old", "segment: back_to_odl", "E206", id="a segment"),
        pytest.param("templates/mail/readiness/body.txt", "{{ guidance_start }}", "{{ guidance_strt }}", "E205", id="a blank of a mail"),
        pytest.param("rules/workspace.yaml", "Asia/Tokyo", "Asia/Tokio", "E122", id="a time zone"),
        pytest.param(PUSH, "between: [3, 20]", "between: [20, 3]", "E302", id="a range the wrong way round"),
        pytest.param(PUSH, "at_least: 21}", "at_least: ２１日}", "E301", id="full-width digits"),
        pytest.param("rules/goals.yaml", "goals:\n", "gaols:\n", "E105", id="a top key"),
        pytest.param("rules/facts.yaml", "days_until: guidance_start", 'days_until: "guidance_strt"', "E201", id="a fact read by a fact, in quotes"),
    ],
)
def test_a_mistake_is_undone_by_its_mend(space: Path, file: str, good: str, wrong: str, code: str) -> None:
    before = (space / file).read_text(encoding="utf-8")
    change(space, good, wrong, file)
    result = mended(space, frozenset(CHANNELS))
    assert [mend.code for mend in result.mends] == [code]
    assert refusing(result.left) == []
    assert list(result.files) == [file]
    assert result.files[file] == before
    assert (space / file).read_text(encoding="utf-8") == before


def test_mistakes_that_hide_behind_others_are_found_round_by_round(space: Path) -> None:
    change(space, "    title: アカウント発行から", "    title：アカウント発行から")
    change(space, "{next_step: first_login}", "{nxt_step: frist_login}")
    change(space, "{segment: back_to_old}", "{segmnt: back_to_old}")
    result = mended(space, frozenset(CHANNELS))
    assert sorted(mend.code for mend in result.mends) == ["E102", "E201", "E202"]
    assert [(fault.code, fault.values["name"]) for fault in refusing(result.left)] == [("E201", "segmnt")]


def test_what_no_fault_spells_out_is_left_for_a_person(space: Path) -> None:
    change(space, "    goal: step_forward\n", "")
    change(space, "template: mail/readiness", "template: mail/zzz")
    before = (space / PUSH).read_bytes()
    result = mended(space, frozenset(CHANNELS))
    assert sorted(fault.code for fault in refusing(result.left)) == ["E106", "E204"]
    assert result.mends == ()
    assert (space / PUSH).read_bytes() == before


def test_a_good_workspace_has_nothing_to_mend(space: Path) -> None:
    assert mended(space, frozenset(CHANNELS)).mends == ()
    assert refusing(faults_of(space, frozenset(CHANNELS))) == []


@pytest.mark.parametrize(
    ("code", "values", "text"),
    [
        pytest.param("E201", {"name": "days", "near": "stalled_days"}, "days_since: 3", id="only a part of a longer word"),
        pytest.param("E201", {"name": "days", "near": None}, "days: 3", id="nothing near"),
        pytest.param("E201", {"name": "days", "near": "day"}, "other", id="another word stands there"),
        pytest.param("E401", {"name": "days", "near": "day"}, "days:", id="a rule that is not in the order has its own name"),
        pytest.param("E301", {"wanted": "soon"}, "soon}", id="a word that is no number"),
    ],
)
def test_no_mend_where_it_would_be_a_guess(code: str, values: dict[str, object], text: str) -> None:
    assert replacement(Fault(code, Place(PUSH, 1, 1), values), text) is None
