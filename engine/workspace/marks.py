"""Where a value stands in the text of a YAML file, seen with the parser's marks."""

import yaml

from engine.workspace.tree import Path


def composed(text: str) -> yaml.Node:
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    assert node is not None
    return node


def find(node: yaml.Node, path: Path) -> yaml.Node | None:
    for part in path:
        found = None
        if isinstance(node, yaml.MappingNode):
            found = next((value for key, value in node.value if key.value == part), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            found = node.value[part]
        if found is None:
            return None
        node = found
    return node


def end_of(text: str, node: yaml.Node) -> int:
    """Where a value ends: the parser's own mark of a block lies behind the blanks and comments that follow it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return end_of(text, last[1] if isinstance(node, yaml.MappingNode) else last)
    end: int = node.end_mark.index
    if isinstance(node, yaml.ScalarNode) and node.style in {"|", ">"} and "+" not in text[node.start_mark.index :].split("\n", 1)[0]:
        return len(text[:end].rstrip())
    return end


def line_end(text: str, index: int) -> int:
    """Behind the line break of the line that `index` stands on; `index` itself where a line begins there."""
    if index and text[index - 1] == "\n":
        return index
    found = text.find("\n", index)
    return len(text) if found < 0 else found + 1


def line_span(text: str, node: yaml.Node) -> tuple[int, int]:
    start: int = node.start_mark.index
    return text.rfind("\n", 0, start) + 1, line_end(text, end_of(text, node))


def head(text: str) -> str:
    """A text to which lines can be added."""
    return text if not text or text.endswith("\n") else text + "\n"
