"""What the reader of YAML files takes and what it refuses, and where each thing stands."""

import pytest

from engine.errors import Fault, Place, folded
from engine.workspace.tree import BYTES_MAX, DEPTH_MAX, NODES_MAX, Node, Plain, read_tree


def read(text: str | bytes) -> tuple[Node | None, list[Fault]]:
    return read_tree(text.encode() if isinstance(text, str) else text, "rules/x.yaml")


def plain_of(text: str | bytes) -> Plain:
    tree, faults = read(text)
    assert faults == []
    assert tree is not None
    return tree.plain()


def only_fault(text: str | bytes) -> Fault:
    _, faults = read(text)
    assert len(faults) == 1, faults
    return faults[0]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        pytest.param("true", True, id="true"),
        pytest.param("false", False, id="false"),
        pytest.param("5", 5, id="a whole number"),
        pytest.param("-5", -5, id="a negative number"),
        pytest.param("0", 0, id="zero"),
        pytest.param("", None, id="nothing"),
        pytest.param("~", None, id="nothing, written"),
        pytest.param("null", None, id="nothing, in a word"),
        *(
            pytest.param(text, text, id=f"{text} stays text")
            for text in (
                "no",
                "No",
                "yes",
                "On",
                "off",
                "True",
                "FALSE",
                "y",
                "1.10",
                "12:30",
                "0123",
                "0x1f",
                "1_000",
                "1e3",
                "+5",
                "-0123",
                ".inf",
                "2026-04-07",
            )
        ),
        pytest.param("５", "５", id="a full-width digit stays text"),
        pytest.param("5日", "5日", id="a number with its unit stays text"),
        pytest.param("　５ 社　", "　５ 社　", id="full-width spaces stay"),
        pytest.param("9" * 18, int("9" * 18), id="the longest number"),
        pytest.param("9" * 19, "9" * 19, id="a longer one stays text"),
        pytest.param('"5"', "5", id="in quotes always text"),
        pytest.param("'true'", "true", id="in single quotes as well"),
    ],
)
def test_only_true_false_and_whole_numbers_are_typed(written: str, value: Plain) -> None:
    found = plain_of(f"a: {written}\n")
    assert found == {"a": value}
    assert isinstance(found, dict)
    assert type(found["a"]) is type(value)


def test_keys_are_always_text() -> None:
    assert plain_of("on: 1\n5: 2\ntrue: 3\n") == {"on": 1, "5": 2, "true": 3}


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        pytest.param("a: &x 1\nb: 2\n", "E115", 1, 4, id="anchor"),
        pytest.param("a: 1\nb: *x\n", "E115", 2, 4, id="alias"),
        pytest.param("a: {b: 1}\nc:\n  <<: {b: 2}\n", "E115", 3, 3, id="merge key"),
        pytest.param("a: !!str 5\n", "E116", 1, 4, id="tag of YAML"),
        pytest.param("a: 1\nb: [!python/object:os.system x]\n", "E116", 2, 5, id="tag of Python"),
        pytest.param("a: 1\nb: 2\na: 3\n", "E104", 3, 1, id="a key twice"),
        pytest.param("a: {b: 1, c: 2, b: 3}\n", "E104", 1, 17, id="a key twice inside braces"),
        pytest.param("? [a, b]\n: 1\n", "E117", 1, 3, id="a list as a key"),
        pytest.param("? {a: b}\n: 1\n", "E117", 1, 3, id="a map as a key"),
        pytest.param("a: 1\n---\nb: 2\n", "E113", 2, 1, id="a second document"),
        pytest.param("a:\n\tb: 1\n", "E101", 2, 1, id="tab as indentation"),
        pytest.param("a:\n  b: 1\n  \tc: 1\n", "E101", 3, 3, id="tab after spaces"),
        pytest.param("a:\n  title：次の設定\n  stage: share\n", "E102", 2, 8, id="full-width colon before a good line"),
        pytest.param("a:\n  stage: share\n  title：次の設定\n", "E102", 3, 8, id="full-width colon after a good line"),
        pytest.param("a:\n  title: x\n  stage:share\n  owner: y\n", "E103", 3, 3, id="no space after the colon"),
        pytest.param("a:\n  stage:share\n  owner: y\n", "E103", 2, 3, id="no space after the colon, in the first line"),
        pytest.param("a: [1, 2\nb: 3\n", "E137", 1, 4, id="a bracket that is not closed"),
        pytest.param("a: 'x\nb: y\n", "E138", 1, 4, id="a quote that is not closed"),
        pytest.param("a: @x\n", "E143", 1, 4, id="a character that may not begin a text"),
        pytest.param("a: b: c\n", "E140", 1, 5, id="two colons in a line"),
        pytest.param("a: x\x00y\n", "E141", 1, 5, id="a NUL"),
        pytest.param("日本: \x07\n", "E141", 1, 5, id="a bell"),
        pytest.param("a：  # first\n  # more\n\n  b: 1\n", "E102", 1, 2, id="full-width colon before comments"),
        pytest.param("a: {b：1, c: 2}\n", "E102", 1, 6, id="full-width colon inside braces"),
        pytest.param("a: {b:x, c: 2}\n", "E103", 1, 5, id="no space after the colon inside braces"),
        pytest.param("a：[{b: x}]\n", "E102", 1, 2, id="full-width colon before a bracket"),
        pytest.param("a：{b: 1, c: 2}\n", "E102", 1, 2, id="full-width colon before a brace with two keys"),
        pytest.param("a: [{b： {c: 1}}]\n", "E102", 1, 7, id="full-width colon and a blank before a brace"),
        pytest.param("a:\u3000b\nc: d\n", "E103", 1, 1, id="a full-width space after the colon"),
        pytest.param("a: {b: 1 c: 2}\n", "E137", 1, 11, id="a comma that is missing"),
        pytest.param("a: [{b: 1}, {c: 2]\nd: 1\n", "E137", 1, 18, id="a brace that is not closed inside brackets"),
        pytest.param("a:\n  b: 1\n   c: 2\n", "E139", 3, 4, id="a line that is indented too far"),
        pytest.param("a:\n  b: {x: 1}\n c: 2\n", "E139", 3, 2, id="a line that is indented too little"),
        pytest.param("a:\n  - x\n   - y\n", "E139", 3, 4, id="a list item that is indented too far"),
        pytest.param("a:\n  b: 1\n　c: 2\n", "E142", 3, 1, id="a full-width space for indentation"),
        pytest.param("a:\n  　c: 2\n", "E142", 2, 3, id="a full-width space after others"),
        pytest.param("a:\n  b: 1\n\u00a0\u00a0c: 2\n", "E147", 3, 1, id="a no-break space for indentation"),
        pytest.param("a:\n  b: 1\n \u2003c: 2\n", "E147", 3, 2, id="an em space after a plain one"),
        pytest.param("a:\u00a01\n", "E147", 1, 3, id="a no-break space after the colon"),
        pytest.param("a: [b, \u200bc]\n", "E147", 1, 8, id="a space without width after a comma"),
        pytest.param("a: b\u00a0\nc: 1\n", "E147", 1, 5, id="a no-break space behind the value"),
        pytest.param("a: {b\u200b: 1}\n", "E147", 1, 6, id="a space without width behind a key"),
        pytest.param("a:\n  title 次の設定\n  b: 1\n", "E145", 2, 3, id="a line without a colon"),
        pytest.param("a: {b: 1｝\nc: 2\n", "E146", 1, 9, id="a full-width bracket"),
    ],
)
def test_what_is_refused_and_where(text: str, code: str, line: int, column: int) -> None:
    fault = only_fault(text)
    assert (fault.code, fault.place) == (code, Place("rules/x.yaml", line, column))


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("when：[{b: x}]\n", "when: […"),
        ("why： {who: a, benefit: b}\n", "why: {…"),
        ("a: [{b： {c: 1}}]\n", "b: {…"),
        ("a: {b：1, c: 2}\n", "b: 1"),
        ("goal:\u3000x\nc: d\n", "goal: x"),
    ],
)
def test_a_wrong_colon_is_told_with_what_was_meant(text: str, near: str) -> None:
    assert only_fault(text).values["near"] == near


def test_a_colon_within_a_text_is_text() -> None:
    tree, faults = read("title: 案内：次の1手\nkey with：x: 1\n")
    assert faults == []
    assert tree is not None


def test_what_was_clearly_meant_is_mended_so_that_the_rest_is_read() -> None:
    tree, faults = read("a:\n  title：次の設定\n  stage:share\n  do: {send：mail, from:desk}\n  b: 1\n  b: 2\n")
    assert sorted((fault.code, fault.place.line) for fault in faults) == [("E102", 2), ("E102", 4), ("E103", 3), ("E103", 4), ("E104", 6)]
    assert tree is not None
    assert tree.plain() == {"a": {"title": "次の設定", "stage": "share", "do": {"send": "mail", "from": "desk"}, "b": 1}}


def test_a_fault_shows_the_line_as_it_was_meant() -> None:
    assert only_fault("a:\n  stage:share\n  b: 1\n").values == {"key": "stage", "near": "stage: share"}


def test_a_key_twice_names_where_it_stood_first() -> None:
    assert only_fault("x: 1\na: 1\na: 2\n").values == {"key": "a", "first": "rules/x.yaml:2"}


def test_reading_goes_on_after_a_key_that_stands_twice() -> None:
    tree, faults = read("a: 1\na: 2\nb: 1\nb: 2\nc: 3\n")
    assert [fault.place.line for fault in faults] == [2, 4]
    assert tree is not None
    assert tree.plain() == {"a": 1, "b": 1, "c": 3}


def test_a_bomb_of_aliases_is_refused_at_its_first_anchor() -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"{name}: &{name} [*{last}, *{last}]\n" for last, name in zip("abcdefgh", "bcdefghi", strict=True))
    assert only_fault(bomb).place == Place("rules/x.yaml", 1, 4)


def test_the_depth_has_a_limit() -> None:
    assert read("[" * DEPTH_MAX + "]" * DEPTH_MAX)[1] == []
    assert only_fault("[" * (DEPTH_MAX + 1) + "]" * (DEPTH_MAX + 1)).code == "E114"
    assert only_fault("[" * 50_000).code == "E114"


def test_the_number_of_nodes_has_a_limit() -> None:
    fault = only_fault("[" + "1," * NODES_MAX + "]")
    assert (fault.code, fault.values) == ("E114", {"depth": DEPTH_MAX, "nodes": NODES_MAX})


def test_the_size_has_a_limit() -> None:
    assert only_fault(b"#" * (BYTES_MAX + 1)).values == {"bytes": BYTES_MAX + 1, "limit": BYTES_MAX}
    assert read(b"#" * BYTES_MAX) == (None, [])


def test_an_empty_file_is_nothing_and_no_fault() -> None:
    assert read("") == (None, [])
    assert read("# nur ein Kommentar\n") == (None, [])


def test_a_byte_order_mark_is_passed_over() -> None:
    tree, _ = read(b"\xef\xbb\xbfa: 1\n")
    assert tree is not None
    assert tree.plain() == {"a": 1}
    assert tree.key_places["a"] == (1, 1)


@pytest.mark.parametrize("encoding", ["cp932", "euc_jp", "utf-16"])
def test_another_encoding_is_refused_with_the_line(encoding: str) -> None:
    fault = only_fault("a: 1\ntitle: 次の設定\n".encode(encoding))
    assert fault.code == "E112"
    assert fault.place.line == (1 if encoding == "utf-16" else 2)


def test_lines_that_end_as_on_windows_are_read_alike() -> None:
    assert plain_of("a: 1\r\nb:\r\n  - x\r\n  - y\r\n") == {"a": 1, "b": ["x", "y"]}
    assert only_fault("a: 1\r\nb: &x 2\r\n").place == Place("rules/x.yaml", 2, 4)


def test_every_node_knows_its_place() -> None:
    tree, _ = read("rules:\n  次の設定:\n    when: [{a: {at_least: 5}}, {b: 全角}]\n    do:\n      - x\n      - {y: z}\n")
    assert tree is not None
    places = {
        (): (1, 1),
        ("rules",): (2, 3),
        ("rules", "次の設定"): (3, 5),
        ("rules", "次の設定", "when"): (3, 11),
        ("rules", "次の設定", "when", 0): (3, 12),
        ("rules", "次の設定", "when", 0, "a"): (3, 16),
        ("rules", "次の設定", "when", 0, "a", "at_least"): (3, 27),
        ("rules", "次の設定", "when", 1): (3, 32),
        ("rules", "次の設定", "when", 1, "b"): (3, 36),
        ("rules", "次の設定", "do", 0): (5, 9),
        ("rules", "次の設定", "do", 1): (6, 9),
        ("rules", "次の設定", "do", 1, "y"): (6, 13),
    }
    assert {path: tree.place_of(path) for path in places} == places


def test_a_key_has_a_place_of_its_own() -> None:
    tree, _ = read("rules:\n  a: {when: 1}\n")
    assert tree is not None
    assert tree.place_of(("rules", "a"), of_key=True) == (2, 3)
    assert tree.place_of(("rules", "a", "when"), of_key=True) == (2, 7)


def test_what_is_not_there_stands_where_it_ought_to() -> None:
    tree, _ = read("rules:\n  a: {when: 1}\n")
    assert tree is not None
    assert tree.place_of(("rules", "a", "goal")) == (2, 6)
    assert tree.place_of(("goals",)) == (1, 1)


def test_faults_that_say_the_same_are_folded_with_their_places() -> None:
    first, second = (Fault("E204", Place("a", line), {"name": "x", "near": str(line)}) for line in (1, 2))
    other = Fault("E204", Place("a", 3), {"name": "y"})
    assert folded([first, other, second]) == [(first, [second.place]), (other, [])]
    rules = [Fault("E401", Place("a", line), {"name": str(line), "lane": "push"}) for line in (1, 2)]
    assert folded(rules) == [(rules[0], [rules[1].place])]


def test_a_blank_inside_a_text_is_the_authors_own() -> None:
    text = 'a: 10\u00a0%\nb: "\u00a0x\u00a0"\nc: 1  # \u00a0\n'
    tree, faults = read_tree(text.encode(), "rules/x.yaml")
    assert (tree.plain() if tree else None, faults) == ({"a": "10\u00a0%", "b": "\u00a0x\u00a0", "c": 1}, [])
