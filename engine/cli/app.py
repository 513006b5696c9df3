"""The root of the command: global options, and every group of commands."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from typer import TyperException

from engine.cli import accounts, data, designers, newcomers, ops, processes
from engine.cli.door import BAD_USAGE, FAULTS, Door, print_faults
from engine.errors import BansoError
from engine.messages import Language

app = typer.Typer(name="banso", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="banso (伴走): the one next thing for every customer.")
for group in (newcomers, designers, accounts, data, ops, processes):
    group.register(app)

WorkspaceOption = Annotated[Path | None, typer.Option("--workspace", "-w", help="Folder that holds rules/ and templates/.")]
StateOption = Annotated[Path | None, typer.Option("--state", help="Folder for lake, ledger and broker.")]
LanguageOption = Annotated[str | None, typer.Option("--lang", help="ja or en.")]

_doors: list[Door] = []


@app.callback()
def _root(context: typer.Context, workspace: WorkspaceOption = None, state: StateOption = None, lang: LanguageOption = None) -> None:
    language: Language | None = "ja" if lang == "ja" else "en" if lang == "en" else None
    if lang is not None and language is None:
        raise typer.BadParameter("ja or en", param_hint="--lang")
    context.obj = Door(workspace, state, language)
    _doors[:] = [context.obj]


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Exit 0 fine, 1 faults, 2 something to do (plan), 64 bad usage."""
    command = typer.main.get_command(app)
    try:
        code = command.main(args=arguments, standalone_mode=False)
    except BansoError as error:
        door = _doors[0] if _doors else Door(None, None, None)
        print_faults(error.faults, _language(door), door.config.workspace)
        return FAULTS
    except TyperException as error:
        show = getattr(error, "show", None)
        if show is not None:
            show()
        return BAD_USAGE
    return code if isinstance(code, int) else 0


def _language(door: Door) -> Language:
    """The workspace itself may be what is broken, so its language is only guessed from its text."""
    if door.config.language:
        return door.config.language
    path = door.config.workspace / "rules" / "workspace.yaml"
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return "ja" if "language: ja" in text else "en"


def run() -> None:
    sys.exit(main())
