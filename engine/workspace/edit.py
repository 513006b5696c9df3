"""Text surgery on YAML by place: one value, item or entry changes; every comment, blank and style around it stays.

Each edit is read back: unless exactly what was asked for differs in the parsed tree, the edit is refused (E681) and nothing is changed.
"""

import json
import re
from collections.abc import Callable, Sequence
from copy import deepcopy

import yaml

from engine.errors import refuse
from engine.workspace.marks import composed, end_of, find, head, line_end, line_span
from engine.workspace.tree import Path, Plain, read_tree

AS_IS = re.compile(r"[^\s:#,\[\]{}&*!|>'\"%@`?=<~-][^:#,\[\]{}'\"\n]*\Z")  # text that may stand without quotes, in a flow too
UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


def plain_of(text: str) -> Plain:
    """The parsed tree of a text. Raises BansoError with the first fault if it does not parse."""
    tree, faults = read_tree(text.encode(), "text")
    if tree is None or faults:
        raise refuse(faults[0].code if faults else "E118", faults[0].place if faults else "text", **(faults[0].values if faults else {}))
    return tree.plain()


def written(value: Plain) -> str:
    """A value as it can stand anywhere in a YAML file: lists and maps in flow style, text in quotes only where it needs them."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{written(key)}: {written(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(written(each) for each in value) + "]"
    if not isinstance(value, str):
        return json.dumps(value)
    if AS_IS.match(value) and value == value.strip() and _reads_back(value):
        return value
    return UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


def _reads_back(text: str) -> bool:
    tree, faults = read_tree(f"[{text}]".encode(), "text")
    return tree is not None and not faults and tree.plain() == [text]


def set_value(text: str, path: Path, value: Plain, *, after: Sequence[str] = ()) -> str:
    """The text with `value` at `path`, replaced where something stands there, else written into the nearest map above it.

    A new key of a block map gets its own line: behind the first of the keys `after` that the map has, else at its end.
    Raises BansoError E681 where the layout does not let one value be changed alone.
    """
    before = plain_of(text)
    root = composed(text)
    depth = len(path)
    while depth > 0 and find(root, path[:depth]) is None:
        depth -= 1
    node = find(root, path[:depth])
    assert node is not None
    rest = path[depth:]
    if not rest:
        changed = _replaced(text, node, written(value))
    elif isinstance(node, yaml.MappingNode):
        changed = _with_key(text, node, str(rest[0]), written(_nested(rest[1:], value)), after)
    else:
        changed = _replaced(text, node, written(_nested(rest, value)))
    return _checked(text, changed, path, _with(before, path, value))


def insert_item(text: str, path: Path, index: int, value: Plain) -> str:
    """The text with one more item in the list at `path`, so that it stands at `index`; a missing or empty list is made."""
    before = plain_of(text)
    node = find(composed(text), path)
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        return set_value(text, path, [value])
    changed = _with_flow_item(text, node, index, written(value)) if node.flow_style else _with_item_line(text, node, index, written(value))
    return _checked(text, changed, path, _changed_list(before, path, lambda items: items.insert(index, value)))


def remove_item(text: str, path: Path, index: int) -> str:
    """The text without one item of the list at `path`, and without the comment on its line."""
    before = plain_of(text)
    node = find(composed(text), path)
    assert isinstance(node, yaml.SequenceNode)
    if len(node.value) == 1:
        return set_value(text, path, [])
    changed = _without_flow_item(text, node, index) if node.flow_style else _without_lines(text, node.value[index])
    return _checked(text, changed, path, _changed_list(before, path, lambda items: items.pop(index)))


def move_item(text: str, path: Path, index: int, to: int) -> str:
    """The text with one item of the list at `path` taken to `to`, its index afterwards. In a block list the item's comment goes along."""
    before = plain_of(text)
    node = find(composed(text), path)
    assert isinstance(node, yaml.SequenceNode)
    if index == to:
        return text
    if node.flow_style:
        value = _at(before, (*path, index))
        return insert_item(remove_item(text, path, index), path, to, value)
    first, last = line_span(text, node.value[index])
    line = text[first:last].rstrip("\r\n")
    rest = text[:first] + text[last:]
    shorter = find(composed(rest), path)
    assert isinstance(shorter, yaml.SequenceNode)
    changed = _with_line(rest, shorter, to, line)
    return _checked(text, changed, path, _changed_list(before, path, lambda items: items.insert(to, items.pop(index))))


def append_entry(text: str, path: Path, entry: str) -> str:
    """The text with `entry`, one key and its value in block style without indentation, as the last of the block map at `path`."""
    before, added = plain_of(text), plain_of(entry)
    node = find(composed(text), path)
    if not isinstance(node, yaml.MappingNode) or node.flow_style or not isinstance(added, dict):
        raise refuse("E681", ".".join(str(part) for part in path), value=written(added))
    indent: str = " " * node.value[0][0].start_mark.column
    end = line_end(text, end_of(text, node.value[-1][1]))
    lines = "".join(f"{indent}{line}\n" if line else "\n" for line in entry.strip("\n").split("\n"))
    changed = head(text[:end]) + "\n" + lines + text[end:]
    expected = _with(before, path, {**_map_at(before, path), **added})
    return _checked(text, changed, path, expected)


def remove_key(text: str, path: Path) -> str:
    """The text without the key at `path`, and without the comments on its lines; unchanged where there is none."""
    before = plain_of(text)
    parent = find(composed(text), path[:-1])
    assert isinstance(parent, yaml.MappingNode)
    index = next((index for index, (key, _) in enumerate(parent.value) if key.value == path[-1]), None)
    if index is None:
        return text
    key, value = parent.value[index]
    if parent.flow_style:
        following = parent.value[index + 1][0].start_mark.index if index + 1 < len(parent.value) else None
        start = key.start_mark.index if following or not index else end_of(text, parent.value[index - 1][1])
        changed = text[:start] + text[following or end_of(text, value) :]
    else:
        changed = text[: text.rfind("\n", 0, key.start_mark.index) + 1] + text[line_end(text, end_of(text, value)) :]
    kept = {name: each for name, each in _map_at(before, path[:-1]).items() if name != path[-1]}
    return _checked(text, changed, path, _with(before, path[:-1], kept))


def source_of(text: str, path: Path) -> str:
    """The lines of the entry at `path`, its key first, without indentation: as `append_entry` takes it."""
    parent = find(composed(text), path[:-1])
    assert isinstance(parent, yaml.MappingNode)
    key, value = next((key, value) for key, value in parent.value if key.value == path[-1])
    lines = text[key.start_mark.index : line_end(text, end_of(text, value))].replace("\r\n", "\n").split("\n")
    column = key.start_mark.column
    return "\n".join([lines[0], *(line[column:] if not line[:column].strip() else line for line in lines[1:])]).rstrip() + "\n"


# --- changes --------------------------------------------------------------------------------------------------------


def _replaced(text: str, node: yaml.Node, value: str) -> str:
    start, end = node.start_mark.index, end_of(text, node)
    if start == end:  # nothing is written there
        value = f" {value}" if text[start - 1] in ":-" else f": {value}"
    return text[:start] + value + text[end:]


def _with_key(text: str, node: yaml.MappingNode, key: str, value: str, after: Sequence[str]) -> str:
    entry = f"{written(key)}: {value}"
    if node.flow_style:
        place = end_of(text, node.value[-1][1]) if node.value else node.start_mark.index + 1
        return text[:place] + (", " if node.value else "") + entry + text[place:]
    anchors = {each.value: each_value for each, each_value in node.value}
    anchor = next((anchors[name] for name in after if name in anchors), node.value[-1][1])
    place = line_end(text, end_of(text, anchor))
    indent: str = " " * node.value[0][0].start_mark.column
    return head(text[:place]) + indent + entry + _newline(text) + text[place:]


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _with_flow_item(text: str, node: yaml.SequenceNode, index: int, value: str) -> str:
    if index < len(node.value):
        place: int = node.value[index].start_mark.index
        return text[:place] + f"{value}, " + text[place:]
    place = end_of(text, node.value[-1])
    return text[:place] + f", {value}" + text[place:]


def _without_flow_item(text: str, node: yaml.SequenceNode, index: int) -> str:
    item = node.value[index]
    if index == len(node.value) - 1:
        return text[: end_of(text, node.value[index - 1])] + text[end_of(text, item) :]
    rest = text[end_of(text, item) :]
    start: int = item.start_mark.index
    return text[:start] + re.sub(r"\A\s*,[ ]*", "", rest)


def _with_item_line(text: str, node: yaml.SequenceNode, index: int, value: str) -> str:
    return _with_line(text, node, index, " " * node.start_mark.column + f"- {value}")


def _with_line(text: str, node: yaml.SequenceNode, index: int, line: str) -> str:
    """Behind the item before it, so that a comment above the next item stays with that one."""
    place = line_span(text, node.value[index - 1])[1] if index else line_span(text, node.value[0])[0]
    return head(text[:place]) + line + _newline(text) + text[place:]


def _without_lines(text: str, node: yaml.Node) -> str:
    first, last = line_span(text, node)
    return text[:first] + text[last:]


# --- what is expected -----------------------------------------------------------------------------------------------


def _checked(text: str, changed: str, path: Path, expected: Plain) -> str:
    """The changed text, if it reads as expected and no other."""
    tree, faults = read_tree(changed.encode(), "text")
    if tree is None or faults or tree.plain() != expected:
        raise refuse("E681", ".".join(str(part) for part in path), value=written(_at(expected, path)))
    return changed


def _nested(rest: Path, value: Plain) -> Plain:
    for part in reversed(rest):
        value = {str(part): value}
    return value


def _at(plain: Plain, path: Path) -> Plain:
    for part in path:
        plain = plain[int(part)] if isinstance(plain, list) else plain.get(str(part)) if isinstance(plain, dict) else None
    return plain


def _map_at(plain: Plain, path: Path) -> dict[str, Plain]:
    found = _at(plain, path)
    return found if isinstance(found, dict) else {}


def _with(plain: Plain, path: Path, value: Plain) -> Plain:
    if not path:
        return value
    if isinstance(plain, list):
        return [_with(each, path[1:], value) if index == path[0] else each for index, each in enumerate(plain)]
    inner = plain if isinstance(plain, dict) else {}
    return {**inner, str(path[0]): _with(inner.get(str(path[0])), path[1:], value)}


def _changed_list(plain: Plain, path: Path, change: Callable[[list[Plain]], object]) -> Plain:
    items = deepcopy(_at(plain, path))
    assert isinstance(items, list)
    change(items)
    return _with(plain, path, items)
