"""YAML → a tree of nodes that know their line and column. YAML 1.2 core, of which only true, false and whole numbers are typed.

No aliases, anchors, tags, merge keys or duplicate keys: a 306-byte file with aliases can stand for 387 million nodes.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import yaml

from engine.errors import Fault, Place
from engine.workspace.hidden import without_hidden
from engine.workspace.slips import FULL_WIDTH_COLON, Slip, colon_of, slip_at_key, slip_of

BYTES_MAX = 1_000_000
DEPTH_MAX = 32
NODES_MAX = 100_000
MENDED_MAX = 20
WHOLE_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})\Z")

Plain = None | bool | int | str | list["Plain"] | dict[str, "Plain"]
Path = tuple[str | int, ...]


@dataclass
class Node:
    """A scalar, list or map with the place of its first character; maps also know the places of their keys."""

    line: int
    column: int
    value: Plain = None
    items: list["Node"] | None = None
    entries: dict[str, "Node"] | None = None
    key_places: dict[str, tuple[int, int]] = field(default_factory=dict)

    def plain(self) -> Plain:
        """The tree without places."""
        if self.entries is not None:
            return {key: node.plain() for key, node in self.entries.items()}
        if self.items is not None:
            return [node.plain() for node in self.items]
        return self.value

    def has(self, path: Path) -> bool:
        """Whether keys lead to `path`."""
        node = self
        for part in path:
            if node.entries is None or part not in node.entries:
                return False
            node = node.entries[str(part)]
        return True

    def at(self, path: Path) -> "Node | None":
        """The node to which keys and positions lead."""
        node: Node | None = self
        for part in path:
            node = node.child(part) if node is not None else None
        return node

    def child(self, part: str | int) -> "Node | None":
        if self.entries is not None:
            return self.entries.get(str(part))
        if self.items is not None and isinstance(part, int) and part < len(self.items):
            return self.items[part]
        return None

    def place_of(self, path: Path, *, of_key: bool = False) -> tuple[int, int]:
        """Line and column of what stands at `path`, or of the nearest node above it that exists."""
        node, at = self, (self.line, self.column)
        for index, part in enumerate(path):
            if node.entries is not None and part in node.entries:
                last = index == len(path) - 1
                at = node.key_places[str(part)] if of_key and last else (node.entries[str(part)].line, node.entries[str(part)].column)
                node = node.entries[str(part)]
            elif node.items is not None and isinstance(part, int) and part < len(node.items):
                node = node.items[part]
                at = (node.line, node.column)
        return at


class _Refused(Exception):
    """Reading stopped at a fault; with a slip it begins again on the mended line."""

    def __init__(self, fault: Fault, slip: Slip | None = None) -> None:
        super().__init__(fault.code)
        self.fault, self.slip = fault, slip


def decoded(raw: bytes, file: str) -> str | Fault:
    """The text of a file in UTF-8, with or without a byte order mark; else the fault at the first byte that is none."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        return Fault("E112", Place(file, line), {"byte": f"0x{raw[error.start]:02x}"})


def read_tree(raw: bytes, file: str) -> tuple[Node | None, list[Fault]]:
    """The tree of one file, or None, and every fault met on the way."""
    if len(raw) > BYTES_MAX:
        return None, [Fault("E111", Place(file), {"bytes": len(raw), "limit": BYTES_MAX})]
    text = decoded(raw, file)
    if isinstance(text, Fault):
        return None, [text]
    text, mended = without_hidden(text, file)
    while True:
        tree, faults, slip = _read_text(text, file)
        if slip is None or slip.mended is None or len(mended) >= MENDED_MAX:
            return tree, [*mended, *faults, *([slip.fault] if slip else [])]
        mended.append(slip.fault)
        lines = text.split("\n")
        lines[slip.line - 1] = slip.mended
        text = "\n".join(lines)


def _read_text(text: str, file: str) -> tuple[Node | None, list[Fault], Slip | None]:
    """The tree, and the slip at which reading stopped. The parser in Python is ten times slower and says better where; it is asked only then."""
    for loader in (yaml.CSafeLoader, yaml.SafeLoader):
        reader = _Reader(file, text.split("\n"))
        try:
            return reader.document(yaml.parse(text, Loader=loader)), reader.faults, None
        except _Refused as refused:
            return None, [*reader.faults, *([] if refused.slip else [refused.fault])], refused.slip
        except yaml.MarkedYAMLError as error:
            if loader is yaml.SafeLoader:
                return None, reader.faults, slip_of(error, text, file)
        except yaml.reader.ReaderError as error:
            if loader is yaml.SafeLoader:
                line = text[: error.position].count("\n") + 1
                column = error.position - text.rfind("\n", 0, error.position)
                return None, [Fault("E141", Place(file, line, column), {"sign": f"U+{_code_of(error.character):04X}"})], None
    return None, [Fault("E144", Place(file))], None  # only the faster parser refused it


def _code_of(character: object) -> int:
    return ord(character) if isinstance(character, str) else int(str(character))


class _Reader:
    """Builds nodes from parser events; keeps going after a fault that does not break the structure."""

    def __init__(self, file: str, lines: Sequence[str]) -> None:
        self.file, self.lines = file, lines
        self.faults: list[Fault] = []
        self.count = 0

    def document(self, events: Iterator[yaml.Event]) -> Node | None:
        root: Node | None = None
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise _Refused(Fault("E113", self._place(event)))
                root = self._node(next(events), events, 1)
        return root

    def _place(self, event: yaml.Event) -> Place:
        return Place(self.file, *_where(event))

    def _node(self, event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Node:
        self._check(event, depth)
        node = Node(*_where(event))
        if isinstance(event, yaml.ScalarEvent):
            node.value = self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            node.items = list(self._list(events, depth))
        else:
            node.entries = {}
            self._map(node, node.entries, events, depth)
        return node

    def _check(self, event: yaml.Event, depth: int) -> None:
        self.count += 1
        if depth > DEPTH_MAX or self.count > NODES_MAX:
            raise _Refused(Fault("E114", self._place(event), {"depth": DEPTH_MAX, "nodes": NODES_MAX}))
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _Refused(Fault("E115", self._place(event)))
        if tag := getattr(event, "tag", None):
            raise _Refused(Fault("E116", self._place(event), {"tag": tag}))

    def _scalar(self, event: yaml.ScalarEvent) -> Plain:
        """A value; one that runs on over a line that begins a list item of its own was meant otherwise."""
        start, end = event.start_mark, event.end_mark
        if not event.style and start is not None and end is not None and end.line > start.line:
            for number in range(start.line + 1, min(end.line + 1, len(self.lines))):
                text = self.lines[number]
                if text.lstrip().startswith("- "):
                    raise _Refused(Fault("E139", Place(self.file, number + 1, len(text) - len(text.lstrip()) + 1)))
        return _scalar(event)

    def _key(self, event: yaml.ScalarEvent, value: Node) -> str:
        """A key. `{send：mail}` and `{send:mail}` are keys without a value to YAML; they are reported and read as they were meant."""
        key: str = event.value
        if event.style:
            return key
        if key != key.strip("\u3000"):
            self.faults.append(Fault("E142", self._place(event)))
            return key.strip("\u3000")
        empty = value.value is None and value.items is None and value.entries is None
        if (meant := colon_of(key)) is None:
            return key
        code, key, rest = meant
        if not empty and rest[:1] in {"[", "{"}:
            self._run_into(event)
        if not empty:
            return str(event.value)
        place = self._place(event)
        column = place.column + (event.value.index(FULL_WIDTH_COLON) if code == "E102" else 0)
        self.faults.append(Fault(code, Place(self.file, place.line, column), {"key": key, "near": f"{key}: {rest}".strip()}))
        value.value = rest[1:-1] if rest[:1] in {'"', "'"} and rest[-1:] == rest[:1] else _typed(rest)
        return key

    def _run_into(self, event: yaml.ScalarEvent) -> None:
        """`when：[{next_step: complete}]` is one long key to YAML, up to the first colon that counts: the line is read again as it was meant."""
        line, column = _where(event)
        slip = slip_at_key(self.lines[line - 1], Place(self.file, line, column))
        raise _Refused(slip.fault, slip)

    def _list(self, events: Iterator[yaml.Event], depth: int) -> Iterator[Node]:
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            yield self._node(event, events, depth + 1)

    def _map(self, node: Node, entries: dict[str, Node], events: Iterator[yaml.Event], depth: int) -> None:
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key_node = self._node(event, events, depth + 1)
            value = self._node(next(events), events, depth + 1)
            if not isinstance(event, yaml.ScalarEvent):
                self.faults.append(Fault("E117", self._place(event)))
                continue
            key = self._key(event, value)
            if key in entries:
                first = node.key_places[key][0]
                self.faults.append(Fault("E104", self._place(event), {"key": key, "first": f"{self.file}:{first}"}))
            elif key == "<<":
                self.faults.append(Fault("E115", self._place(event)))
            else:
                entries[key] = value
                node.key_places[key] = (key_node.line, key_node.column)


def _where(event: yaml.Event) -> tuple[int, int]:
    """Line and column of an event, counted from 1."""
    mark = event.start_mark
    assert mark is not None
    return mark.line + 1, mark.column + 1


def _scalar(event: yaml.ScalarEvent) -> Plain:
    text: str = event.value
    return text if event.style else _typed(text)  # quoted or a block: text as it stands


def _typed(text: str) -> Plain:
    if text in {"true", "false"}:
        return text == "true"
    if text in {"", "~", "null"}:
        return None
    return int(text) if WHOLE_NUMBER.match(text) else text
