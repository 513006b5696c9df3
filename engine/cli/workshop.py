"""What the commands of authors share: the workspace as its files are, files written whole, and schemas kept up to date."""

import json
import os
import shutil
import tempfile
from pathlib import Path

from engine.channels import CHANNELS
from engine.cli.door import Door
from engine.errors import BansoError, Fault
from engine.messages import Language, say_fault
from engine.workspace.editor_schema import FOLDER, editor_schemas
from engine.workspace.load import load_workspace
from engine.workspace.model import Workspace


def loaded(door: Door) -> Workspace:
    """The workspace as its files are now. Raises BansoError with every fault."""
    return load_workspace(door.config.workspace, frozenset(CHANNELS))


def language_of(door: Door) -> Language:
    """The language asked for, else the workspace's, which is only guessed as its files may be at fault."""
    return door.language()


def write_text(path: Path, text: str) -> None:
    """A file at once or not at all, with line breaks as given; a link goes on leading to it."""
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "wb") as file:
        file.write(text.encode())
    shutil.copymode(path, name) if path.exists() else Path(name).chmod(0o644)
    Path(name).replace(path)


def change_text(path: Path, text: str) -> None:
    """The same for a file that is changed in part: one with the line breaks of Windows has them throughout afterwards."""
    if path.exists() and b"\r\n" in path.read_bytes():
        text = text.replace("\r\n", "\n").replace("\n", "\r\n")
    write_text(path, text)


def write_schemas(workspace: Workspace, root: Path, language: Language) -> list[str]:
    """The schemas as files below the workspace's root; returns their names."""
    schemas = editor_schemas(workspace, language)
    for name, each in schemas.items():
        write_text(root / FOLDER / f"{name}.json", json.dumps(each, ensure_ascii=False, indent=1) + "\n")
    return [f"{name}.json" for name in schemas]


def refresh_schemas(door: Door) -> None:
    """Editors learn new names as soon as the files are good; while they are not, the last good schemas stay."""
    try:
        workspace = loaded(door)
    except BansoError:
        return
    write_schemas(workspace, door.config.workspace, language_of(door))


def told(fault: Fault, language: Language) -> dict[str, object]:
    """A fault for programs."""
    what, why, cure = say_fault(language, fault.code, fault.values)
    place = fault.place
    return {"code": fault.code, "file": place.file, "line": place.line, "column": place.column, "what": what, "why": why, "fix": cure}
