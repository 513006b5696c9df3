"""The root of the command: global options, and every group of commands."""

import sys
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from typer import TyperException

from engine.cli import accounts, authors, data, designers, mail, newcomers, ops, processes, rehearsals, stages
from engine.cli.door import BAD_USAGE, FAULTS, Door, print_faults
from engine.errors import BansoError, Fault, Place
from engine.ledger.open import StoreError, problem_of
from engine.messages import LANGUAGES, Language, say

app = typer.Typer(
    name="banso",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="banso (伴走): the one next thing for every customer.",
)
for group in (newcomers, designers, authors, rehearsals, stages, accounts, data, mail, ops, processes):
    group.register(app)

WorkspaceOption = Annotated[Path | None, typer.Option("--workspace", "-w", help="Folder that holds rules/ and templates/.")]
StateOption = Annotated[Path | None, typer.Option("--state", help="Folder for lake, ledger and broker.")]
LanguageOption = Annotated[str | None, typer.Option("--lang", help="ja or en.")]

ANYWHERE = frozenset({"--workspace", "-w", "--state", "--lang"})

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
    _doors.clear()
    command = typer.main.get_command(app)
    try:
        code = command.main(args=_hoisted(sys.argv[1:] if arguments is None else arguments), prog_name="banso", standalone_mode=False)
    except BansoError as error:
        print_faults(error.faults, _language(), _workspace())
        return FAULTS
    except StoreError as error:
        print_faults((Fault("E620", Place("BANSO_LEDGER_URL"), {"problem": problem_of(error)}),), _language(), Path())
        return FAULTS
    except TyperException as error:
        _print_usage(error)
        return BAD_USAGE
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


def _print_usage(error: TyperException) -> None:
    """What was not understood, where, and the command that lists what would have been; a group without a command shows that at once."""
    context, said = getattr(error, "ctx", None), getattr(error, "format_message", None)
    if said is None or type(error).__name__ == "NoArgsIsHelpError":
        if hasattr(error, "show"):
            error.show()
        return
    path = context.command_path if context is not None else "banso"
    options = context.find_root().params if context is not None else {}
    if not _doors:  # the command itself is unknown, so nobody opened the door
        lang = options.get("lang")
        _doors.append(Door(options.get("workspace"), None, lang if lang in LANGUAGES else None))
    print_faults((Fault("E670", Place(path), {"problem": _misused(error, said()), "command": f"{path} --help"}),), _language(), Path())


def _misused(error: TyperException, said: str) -> str:
    """What the parser says, in the reader's language where the kind of mistake is known."""
    kind, parameter = type(error).__name__, getattr(error, "param", None)
    name = getattr(error, "option_name", None) or getattr(error, "param_hint", None) or getattr(parameter, "name", None)
    if kind == "NoSuchOption" and name:
        return say(_language(), "usage.no_such_option", name=name)
    if kind == "MissingParameter" and name:
        return say(_language(), "usage.missing", name=name)
    if kind == "UsageError" and said.startswith("No such command"):
        return say(_language(), "usage.no_such_command", name=said.split("'")[1])
    if kind == "BadParameter" and name:
        return say(_language(), "usage.bad_value", name=name, said=error.message if hasattr(error, "message") else said)
    return said


def _workspace() -> Path:
    return _doors[0].config.workspace if _doors else Path()


def _language() -> Language:
    """The workspace itself may be what is broken, so its language is only guessed from its text."""
    if _doors and _doors[0].config.language:
        return _doors[0].config.language
    path = _workspace() / "rules" / "workspace.yaml"
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return "ja" if "language: ja" in text else "en"


def run() -> None:
    sys.exit(main())
