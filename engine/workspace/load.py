"""Reads a workspace: every file, every fault in one run, and only a faultless set becomes a `Workspace`."""

from collections.abc import Mapping
from pathlib import Path, PurePath

from engine.errors import BansoError, Fault, Place
from engine.workspace.build import Builder, Sections
from engine.workspace.content import read_content
from engine.workspace.faults import Faults, nearest
from engine.workspace.model import Workspace
from engine.workspace.schema import WorkspaceFile
from engine.workspace.tree import Node, Plain, read_tree

TOP_KEYS = ("banso", "route", "steps", "facts", "segments", "goals", "health", "order", "people", "rules", "defaults")

SETTINGS = "rules/workspace.yaml"
RULE_KEYS = ("rules", "defaults")


def load_workspace(root: Path, channels: frozenset[str]) -> Workspace:
    """Load and compile `root`, which holds `rules/` and `templates/`. Raises BansoError with every fault found."""
    faults = Faults()
    content, sections = _read(root, faults)
    workspace = Builder(root, content, sections, faults, channels).build()
    if any(fault.refuses for fault in faults.found) or workspace is None:
        raise BansoError(faults.found)
    return workspace


def must_be_workspace(root: Path) -> None:
    """Raises BansoError E610 where there is no workspace at all."""
    _read(root, Faults())


def _read(root: Path, faults: Faults) -> tuple[Mapping[str, bytes], Sections]:
    """The files and what stands in them. What a workspace is may stand in any file, but nowhere at all is no workspace, and that is told alone."""
    if not (root / "rules").is_dir():
        raise BansoError([_no_workspace(root, "rules" if root.is_dir() else "")])
    content = read_content(root)
    sections = _sections(content, faults)
    if SETTINGS not in content and not faults.unreadable and not sections.keys() & WorkspaceFile.model_fields.keys():
        raise BansoError([*faults.found, _no_workspace(root, SETTINGS)])
    return content, sections


def _no_workspace(root: Path, missing: str) -> Fault:
    return Fault("E610", Place(str(root / missing)), {"folder": str(root.absolute()), "missing": missing or str(root)})


def _sections(content: Mapping[str, bytes], faults: Faults) -> Sections:
    """The top keys of all YAML files together; `rules:` may stand in any number of files."""
    sections: Sections = {"rules": {}}
    for file in (name for name in content if PurePath(name).parent == PurePath("rules") and name.endswith(".yaml")):
        tree, found = read_tree(content[file], file)
        faults.found += found
        if tree is None:
            if not found:  # what stood in it is missing elsewhere, where it is not at fault
                faults.add("E148", Place(file))
            faults.unreadable = True
            continue
        faults.trees[file] = tree
        if tree.entries is None:
            faults.add("E118", Place(file, tree.line, tree.column))
            faults.unreadable = True
            continue
        _take_sections(tree, file, sections, faults)
    strangers = [fault.values["near"] for fault in faults.found if fault.code == "E105"]
    faults.unreadable |= any(near not in sections for near in strangers)  # the section it was meant to be is not missing as well
    return sections


def _take_sections(tree: Node, file: str, sections: Sections, faults: Faults) -> None:
    entries = tree.entries or {}
    _mend_keys(tree, entries, file, faults)
    defaults = entries["defaults"].plain() if "defaults" in entries else {}
    top = WorkspaceFile.model_fields if "banso" in entries or len(entries.keys() & WorkspaceFile.model_fields.keys()) > 1 else {}
    for key, node in entries.items():
        if key not in TOP_KEYS and key not in top:
            place = Place(file, *tree.key_places[key])
            known = (*top, *TOP_KEYS)
            faults.add("E105", place, key=key, near=nearest(key, known), known=known)
        elif key == "rules":
            _take_rules(node, defaults, file, sections, faults)
        elif (key, "") in faults.homes:
            faults.add("E104", Place(file, *tree.key_places[key]), key=key, first=faults.homes[(key, "")])
            faults.unreadable = True
        elif key == "defaults":
            if node.entries is None:
                faults.add("E118", Place(file, node.line, node.column))
        else:
            faults.homes[(key, "")] = file
            sections[key] = node.plain()


def _mend_keys(tree: Node, entries: dict[str, Node], file: str, faults: Faults) -> None:
    """`default:` is told, and then read as the `defaults:` that it was meant to be: its rules lack nothing."""
    for key in [key for key in entries if key not in TOP_KEYS and key not in WorkspaceFile.model_fields]:
        near = nearest(key, RULE_KEYS)
        if near is not None and near not in entries:
            faults.add("E105", Place(file, *tree.key_places[key]), key=key, near=near, known=TOP_KEYS)
            entries[near], tree.key_places[near] = entries.pop(key), tree.key_places[key]


def _take_rules(node: Node, defaults: Plain, file: str, sections: Sections, faults: Faults) -> None:
    known = sections["rules"]
    if node.entries is None or not isinstance(known, dict):
        faults.add("E118", Place(file, node.line, node.column))
        return
    for rule_id, rule in node.entries.items():
        place = Place(file, *node.key_places[rule_id])
        if rule_id in known:
            faults.add("E104", place, key=rule_id, first=faults.homes[("rules", rule_id)])
            continue
        faults.homes[("rules", rule_id)] = file
        plain = rule.plain()
        known[rule_id] = {**defaults, **plain} if isinstance(defaults, dict) and isinstance(plain, dict) else plain
