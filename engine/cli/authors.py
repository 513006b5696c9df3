"""For those who write rules: schema for editors, fmt and fix. What begins and orders rules stands in `beginnings` and `order`."""

import difflib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer
import yaml
from rich.text import Text

from engine.channels import CHANNELS
from engine.cli.door import FAULTS, AsJson, Door, out, print_faults, print_json
from engine.cli.workshop import language_of, loaded, refresh_schemas, told, write_schemas, write_text
from engine.errors import Fault, refuse
from engine.messages import say
from engine.workspace.content import relative
from engine.workspace.editor_schema import FOLDER
from engine.workspace.load import must_be_workspace
from engine.workspace.mends import Mended, formatted, mended
from engine.workspace.model import Workspace
from engine.workspace.tree import read_tree

Files = Annotated[list[Path] | None, typer.Argument(help="Files below rules/; default: all of them.")]
COLORS = {"+": "green", "-": "red", "@": "cyan"}


def register(app: typer.Typer) -> None:
    app.command()(schema)
    app.command()(fmt)
    app.command()(fix)


# --- schema -----------------------------------------------------------------------------------------------------------


def schema(context: typer.Context, as_json: AsJson = False) -> None:
    """Write JSON Schemas of this workspace, from which editors complete and check its files."""
    door: Door = context.obj
    workspace = loaded(door)
    language = language_of(door)
    files = write_schemas(workspace, door.config.workspace, language)
    if as_json:
        print_json({"folder": FOLDER.as_posix(), "files": files})
    else:
        out.print(say(language, "schema.done", files=len(files), folder=FOLDER.as_posix()), soft_wrap=True)


# --- fmt --------------------------------------------------------------------------------------------------------------


def fmt(
    context: typer.Context,
    files: Files = None,
    full: Annotated[bool, typer.Option("--full", help="Print the rules with every default written out; write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tidy the YAML files below rules/ without changing what they mean."""
    door: Door = context.obj
    root = door.config.workspace
    chosen = _chosen(root, files or [])
    if full:
        _print_full(loaded(door), {relative(path, root) for path in chosen}, as_json=as_json)
        return
    changed = [relative(path, root) for path in chosen if _tidy(path, root)]
    refresh_schemas(door)
    faults = [fault for path in chosen for fault in read_tree(path.read_bytes(), relative(path, root))[1]]
    _say_tidied(changed, len(chosen), faults, door, as_json=as_json)
    if faults:
        raise typer.Exit(FAULTS)


def _chosen(root: Path, files: list[Path]) -> list[Path]:
    """The files named, or all. Raises BansoError E610 without a workspace, E682 for a file that is no YAML file below rules/."""
    must_be_workspace(root)
    known = {path.resolve(): path for path in sorted((root / "rules").rglob("*.yaml"))}
    for file in files:
        if file.resolve() not in known and (root / file).resolve() not in known:
            raise refuse("E682", str(file), name=str(file))
    named = {path.resolve() for file in files for path in (file, root / file)}
    return [path for resolved, path in known.items() if not files or resolved in named]


def _tidy(path: Path, root: Path) -> bool:
    raw = path.read_bytes()
    text = formatted(raw, relative(path, root))
    if text is None or text.encode() == raw:
        return False
    write_text(path, text)
    return True


def _say_tidied(changed: list[str], files: int, faults: list[Fault], door: Door, *, as_json: bool) -> None:
    language = language_of(door)
    if as_json:
        print_json({"changed": changed, "faults": [told(fault, language) for fault in faults]})
        return
    for file in changed:
        out.print(say(language, "fmt.changed", file=file), soft_wrap=True)
    if not changed and not faults:
        out.print(say(language, "fmt.fine", files=files))
    print_faults(tuple(faults), language, door.config.workspace)


def _print_full(workspace: Workspace, files: set[str], *, as_json: bool) -> None:
    """The rules of each file as they hold, with defaults of the file, the channel and the language."""
    by_file: dict[str, dict[str, object]] = {}
    for rule_id, place in workspace.places.items():
        file = place.split(":")[0]
        if file in files:
            by_file.setdefault(file, {})[rule_id] = full_rule(workspace, rule_id)
    if as_json:
        print_json(by_file)
        return
    for file, rules in by_file.items():
        typer.echo(f"# {file}")
        typer.echo(yaml.safe_dump({"rules": rules}, allow_unicode=True, sort_keys=False, default_flow_style=None, width=140))


def full_rule(workspace: Workspace, rule_id: str) -> Mapping[str, object]:
    """A rule with every default written out; what may be absent and is, stays absent."""
    rule = workspace.rules[rule_id]
    written = rule.model_dump(mode="json", by_alias=True, exclude_none=True)
    written["do"] |= {"valid_days": workspace.valid_days(rule), "send_within_days": workspace.send_within_days(rule)}
    return written


# --- fix --------------------------------------------------------------------------------------------------------------


def fix(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be mended; write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Mend what faults say word for word, show the difference, and say what is left."""
    door: Door = context.obj
    root = door.config.workspace
    must_be_workspace(root)
    with tempfile.TemporaryDirectory() as folder:
        for part in ("rules", "templates"):
            if (root / part).is_dir():
                shutil.copytree(root / part, Path(folder) / part)
        result = mended(Path(folder), frozenset(CHANNELS))
    before = {file: (root / file).read_bytes().decode("utf-8-sig") for file in result.files}
    if not dry_run:
        for file, text in result.files.items():
            write_text(root / file, text)
        refresh_schemas(door)
    _say_mended(result, before, door, dry_run=dry_run, as_json=as_json)
    if any(fault.refuses for fault in result.left):
        raise typer.Exit(FAULTS)


def _say_mended(result: Mended, before: Mapping[str, str], door: Door, *, dry_run: bool, as_json: bool) -> None:
    language = language_of(door)
    if as_json:
        left = [told(fault, language) for fault in result.left]
        print_json({"written": not dry_run, "mended": result.mends, "files": list(result.files), "left": left})
        return
    for file, text in result.files.items():
        print_difference(before[file], text, file)
    key = "fix.none" if not result.mends else "fix.dry" if dry_run else "fix.done"
    out.print(say(language, key, number=len(result.mends)))
    if result.left:
        out.print(say(language, "fix.left", number=len(result.left)))
        print_faults(result.left, language, door.config.workspace)


def print_difference(before: str, after: str, file: str) -> None:
    for line in (f"--- {file}", f"+++ {file}", *_changed_lines(before.splitlines(), after.splitlines())):
        out.print(Text(line, style=COLORS.get(line[:1], "")), soft_wrap=True)


def _changed_lines(old: list[str], new: list[str]) -> Iterator[str]:
    """As `difflib.unified_diff`, which takes lines that stand in many rules for noise and shows them as changed."""
    for group in difflib.SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(1):
        first, last = group[0], group[-1]
        yield f"@@ -{first[1] + 1},{last[2] - first[1]} +{first[3] + 1},{last[4] - first[3]} @@"
        for kind, begin, end, begin_new, end_new in group:
            if kind == "equal":
                yield from (f" {line}" for line in old[begin:end])
            else:
                yield from (f"-{line}" for line in old[begin:end])
                yield from (f"+{line}" for line in new[begin_new:end_new])
