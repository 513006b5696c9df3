"""The introduction guide as a file, for everybody or for one account."""

from pathlib import Path
from typing import Annotated

import typer

from engine.cli.door import At, Door, instant_asked, out
from engine.messages import say


def register(app: typer.Typer) -> None:
    app.command()(guide)


def guide(
    context: typer.Context,
    account: Annotated[str | None, typer.Argument(help="The account's id; without it, the guide for everybody.")] = None,
    pdf: Annotated[Path | None, typer.Option("--pdf", help="Write it as a PDF to this file.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write it as a page to this file.")] = None,
    at: At = None,
) -> None:
    """Write the introduction guide: all steps with what they are for, their screens and texts; for an account with what it has done."""
    from engine.pipeline.guide import guide_for, paper_of
    from web.guidefile import guide_file

    door: Door = context.obj
    if (pdf is None) == (html is None):
        raise typer.BadParameter("FILE", param_hint="--pdf / --html")
    with door.system() as system:
        made = guide_for(system, account, instant_asked(at, system))
        file = pdf or html
        assert file is not None
        file.write_bytes(paper_of(system.workspace, made) if pdf else guide_file(system.workspace, made).encode())
        out.print(say(door.language(system), "guide.written", file=file, steps=len(made.steps)), soft_wrap=True)
