"""Edits by place: exactly what was asked for changes in the tree, and every comment stays where a person wrote it."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import BansoError
from engine.workspace.edit import append_entry, insert_item, move_item, plain_of, remove_item, remove_key, set_value, source_of, written

ROOT = Path(__file__).parents[2]
FILES = [*sorted((ROOT / "rules").glob("*.yaml")), *sorted((ROOT / "examples/yammer/rules").glob("*.yaml"))]
TEXTS = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in FILES}
PLAINS = {name: plain_of(text) for name, text in TEXTS.items()}
RULES = """\
defaults: {stage: share, owner: sato}
rules:
  first:                 # the first
    title: One           # kept
    why: {who: a, benefit: b}
    when: [{next_step: login}]   # all of these

  second: {title: Two, stage: plan}   # in one line
  # the last word
"""
ORDER = """\
order:                     # the upper one wins
  push:
    - a                    # first of all
    # b waits for a
    - b
    - c
  pull: [x, y, z]          # short
  human: []
"""


def leaves(plain, path=()):
    """Every path to a scalar."""
    children = plain.items() if isinstance(plain, dict) else enumerate(plain) if isinstance(plain, list) else None
    if children is None:
        yield path
        return
    for part, inner in children:
        yield from leaves(inner, (*path, part))


PLACES = [(name, path) for name, plain in PLAINS.items() for path in leaves(plain)]
MAPS = [(name, path[:cut]) for name, path in PLACES for cut in range(len(path)) if not isinstance(path[cut], int)]
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
SCALARS = st.one_of(st.booleans(), st.integers(-(10**6), 10**6), st.none(), TEXT)
VALUES = st.one_of(SCALARS, st.dictionaries(st.sampled_from(["who", "at_most", "else"]), SCALARS, min_size=1), st.lists(SCALARS, max_size=3))


def at(plain, path):
    for part in path:
        plain = plain[part]
    return plain


def without(plain, path):
    """The tree with a hole at the path."""
    if not path:
        return "hole"
    if isinstance(plain, list):
        return [without(each, path[1:]) if index == path[0] else each for index, each in enumerate(plain)]
    return {key: without(each, path[1:]) if key == path[0] else each for key, each in plain.items()}


def comments(text: str) -> list[str]:
    return re.findall(r"(?m)(?:^|\s)(#.*)$", text)


@settings(max_examples=40)
@given(st.sampled_from(PLACES), VALUES)
def test_only_the_value_that_is_set_differs(place, value) -> None:
    name, path = place
    changed = set_value(TEXTS[name], path, value)
    assert at(plain_of(changed), path) == value
    assert without(plain_of(changed), path) == without(PLAINS[name], path)
    assert comments(changed) == comments(TEXTS[name]) or "#" in str(value)


@settings(max_examples=40)
@given(st.sampled_from(MAPS), VALUES)
def test_only_the_new_key_differs(place, value) -> None:
    name, path = place
    changed = set_value(TEXTS[name], (*path, "new_key"), value)
    found = plain_of(changed)
    assert at(found, path).pop("new_key") == value
    assert found == PLAINS[name]
    assert comments(changed) == comments(TEXTS[name]) or "#" in str(value)


@settings(max_examples=40)
@given(VALUES)
def test_a_value_reads_back_as_it_was_written(value) -> None:
    assert plain_of(f"key: {written(value)}\nlist: [{written(value)}, 1]\n") == {"key": value, "list": [value, 1]}


def test_a_value_is_replaced_in_place_and_its_comment_stays() -> None:
    assert "    title: Uno           # kept\n" in set_value(RULES, ("rules", "first", "title"), "Uno")
    assert "  second: {title: Two, stage: try}   # in one line\n" in set_value(RULES, ("rules", "second", "stage"), "try")


def test_a_stage_that_came_from_defaults_gets_its_line_behind_the_reason() -> None:
    changed = set_value(RULES, ("rules", "first", "stage"), "try", after=("why", "title"))
    assert "    why: {who: a, benefit: b}\n    stage: try\n    when:" in changed
    assert "{title: Two, stage: plan, owner: kato}" in set_value(RULES, ("rules", "second", "owner"), "kato", after=("why",))


def test_a_new_key_at_the_end_stands_before_the_blank_line() -> None:
    changed = set_value(RULES, ("rules", "first", "goal"), "done")
    assert "# all of these\n    goal: done\n\n  second:" in changed


def test_a_map_that_is_missing_is_made() -> None:
    changed = set_value(RULES, ("rules", "first", "try", "at_most"), 20, after=("why",))
    assert "    try: {at_most: 20}\n" in changed


@pytest.mark.parametrize(
    ("text", "path", "value", "expected"),
    [
        pytest.param("a:\nb: 1\n", ("a",), 2, "a: 2\nb: 1\n", id="an empty value"),
        pytest.param("a:  # why\n", ("a",), 2, "a: 2  # why\n", id="an empty value with a comment"),
        pytest.param("a: {}\n", ("a", "b"), 2, "a: {b: 2}\n", id="an empty map"),
        pytest.param("a: {b, c: 1}\n", ("a", "b"), 2, "a: {b: 2, c: 1}\n", id="a key without a colon"),
        pytest.param("a: |\n  x\n  y\n# c\nb: 1\n", ("a",), "z", "a: z\n# c\nb: 1\n", id="a block of text"),
        pytest.param("a: 1", ("b",), 2, "a: 1\nb: 2\n", id="no line break at the end"),
        pytest.param("a: 1\r\nc: 3\r\n", ("b",), 2, "a: 1\r\nc: 3\r\nb: 2\r\n", id="line breaks of another system"),
        pytest.param("- a: 1\n- b\n", (0, "c"), 2, "- a: 1\n  c: 2\n- b\n", id="a map in a list"),
        pytest.param("題: 件名 # 注\n", ("題",), "新しい: 件名", '題: "新しい: 件名" # 注\n', id="text that needs quotes"),
        pytest.param("a: yes\n", ("a",), "true", 'a: "true"\n', id="text that would be read as something else"),
    ],
)
def test_layouts_of_values(text: str, path: tuple[str | int, ...], value: object, expected: str) -> None:
    assert set_value(text, path, value) == expected


def test_a_layout_that_cannot_be_edited_alone_is_refused() -> None:
    with pytest.raises(BansoError) as refused:
        append_entry("rules: {a: {title: x}}\n", ("rules",), "b:\n  title: y\n")
    assert [fault.code for fault in refused.value.faults] == ["E681"]


def test_an_item_goes_in_where_it_is_asked_for() -> None:
    assert "    - a                    # first of all\n    - new\n    # b waits for a\n    - b\n" in insert_item(ORDER, ("order", "push"), 1, "new")
    assert "  push:\n    - new\n    - a " in insert_item(ORDER, ("order", "push"), 0, "new")
    assert "    - c\n    - new\n  pull:" in insert_item(ORDER, ("order", "push"), 3, "new")
    assert "[x, new, y, z]          # short" in insert_item(ORDER, ("order", "pull"), 1, "new")
    assert "[x, y, z, new]" in insert_item(ORDER, ("order", "pull"), 3, "new")
    assert "  human: [new]\n" in insert_item(ORDER, ("order", "human"), 0, "new")
    assert "  internal: [new]\n" in insert_item(ORDER, ("order", "internal"), 0, "new")


def test_an_item_is_moved_with_the_comment_on_its_line() -> None:
    changed = move_item(ORDER, ("order", "push"), 0, 2)
    assert "    - c\n    - a                    # first of all\n  pull:" in changed
    assert "[y, z, x]" in move_item(ORDER, ("order", "pull"), 0, 2)


@settings(max_examples=40)
@given(st.sampled_from(["push", "pull"]), st.integers(0, 2), st.integers(0, 2))
def test_a_move_keeps_every_item_and_every_comment(lane: str, index: int, to: int) -> None:
    changed = move_item(ORDER, ("order", lane), index, to)
    items = list(plain_of(ORDER)["order"][lane])
    items.insert(to, items.pop(index))
    assert plain_of(changed) == {"order": {**plain_of(ORDER)["order"], lane: items}}
    assert sorted(comments(changed)) == sorted(comments(ORDER))


@settings(max_examples=40)
@given(st.sampled_from(["push", "pull"]), st.integers(0, 2))
def test_an_item_is_taken_out_alone(lane: str, index: int) -> None:
    items = list(plain_of(ORDER)["order"][lane])
    items.pop(index)
    assert plain_of(remove_item(ORDER, ("order", lane), index)) == {"order": {**plain_of(ORDER)["order"], lane: items}}


def test_the_last_item_of_a_list_leaves_an_empty_list() -> None:
    assert remove_item("push:\n  - a\n", ("push",), 0) == "push:\n  []\n"


KEYS = [(name, path) for name, path in MAPS if path and not isinstance(path[-1], int) and len(at(PLAINS[name], path[:-1])) > 1]


@settings(max_examples=40)
@given(st.sampled_from(KEYS))
def test_a_key_is_taken_out_alone(place) -> None:
    name, path = place
    changed = plain_of(remove_key(TEXTS[name], path))
    assert path[-1] not in at(changed, path[:-1])
    assert without(set_in(changed, path), path) == without(PLAINS[name], path)


def set_in(plain, path):
    """The tree with nothing at the path, the key being there."""
    if len(path) == 1:
        return {**plain, path[0]: None}
    if isinstance(plain, list):
        return [set_in(each, path[1:]) if index == path[0] else each for index, each in enumerate(plain)]
    return {key: set_in(each, path[1:]) if key == path[0] else each for key, each in plain.items()}


def test_a_key_that_is_not_there_is_not_missed() -> None:
    assert remove_key(RULES, ("rules", "first", "try")) == RULES
    assert "{title: Two}   # in one line" in remove_key(RULES, ("rules", "second", "stage"))
    assert "{stage: plan}   # in one line" in remove_key(RULES, ("rules", "second", "title"))


def test_an_entry_goes_behind_the_last_one_and_before_what_follows() -> None:
    changed = append_entry(RULES, ("rules",), "third:\n  title: Three  # new\n")
    assert "# in one line\n\n  third:\n    title: Three  # new\n  # the last word\n" in changed


def test_an_entry_can_be_copied_with_its_comments() -> None:
    assert source_of(RULES, ("rules", "first")) == (
        "first:                 # the first\n  title: One           # kept\n  why: {who: a, benefit: b}\n  when: [{next_step: login}]   # all of these\n"
    )
    for name, plain in PLAINS.items():
        for rule in plain.get("rules", {}):
            assert plain_of(source_of(TEXTS[name], ("rules", rule))) == {rule: plain["rules"][rule]}
