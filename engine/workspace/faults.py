"""Gathers every fault of a workspace, each at its file, line and column, with the nearest known name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Union, cast, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from engine.errors import Fault, Place
from engine.workspace.tree import Node, Path

NUMBERS = {"int_type", "int_parsing", "int_from_float"}


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, if any is alike at all."""
    found = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return found[0] if found else None


@dataclass
class Faults:
    """`trees` maps each file to its tree; `homes` says in which file an entry of a section stands."""

    trees: dict[str, Node] = field(default_factory=dict)
    homes: dict[tuple[str, str], str] = field(default_factory=dict)
    found: list[Fault] = field(default_factory=list)

    def add(self, code: str, place: Place, **values: object) -> None:
        self.found.append(Fault(code, place, values))

    def at(self, code: str, path: Path, values: Mapping[str, object]) -> None:
        """A fault at a path such as ("rules", "next-setting", "when", 0); adds the nearest known name."""
        known = values.get("known") or values.get("values") or values.get("allowed")
        wrong = values.get("name") or values.get("value") or values.get("comparison")
        near = nearest(str(wrong), known) if isinstance(known, tuple) and wrong is not None else None
        self.found.append(Fault(code, self.place(path, of_key=code in {"E106", "E107", "E201", "E303", "E401"}), {**values, "near": near}))

    def place(self, path: Path, *, of_key: bool = False) -> Place:
        """Where a path stands: in the file that holds its section and entry."""
        names = [str(part) for part in path[:2]]
        file = self.homes.get((names[0], names[1]) if len(names) == 2 else (names[0], "")) or self.homes.get((names[0], ""), names[0])
        if file not in self.trees:
            return Place(file)
        return Place(file, *self.trees[file].place_of(path, of_key=of_key))

    def from_schema(self, error: ValidationError, prefix: Path, model: object, file: str | None = None) -> None:
        """What pydantic found wrong with the part at `prefix`, in our words; `model` is the type it was held against.

        `file` names the file of a model that is a whole file; what it lacks is reported there.
        """
        seen: set[tuple[Path, str]] = set()
        for detail in error.errors(include_url=False):
            path = (*prefix, *self._inside(prefix, detail["loc"]))
            if file is not None and detail["type"] == "missing" and len(detail["loc"]) == 1:
                self.found.append(Fault("E106", Place(file), {"key": detail["loc"][0]}))
                continue
            if (path, detail["type"]) not in seen:
                seen.add((path, detail["type"]))
                self._add_detail(detail, path, keys_at(model, detail["loc"][:-1]))

    def _inside(self, prefix: Path, location: tuple[int | str, ...]) -> Path:
        """The part of pydantic's location that exists in the file: names of union branches are left out."""
        start = (*prefix, *location)[:2]
        names = [str(part) for part in start]
        file = self.homes.get((names[0], names[-1])) or self.homes.get((names[0], ""), "") if names else ""
        node = self.trees[file] if file in self.trees else None
        if ("rules", names[-1]) in self.homes and prefix and node is not None and node.entries is not None:
            node = node.entries["rules"]
            node = node.entries.get(str(prefix[-1])) if node.entries is not None else None
            prefix = ()
        kept: list[str | int] = []
        for part in prefix:
            node = node.entries.get(str(part)) if node is not None and node.entries is not None else None
        for index, part in enumerate(location):
            child = _child(node, part)
            if child is not None or index == len(location) - 1:
                kept.append(part)
                node = child if child is not None else node
        return tuple(kept)

    def _add_detail(self, detail: ErrorDetails, path: Path, known: tuple[str, ...]) -> None:
        kind, given = detail["type"], detail.get("input")
        context = detail.get("ctx", {})
        name = str(path[-1]) if path else ""
        match kind:
            case "extra_forbidden":
                self.found.append(Fault("E105", self.place(path, of_key=True), {"key": name, "near": nearest(name, known), "known": known}))
            case "missing":
                self.found.append(Fault("E106", self.place(path[:-1], of_key=True), {"key": name}))
            case "literal_error":
                allowed = str(context.get("expected", ""))
                options = [item.strip().strip("'") for item in allowed.replace(" or ", ", ").split(",")]
                self.found.append(Fault("E203", self.place(path), {"fact": name, "value": given, "values": tuple(options), "near": nearest(str(given), options)}))
            case "string_pattern_mismatch":
                self.found.append(Fault("E309", self.place(path), {"key": name, "value": given, "pattern": context.get("pattern", "")}))
            case "greater_than_equal" | "less_than_equal":
                self.found.append(Fault("E304", self.place(path), {"key": name, "value": given, "limit": context.get("ge", context.get("le"))}))
            case "table_without_else":
                self.found.append(Fault("E306", self.place(path)))
            case _ if kind in NUMBERS:
                self.found.append(Fault("E301", self.place(path), {"comparison": name, "wanted": given}))
            case _:
                self.found.append(Fault("E310", self.place(path), {"key": name, "value": given, "wanted": kind.removesuffix("_type")}))


def _child(node: Node | None, part: str | int) -> Node | None:
    if node is None:
        return None
    if node.entries is not None:
        return node.entries.get(str(part))
    if node.items is not None and isinstance(part, int) and part < len(node.items):
        return node.items[part]
    return None


def keys_at(annotation: object, location: Iterable[str | int]) -> tuple[str, ...]:
    """The keys a model allows at a location, for "did you mean"."""
    for part in location:
        annotation = next((inner for option in _options(annotation) if (inner := _step(option, part)) is not None), annotation)
    return tuple(key for option in _options(annotation) for key in _fields(option))


def _options(annotation: object) -> list[object]:
    """The alternatives of a union, without their annotations."""
    if get_origin(annotation) in {Annotated}:
        return _options(get_args(annotation)[0])
    if get_origin(annotation) in {Union, UnionType}:
        return [option for each in get_args(annotation) for option in _options(each)]
    return [annotation]


def _fields(annotation: object) -> dict[str, object]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {each.alias or name: each.annotation for name, each in annotation.model_fields.items()}
    return {}


def _step(annotation: object, part: str | int) -> object | None:
    if get_origin(annotation) in {dict, list}:
        return cast("object", get_args(annotation)[-1])
    return _fields(annotation).get(str(part))
