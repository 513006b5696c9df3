"""For CS designers: lint."""

import typer

from engine.cli.door import FAULTS, AsJson, Door, out, print_faults, print_json
from engine.cli.workshop import language_of, loaded, told
from engine.errors import BansoError, Fault
from engine.messages import say
from engine.rehearsal.cases import read_cases


def register(app: typer.Typer) -> None:
    app.command()(lint)


def lint(context: typer.Context, as_json: AsJson = False) -> None:
    """Check every file of the workspace, tests too; all faults at once, each with its place and its cure."""
    door: Door = context.obj
    root = door.config.workspace
    try:
        workspace = loaded(door)
        cases = read_cases(workspace)
    except BansoError as error:
        _print_refused(error.faults, door, as_json=as_json)
        raise typer.Exit(FAULTS) from None
    language = door.config.language or workspace.settings.workspace.language
    warnings = (*workspace.warnings, *(each for case in cases for each in case.warnings))
    if as_json:
        print_json({"rules": len(workspace.rules), "hash": workspace.hash, "faults": [told(each, language) for each in warnings]})
        return
    print_faults(warnings, language, root)
    if warnings:
        out.print(say(language, "lint.warnings", number=len(warnings)))
    counts = {"rules": len(workspace.rules), "facts": len(workspace.plan.facts), "mails": len(workspace.mails)}
    out.print(say(language, "lint.fine", hash=workspace.hash[:7], **counts))


def _print_refused(faults: tuple[Fault, ...], door: Door, *, as_json: bool) -> None:
    language = language_of(door)
    if as_json:
        print_json({"faults": [told(each, language) for each in faults]})
        return
    print_faults(faults, language, door.config.workspace)
    out.print(say(language, "lint.faults", number=len(faults)))
