"""The root of the command: global options, and every command by name. It loads nothing that `banso --help` does not need."""

import sys
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import TyperException
from typer.core import TyperGroup

from engine.cli.commands import Listed, add_commands
from engine.errors import BansoError

INTERRUPTED = 130  # as shells tell it

if TYPE_CHECKING:
    from engine.cli.door import Door

app = typer.Typer(
    name="banso",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="banso (伴走): the one next thing for every customer.",
)

WorkspaceOption = Annotated[Path | None, typer.Option("--workspace", "-w", help="Folder that holds rules/ and templates/.")]
StateOption = Annotated[Path | None, typer.Option("--state", help="Folder for lake, ledger and broker.")]
LanguageOption = Annotated[str | None, typer.Option("--lang", help="ja or en.")]

ANYWHERE = frozenset({"--workspace", "-w", "--state", "--lang"})

_doors: list["Door"] = []


@app.callback()
def _root(context: typer.Context, workspace: WorkspaceOption = None, state: StateOption = None, lang: LanguageOption = None) -> None:
    from engine.cli.door import Door

    if lang not in {None, "ja", "en"}:
        raise typer.BadParameter("ja or en", param_hint="--lang")
    context.obj = Door(workspace, state, "ja" if lang == "ja" else "en" if lang == "en" else None)
    _doors[:] = [context.obj]


@cache
def command() -> TyperGroup:
    """The whole command, of which each part is loaded when it is used."""
    group = typer.main.get_group(app)
    add_commands(group)
    return group


def whole() -> TyperGroup:
    """The whole command with every part of it loaded, for those who look at all of them."""
    group = typer.main.get_group(app)
    for name, each in command().commands.items():
        group.add_command(each.loaded() if isinstance(each, Listed) else each, name)
    return group


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Exit 0 fine, 1 faults, 2 something to do (plan), 64 bad usage."""
    _doors.clear()
    try:
        code = command().main(args=_hoisted(sys.argv[1:] if arguments is None else arguments), prog_name="banso", standalone_mode=False)
    except (BansoError, TyperException) as error:
        from engine.cli.refusals import told

        return told(error, _doors[0] if _doors else None)
    except (typer.Abort, KeyboardInterrupt):  # somebody thought better of it, or there was nobody to ask
        from engine.cli.refusals import told_aborted

        return told_aborted(_doors[0] if _doors else None, INTERRUPTED)
    return code if isinstance(code, int) else 0


def _hoisted(arguments: list[str]) -> list[str]:
    """The options of the whole command may stand behind the inner one too, where people write them."""
    first, rest = list[str](), list[str]()
    words = iter(arguments)
    for word in words:
        if word == "--":
            return [*first, *rest, word, *words]
        if word.partition("=")[0] in ANYWHERE:
            first += [word] if "=" in word else [word, *islice(words, 1)]
        else:
            rest.append(word)
    return [*first, *rest]


def run() -> None:
    sys.exit(main())
