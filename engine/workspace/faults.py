"""Gathers every fault of a workspace, each at its file, line and column, with the nearest known name."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path as FilePath

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from engine.errors import Fault, Place
from engine.rulebook.actions import ACTIONS
from engine.workspace.keys import keys_at
from engine.workspace.slips import FULL_WIDTH_COLON, colon_of
from engine.workspace.tree import Node, Path, decoded

NUMBERS = {"int_type", "int_parsing", "int_from_float"}
EXAMPLES = ("next_step", "next-setting", "product.login", "09:00", "36h", "mail/readiness", "cs@example.jp", "https://example.jp")
OWN = {"points_beyond_full": "E320", "bands_with_gaps": "E321"}  # raised by models of our own
KINDS = {"string": '"…"', "list": "[…, …]", "dict": "{key: value}", "model": "{key: value}", "bool": "true / false"}
NEEDED = {
    "goal": "goal: step_forward",
    "why": "why: {who: …, benefit: …}",
    "else": "else: …",
    "try": "try: {sample: 30}",
    "save_to": "save_to: hearing.readiness",
}
# where the names of a kind are declared
DECLARED = {
    **{kind: f"{kind}s" for kind in ("channel", "sender", "support", "seminar", "course", "goal")},
    "person": "people",
    "notify": "notify",
    "mail_kind": "mail_kinds",
}
# what a fault is held against: while that itself is at fault, the other only follows
READS = {"E207": ("sources",), "E124": ("sources",), "E133": ("accounts_of",), "E314": ("sessions",)}
AT_KEY = {"E105", "E106", "E107", "E120", "E201", "E303", "E401", "W404", "W505", "W506", "W508", "W512"}  # found at the key, the others at the value


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, if any is alike at all."""
    found = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return found[0] if found else None


@dataclass
class Faults:
    """`trees` maps each file to its tree; `homes` says in which file an entry of a section stands.

    `unreadable`: a whole file could not be read, so a missing name proves nothing.
    `broken` holds the names whose own definition is at fault: that they are then missing elsewhere is no second fault.
    """

    trees: dict[str, Node] = field(default_factory=dict)
    homes: dict[tuple[str, str], str] = field(default_factory=dict)
    found: list[Fault] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    unreadable: bool = False
    wrong: set[Path] = field(default_factory=set)  # where something is wrong in form
    labels: dict[str, str] = field(default_factory=dict)  # of the facts that nobody writes down
    blanks: dict[str, list[tuple[str, Place]]] = field(default_factory=dict)  # template file -> the facts it cannot do without

    def add(self, code: str, place: Place, **values: object) -> None:
        fault = Fault(code, place, values)
        if values.get("name") not in self.broken and fault not in self.found:
            self.found.append(fault)

    def at(self, code: str, path: Path, values: Mapping[str, object]) -> None:
        """A fault at a path such as ("rules", "next-setting", "when", 0); adds the nearest known name."""
        if self._follows(code, path, values) or (code == "E108" and self._text_for_a_condition(path)):
            return
        known = values.get("known") or values.get("values") or values.get("allowed")
        wrong = values.get("name") or values.get("value") or values.get("comparison")
        near = values.get("near") or (nearest(str(wrong), known) if isinstance(known, tuple) and wrong is not None else None)
        if code == "E303":
            near = self._days_until(str(values.get("fact")))
        more = {"label": label} if near and (label := self._label(code, str(near))) else {}
        if code == "E106" and (*path, str(values["key"])) != path and self._node((*path, str(values["key"]))) is not None:
            path = (*path, str(values["key"]))  # written, with nothing behind it
        of_key = code in AT_KEY and (code != "E201" or path[-1] == wrong)  # `days_until: x` names a fact in its value
        self.add(code, self.place(path, of_key=of_key), **{**values, "near": near, **more})

    def _text_for_a_condition(self, path: Path) -> bool:
        """`- next_step：complete` is a text to YAML; told as the slip that it is."""
        node = self._node(path)
        meant = colon_of(node.value) if node is not None and isinstance(node.value, str) else None
        if node is None or meant is None:
            return False
        code, key, rest = meant
        place = self.place(path)
        column = place.column + (str(node.value).index(FULL_WIDTH_COLON) if code == "E102" else 0)
        self.add(code, Place(place.file, place.line, column), key=key, near=f"{key}: {rest}")
        return True

    def blanks_of(self, template: str) -> Iterator[tuple[str, str, Place]]:
        """(file, fact, place) of what a template cannot do without; a mail is a folder, a note a file."""
        for file, blanks in self.blanks.items():
            if file.startswith((f"templates/{template}/", f"templates/{template}.")):
                yield from ((file, name, place) for name, place in blanks)

    def is_wrong_below(self, path: Path) -> bool:
        """Whether something at or below a path was wrong in form, and was read as if it were not written."""
        return any(wrong[: len(path)] == path for wrong in self.wrong)

    def _follows(self, code: str, path: Path, values: Mapping[str, object]) -> bool:
        """Whether a fault only follows from one that is told already: what is wrong in form is missing afterwards."""
        if not self.wrong or code == "E401":
            return False
        if code in READS:
            return any(self.is_wrong_below((section,)) for section in READS[code])
        declared = DECLARED.get(str(values.get("kind")))
        if (declared is not None and self.is_wrong_below((declared,))) or self.is_wrong_below(("facts", str(values.get("fact")))):
            return True
        whole = (*path, str(values["key"])) if code == "E106" and path[-1:] != (values["key"],) else path
        return len(path) > 2 - (code == "E106") and any(wrong[: len(whole)] == whole or whole[: len(wrong)] == wrong for wrong in self.wrong)

    def _node(self, path: Path) -> Node | None:
        tree = self.trees.get(self.homes.get((str(path[0]), str(path[1])), "") or self.homes.get((str(path[0]), ""), ""))
        return tree.at(path) if tree is not None else None

    def _label(self, code: str, near: str) -> str | None:
        """What people call the name that was meant; of a step and of an entry in the order also where it stands."""
        section = {"E201": "facts", "E303": "facts", "E202": "steps"}.get(code)
        if section is None:
            return None
        tree = self.trees.get(self.homes.get((section, ""), ""))
        label = tree.at((section, near, "label")) if tree is not None else None
        if label is None or not isinstance(label.value, str):
            return self.labels.get(near)
        return label.value if section == "facts" else f"{label.value}, {self.place((section, near), of_key=True)}"

    def _days_until(self, date: str) -> str | None:
        """The fact that counts the days until a date, which can be compared."""
        tree = self.trees.get(self.homes.get(("facts", ""), ""))
        facts = tree.entries.get("facts") if tree is not None and tree.entries is not None else None
        for name in (facts.entries or {}) if facts is not None else {}:
            wanted = tree.at(("facts", name, "days_until")) if tree is not None else None
            if wanted is not None and wanted.value == date:
                return name
        return None

    def text_of(self, path: FilePath, root: FilePath) -> str | None:
        """The text of a file that is not YAML, or None after reporting that it is not UTF-8."""
        file = str(path.relative_to(root))
        text = decoded(path.read_bytes(), file)
        if isinstance(text, str):
            return text.replace("\r\n", "\n")
        self.found.append(text)
        return None

    def place(self, path: Path, *, of_key: bool = False) -> Place:
        """Where a path stands: in the file that holds its section and entry."""
        names = [str(part) for part in path[:2]]
        file = self.homes.get((names[0], names[1]) if len(names) == 2 else (names[0], "")) or self.homes.get((names[0], ""), names[0])
        if file not in self.trees:
            return Place(file)
        tree = self.trees[file]
        if names[0] == "rules" and not tree.has(path[:3]) and tree.has(("defaults", *path[2:3])):
            path = ("defaults", *path[2:])
        return Place(file, *tree.place_of(path, of_key=of_key))

    def from_schema(self, error: ValidationError, prefix: Path, model: object, file: str | None = None) -> None:
        """What pydantic found wrong with the part at `prefix`, in our words; `model` is the type it was held against.

        `file` names the file of a model that is a whole file; what it lacks is reported there.
        """
        seen: set[Path] = set()
        details = error.errors(include_url=False)
        meant = dict(_misspelt(details, model))
        for detail in details:
            if detail["type"] == "missing" and detail["loc"] in meant.values():
                continue  # misspelt, not missing as well
            path = (*prefix, *self._inside(prefix, detail["loc"], missing=detail["type"] == "missing"))
            self.wrong.add(path)
            if not prefix and detail["type"] == "missing" and len(detail["loc"]) == 1:
                self._add_missing_top(str(detail["loc"][0]), file)
            elif path not in seen:
                seen.add(path)
                near = str(meant[detail["loc"]][-1]) if detail["loc"] in meant else None
                self._add_detail(detail, path, keys_at(model, detail["loc"][:-1]), near)

    def _add_missing_top(self, key: str, file: str | None) -> None:
        if file is not None:
            self.add("E106", Place(file), key=key, **need_of(key))
        elif not self.unreadable:
            self.add("E119", Place("rules"), section=key)

    def _inside(self, prefix: Path, location: tuple[int | str, ...], *, missing: bool) -> Path:
        """The part of pydantic's location that exists in the file: names of union branches are left out."""
        start = (*prefix, *location)[:2]
        names = [str(part) for part in start]
        file = self.homes.get((names[0], names[-1])) or self.homes.get((names[0], ""), "") if names else ""
        node = self.trees.get(file)
        if ("rules", names[-1]) in self.homes and prefix and node is not None and node.entries is not None:
            node = node.entries["rules"]
            node = node.entries.get(str(prefix[-1])) if node.entries is not None else None
            prefix = ()
        kept: list[str | int] = []
        defaults = self.trees[file].entries if start[:1] == ("rules",) and file in self.trees else None
        common = defaults["defaults"].entries if defaults and "defaults" in defaults else None
        for part in prefix:
            node = node.entries.get(str(part)) if node is not None and node.entries is not None else None
        for index, part in enumerate(location):
            child = node.child(part) if node is not None else None
            if child is not None or (missing and index == len(location) - 1) or part == "[key]" or (common and index == 0 and part in common):
                kept.append(part)
                node = child if child is not None else node
        return tuple(kept)

    def _add_detail(self, detail: ErrorDetails, path: Path, known: tuple[str, ...], meant: str | None) -> None:  # noqa: C901  # one branch for each kind
        kind, given = detail["type"], detail.get("input")
        context = detail.get("ctx", {})
        if path[-1:] == ("[key]",):
            path = path[:-1]
            self.add("E309", self.place(path, of_key=True), key=str(path[-2]), value=given, example=example_of(context))
            return
        name = str(path[-1]) if path else ""
        match kind:
            case "extra_forbidden":
                self.add("E105", self.place(path, of_key=True), key=name, near=meant, known=known)
            case "missing":
                self.add("E106", self.place(path[:-1], of_key=True), key=name, **need_of(name))
            case "literal_error":
                allowed = str(context.get("expected", ""))
                options = [item.strip().strip("'") for item in allowed.replace(" or ", ", ").split(",")]
                self.add("E203", self.place(path), fact=name, value=given, values=tuple(options), near=nearest(str(given), options))
            case "string_pattern_mismatch":
                self.add("E309", self.place(path), key=name, value=given, example=example_of(context))
            case "greater_than_equal" | "less_than_equal":
                limit = context.get("ge", context.get("le"))
                self.add("E304", self.place(path), key=name, value=given, limit=limit, near=f"{name}: {limit}")
            case "union_tag_not_found":
                self._add_actionless(path, given)
            case "table_without_else":
                self.add("E306", self.place(self._wrong_row((*path, "table"))))
            case _ if kind in OWN:
                self.add(OWN[kind], self.place(path), **context)
            case "too_short":
                self.add("E110", self.place(path), key=name)
            case _ if kind in NUMBERS:
                self.add("E301", self.place(path), comparison=name, wanted=given)
            case _:
                kind = kind.removesuffix("_type")
                self.add("E310", self.place(path), key=name, value=given, wanted=KINDS.get(kind, kind))

    def _wrong_row(self, path: Path) -> Path:
        """The row of a table that has neither when and then nor, as the last one, else."""
        node = self._node(path)
        rows = node.items or [] if node is not None else []
        for number, row in enumerate(rows):
            keys = {key for key, value in (row.entries or {}).items() if value.plain() is not None}
            if not ({"when", "then"} <= keys or (number == len(rows) - 1 and "else" in keys)):
                return (*path, number)
        return path[:-1]

    def _add_actionless(self, path: Path, given: object) -> None:
        """An action that none of the known keys names."""
        written = tuple(str(key) for key in given) if isinstance(given, dict) else ()
        near = next((close for key in written if (close := nearest(key, ACTIONS))), None)
        self.add("E129", self.place(path), near=near, known=tuple(ACTIONS))


Location = tuple[int | str, ...]


def _misspelt(details: Sequence[ErrorDetails], model: object) -> Iterator[tuple[Location, Location]]:
    """Unknown keys with the key each one was meant to be: the nearest known one, or the only one that is missing."""
    missing = [detail["loc"] for detail in details if detail["type"] == "missing"]
    for loc in (detail["loc"] for detail in details if detail["type"] == "extra_forbidden"):
        beside = [each for each in missing if each[:-1] == loc[:-1]]
        near = nearest(str(loc[-1]), keys_at(model, loc[:-1]))
        strangers = [each for each in details if each["type"] == "extra_forbidden" and each["loc"][:-1] == loc[:-1]]
        if near is not None:
            yield loc, (*loc[:-1], near)
        elif len(beside) == len(strangers) == 1:
            yield loc, beside[0]


def need_of(key: str) -> dict[str, object]:
    """Why a key may not be left out, and how it is written."""
    return {"need": key if key in NEEDED else "default", "example": NEEDED.get(key, f"{key}:")}


def example_of(context: Mapping[str, object]) -> str:
    """What a text of the pattern looks like: people read examples, not patterns."""
    pattern = str(context.get("pattern", ""))
    return next((example for example in EXAMPLES if re.search(pattern, example)), pattern)
