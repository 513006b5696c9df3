"""Mends of text that need no judgement: layout that means nothing, and what a fault says word for word.

`formatted` never changes what a file means; `mended` replaces a wrong word by the near one that its fault carries.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from engine.errors import BansoError, Fault
from engine.facts.spec import Strict
from engine.workspace.content import read_content
from engine.workspace.editor_schema import TOP_KEYS, kind_by_place, modeline
from engine.workspace.faults import nearest
from engine.workspace.hidden import without_hidden
from engine.workspace.load import load_workspace
from engine.workspace.tree import Plain, decoded, read_tree

SLIP = 0.85  # likeness from which a word is taken for a slip of the other
SYNTAX = frozenset({"E101", "E102", "E103", "E139", "E142", "E147"})  # slips that are undone without asking
ROUNDS = 20  # a fault may hide another one
SYNTAX_LINES = 200  # lines of one file whose syntax is mended
TAB = 4
RUN_ON = re.compile(r"(?P<head>[ \u3000]*(?:- )?)(?P<key>[a-z_][a-z0-9_-]*)(?P<colon>：[ \u3000]*|:\u3000+|:(?=\S))(?P<rest>.*)\Z")
GLUED = re.compile(r"(?P<key>[a-z_][a-z0-9_-]*)(?:：|:)[ \u3000]*(?P<rest>\S.*)\Z")
COUNTED = re.compile(r"([0-9]+)\s*[日回社件]?\Z")
MODELINE = "yaml-language-server:"
WORDS = {  # code → which of the fault's values is the wrong word
    "E105": "key", "E107": "comparison", "E122": "name", "E201": "name", "E202": "value", "E203": "value", "E204": "name",
    "E205": "name", "E206": "name", "E207": "name", "E210": "name", "E311": "name",
}  # fmt: skip


@dataclass(frozen=True)
class Mend:
    """One replacement, at the place where its fault is."""

    code: str
    file: str
    line: int
    column: int
    wrong: str
    right: str


@dataclass(frozen=True)
class Mended:
    """Every replacement that was made, the new text of each file that changed, and the faults that are left."""

    mends: tuple[Mend, ...]
    files: Mapping[str, str]
    left: tuple[Fault, ...]


# --- layout -----------------------------------------------------------------------------------------------------------


def formatted(raw: bytes, file: str) -> str | None:
    """A YAML file tidied: same tree, or, where it has none, only its syntax mended. None if it is not UTF-8."""
    text = decoded(raw, file)
    if not isinstance(text, str):
        return None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if _tree(text) is None:
        text = _syntax_mended(text, file)[0]
    if _tree(text) is not None:
        text = _keeping(text, lambda line: line.rstrip(" \t"))
        text = _with_modeline(text.strip("\n"), file)
    return text if text.endswith("\n") or not text else text + "\n"


def _tree(text: str) -> tuple[Plain] | None:
    """The parsed tree in a tuple, as an empty file has one too."""
    tree, faults = read_tree(text.encode(), "text")
    return None if any(fault.code in SYNTAX for fault in faults) else (tree.plain() if tree else None,)


def _keeping(text: str, change: Callable[[str], str]) -> str:
    """A change of lines made wherever it leaves the tree as it is: a blank at the end of a line can be part of a text."""
    before, lines = _tree(text), text.split("\n")
    changed = [change(line) for line in lines]
    if _tree("\n".join(changed)) == before:
        return "\n".join(changed)
    for index, line in enumerate(changed):
        if line != lines[index] and _tree("\n".join([*lines[:index], line, *lines[index + 1 :]])) == before:
            lines[index] = line
    return "\n".join(lines)


def _with_modeline(text: str, file: str) -> str:
    """Line 1 for editors, where the file has none and is of one kind. The end of a kept block of text stays as it is."""
    found = _tree(text)
    keys = found[0] if found is not None else None
    kind = kind_by_place(file, keys) if isinstance(keys, dict) else None
    return text if kind is None or MODELINE in text else f"{modeline(file, kind)}\n{text}"


def _syntax_mended(text: str, file: str) -> tuple[str, list[Mend]]:
    """Tabs that indent, and keys that run into their value, at the lines where reading stops."""
    mends: list[Mend] = []
    for _ in range(SYNTAX_LINES):
        _, faults = read_tree(text.encode(), file)
        fault = next((each for each in faults if each.code in SYNTAX), None)
        if fault is None or not fault.place.line:
            break
        lines = text.split("\n")
        found = _line_mended(lines, fault)
        if found is None:
            break
        at, line = found
        right = line.strip() or line
        mends.append(Mend(fault.code, file, at + 1, fault.place.column if at + 1 == fault.place.line else 1, lines[at].strip(), right))
        lines[at] = line
        text = "\n".join(lines)
    return text, mends


def _line_mended(lines: list[str], fault: Fault) -> tuple[int, str] | None:
    """The line at fault, or the one above it, as it must have been meant; its index comes first."""
    for at in (fault.place.line - 1, fault.place.line - 2):
        if 0 <= at < len(lines):
            line = _slip_undone(lines[at], fault.code)
            if line != lines[at]:
                return at, line
    return None


def _slip_undone(line: str, code: str) -> str:
    if code == "E147":
        return without_hidden(line, "")[0].rstrip()
    return _without_tabs(line) if code == "E101" else _with_colon(line, any_key=code == "E102")


def _without_tabs(line: str) -> str:
    """Tabs as blanks, up to the first quote or comment."""
    head = re.match(r"[^\"'#]*", line)
    assert head is not None
    indent = re.match(r"[ \t]*", line)
    assert indent is not None
    return indent[0].expandtabs(TAB) + head[0][indent.end() :].replace("\t", " ") + line[head.end() :]


def _with_colon(line: str, *, any_key: bool) -> str:
    found = RUN_ON.match(line)
    if found is None or not (any_key or found["key"] in written_keys()):
        return line
    return f"{found['head'].replace(chr(0x3000), '  ')}{found['key']}: {found['rest']}".rstrip()


def written_keys() -> set[str]:
    """Every key that some file of a workspace may have."""

    def below(model: type[Strict]) -> Iterable[type[Strict]]:
        for child in model.__subclasses__():
            yield child
            yield from below(child)

    fields = {field.alias or name for model in below(Strict) for name, field in model.model_fields.items()}
    return fields | {key for keys in TOP_KEYS.values() for key in keys}


# --- faults -----------------------------------------------------------------------------------------------------------


def mended(root: Path, channels: frozenset[str]) -> Mended:
    """Mend the workspace at `root` in place, round by round. The caller decides what of it to keep."""
    mends: list[Mend] = []
    before = read_content(root)
    for file in [name for name in before if name.startswith("rules/") and name.endswith(".yaml")]:
        text = decoded(before[file], file)
        if isinstance(text, str):
            changed, found = _syntax_mended(text, file)
            mends += found
            _write(root, file, changed, text)
    left: tuple[Fault, ...] = ()
    for _ in range(ROUNDS):
        left = faults_of(root, channels)
        found = _round(root, left)
        mends += found
        if not found:
            break
    after = read_content(root)
    return Mended(tuple(mends), {name: raw.decode("utf-8-sig") for name, raw in after.items() if raw != before[name]}, left)


def faults_of(root: Path, channels: frozenset[str]) -> tuple[Fault, ...]:
    """Every fault that keeps a workspace from being used; warnings are a matter of judgement."""
    try:
        load_workspace(root, channels)
    except BansoError as error:
        return tuple(fault for fault in error.faults if fault.refuses)
    return ()


def _round(root: Path, faults: Iterable[Fault]) -> list[Mend]:
    by_file: dict[str, list[Fault]] = {}
    for fault in faults:
        if fault.place.column and (root / fault.place.file).is_file():
            by_file.setdefault(fault.place.file, []).append(fault)
    return [mend for file, found in by_file.items() for mend in _mend_file(root, file, found)]


def _mend_file(root: Path, file: str, faults: list[Fault]) -> list[Mend]:
    """The last places first, so that the earlier ones stay where they are; one mend at each."""
    text = decoded((root / file).read_bytes(), file)
    assert isinstance(text, str)
    before, mends, upper = text, list[Mend](), len(text)
    for fault in sorted(faults, key=lambda each: (each.place.line, each.place.column), reverse=True):
        at = sum(len(line) + 1 for line in text.split("\n")[: fault.place.line - 1]) + fault.place.column - 1
        found = replacement(fault, text[at:])
        if found is None or at + len(found[0]) > upper:
            continue
        wrong, right = found
        text, upper = text[:at] + right + text[at + len(wrong) :], at
        mends.append(Mend(fault.code, file, fault.place.line, fault.place.column, wrong, right))
    _write(root, file, text, before)
    return mends[::-1]


def replacement(fault: Fault, text: str) -> tuple[str, str] | None:  # noqa: PLR0911  # one return for each kind of mend
    """What stands wrong at the beginning of `text`, where the fault is, and what belongs there; None if that needs a person."""
    if fault.code == "E302":
        found = re.match(r"\[\s*(-?[0-9]+)\s*,\s*(-?[0-9]+)\s*\]", text)
        return (found[0], f"[{found[2]}, {found[1]}]") if found else None
    if fault.code == "E129":
        return _first_action(fault, text)
    if fault.code in {"E102", "E103"}:
        return _colon(fault, text)
    wrong, near = fault.values.get(WORDS.get(fault.code, "wanted")), fault.values.get("near")
    if not isinstance(wrong, str) or not wrong or not text.startswith((wrong, f'"{wrong}"', f"'{wrong}'")):
        return None
    written = wrong if text.startswith(wrong) else text[: len(wrong) + 2]
    if fault.code == "E301":
        number = COUNTED.match(unicodedata.normalize("NFKC", wrong))
        return (written, number[1]) if number else None
    if fault.code == "E105" and (glued := _unglued(fault, wrong)):
        return written, glued
    whole = not re.match(r"[\w-]", text[len(written) :])
    return (written, near) if fault.code in WORDS and isinstance(near, str) and near != wrong and whole and _is_slip(wrong, near) else None


def _is_slip(wrong: str, near: str) -> bool:
    """Whether a word is another one mistyped, and not another word: a hint may guess, a mend must not."""
    return sorted(wrong) == sorted(near) or SequenceMatcher(None, wrong, near).ratio() >= SLIP


def _colon(fault: Fault, text: str) -> tuple[str, str] | None:
    """A key's colon as it should be: at the fault itself where it is full-width, behind the key where its blank is missing."""
    found = re.match(r"：[ \u3000]*" if fault.code == "E102" else rf"{re.escape(str(fault.values.get('key')))}:(?=\S)", text)
    return (found[0], ": " if fault.code == "E102" else f"{found[0]} ") if found else None


def _first_action(fault: Fault, text: str) -> tuple[str, str] | None:
    """The action at the beginning of `do`: misspelt, or run into its channel."""
    found, known = re.match(r"(\{?\s*)([a-z_-]+)(?:：|:)[ \u3000]*(?=\S)", text), fault.values.get("known")
    if found is None or not isinstance(known, tuple):
        return None
    action = found[2] if found[2] in known else nearest(found[2], known)
    return None if action is None or found[0] == f"{found[1]}{action}: " else (found[0], f"{found[1]}{action}: ")


def _unglued(fault: Fault, wrong: str) -> str | None:
    """`who：x` and `send:mail` are one word to YAML; as a key that nobody knows they are a key and its value."""
    found, known = GLUED.match(wrong), fault.values.get("known")
    return f"{found['key']}: {found['rest']}" if found and isinstance(known, tuple) and found["key"] in known else None


def _write(root: Path, file: str, text: str, before: str) -> None:
    if text != before:
        (root / file).write_bytes(text.encode())
