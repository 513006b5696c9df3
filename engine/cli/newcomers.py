"""For newcomers: init and demo."""

from pathlib import Path
from typing import Annotated

import typer

from engine.cli.door import Door, out
from engine.messages import say
from engine.pipeline.example import copy_example


def register(app: typer.Typer) -> None:
    app.command()(init)
    app.command()(demo)


def init(context: typer.Context, directory: Annotated[Path, typer.Argument(help="A new folder.")]) -> None:
    """Write a fresh workspace with rules, sources and templates to start from."""
    door: Door = context.obj
    written = copy_example(directory)
    out.print(say(door.language(), "init.done", directory=directory, files=written), soft_wrap=True)


def demo(
    context: typer.Context,
    companies: Annotated[int, typer.Option(help="How many companies to simulate.")] = 2000,
    seed: Annotated[int, typer.Option(help="Another seed, other companies.")] = 7,
    nights: Annotated[int, typer.Option(help="How many nights to run at the end of the quarter.")] = 2,
) -> None:
    """Simulate a quarter of companies, run the last nights through a real worker and a real mail server, and show the result."""
    from engine.cli.demonstration import run_demo

    run_demo(context.obj, companies=companies, seed=seed, nights=nights)
