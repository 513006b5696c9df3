"""Every small way to spoil a workspace file: keys, values, references, indentation, colons, encodings and cuts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from engine.workspace.tree import Plain, read_tree

TYPES = {"text": "x y", "number": "7", "list": "[x]", "map": "{x: y}", "null": "~"}
REFERENCE = re.compile(r"[a-z][a-z0-9_]*(?:[./-][a-z0-9_-]+)*\Z")


@dataclass(frozen=True)
class Mutation:
    """One spoilt file. `line`: where it was touched (0: all of it); `path`: which value or key, as far as that is known."""

    kind: str
    file: str
    raw: bytes
    line: int
    path: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind} {self.file}:{self.line} {'.'.join(self.path)}"


@dataclass(frozen=True)
class Spot:
    """A key or value: its place in the text, and how it is reached (positions in lists are left out)."""

    start: int
    end: int
    line: int
    path: tuple[str, ...]
    is_key: bool
    is_scalar: bool


def mutations(root: Path) -> Iterator[Mutation]:
    """All of them, for every YAML file of a workspace; each is told as soon as it is made, as there are tens of thousands."""
    for path in sorted((root / "rules").glob("*.yaml")):
        file, text = f"rules/{path.name}", path.read_text(encoding="utf-8")
        yield from _by_spot(file, text)
        yield from _by_line(file, text)
        yield from _by_file(file, text)


def plain_of(raw: bytes) -> tuple[Plain, int]:
    """What a file says, and how many faults its reader alone found."""
    tree, faults = read_tree(raw, "x.yaml")
    return tree.plain() if tree is not None else None, len(faults)


def _by_spot(file: str, text: str) -> Iterator[Mutation]:
    for spot in spots(text):
        old = text[spot.start : spot.end]

        def spoilt(kind: str, new: str, spot: Spot = spot) -> Mutation:
            return Mutation(kind, file, (text[: spot.start] + new + text[spot.end :]).encode(), spot.line, spot.path)

        if spot.is_key:
            yield spoilt("key misspelt", old[:-1] + ("x" if old[-1] != "x" else "y"))
            continue
        for name, written in TYPES.items():
            yield spoilt(f"value made a {name}", written)
        if spot.is_scalar and REFERENCE.match(old) and len(old) > 2:
            yield spoilt("reference cut", old[:-1])


def _by_line(file: str, text: str) -> Iterator[Mutation]:
    lines = text.split("\n")

    def spoilt(kind: str, number: int, new: str) -> Mutation:
        return Mutation(kind, file, "\n".join([*lines[:number], new, *lines[number + 1 :]]).encode(), number + 1)

    for number, line in enumerate(lines):
        if not line.strip():
            continue
        yield spoilt("indented by one more", number, f" {line}")
        if line.startswith(" "):
            yield spoilt("indented by one less", number, line[1:])
            yield spoilt("tab for indentation", number, "\t" + line.lstrip())
        for found in re.finditer(": ", line):
            before, after = line[: found.start()], line[found.end() :]
            yield spoilt("full-width colon", number, f"{before}：{after.lstrip()}")
            yield spoilt("no blank after the colon", number, f"{before}:{after.lstrip()}")


def _by_file(file: str, text: str) -> Iterator[Mutation]:
    raw = text.encode()
    yield Mutation("BOM", file, b"\xef\xbb\xbf" + raw, 0)
    yield Mutation("CRLF", file, text.replace("\n", "\r\n").encode(), 0)
    yield Mutation("CP932", file, text.encode("cp932", errors="replace"), 0)
    for size in range(len(raw)):
        yield Mutation("cut", file, raw[:size], raw[:size].count(b"\n") + 1)


def spots(text: str) -> Iterator[Spot]:
    """The keys, scalars and braced values of a text."""
    events = yaml.parse(text, Loader=yaml.SafeLoader)
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            yield from _node(next(events), events, ())


def _node(event: yaml.Event, events: Iterator[yaml.Event], path: tuple[str, ...]) -> Iterator[Spot]:
    start, line = event.start_mark.index, event.start_mark.line + 1
    if isinstance(event, yaml.ScalarEvent):
        if event.end_mark.index > start:
            yield Spot(start, event.end_mark.index, line, path, is_key=False, is_scalar=True)
        return
    inner: list[Spot] = []
    is_map, opened = isinstance(event, yaml.MappingStartEvent), event
    while not isinstance(event := next(events), yaml.MappingEndEvent | yaml.SequenceEndEvent):
        key = ()
        if is_map:
            key = (event.value,)
            inner.append(Spot(event.start_mark.index, event.end_mark.index, event.start_mark.line + 1, (*path, *key), is_key=True, is_scalar=True))
            event = next(events)
        inner += _node(event, events, (*path, *key))
    if opened.flow_style and path:
        yield Spot(start, event.end_mark.index, line, path, is_key=False, is_scalar=False)
    yield from inner
