"""For data people: load, compact, report."""

from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfoNotFoundError, available_timezones

import typer
from rich.table import Table

from engine.calendar import Zone
from engine.calendar import zone as zone_of
from engine.cli.door import FAULTS, AsJson, At, Door, err, out, parse_instant, print_json, progress
from engine.errors import refuse
from engine.messages import Language, say
from engine.pipeline.compact import compact as run_compact
from engine.pipeline.load import Loaded, Origin
from engine.pipeline.load import load as run_load
from engine.pipeline.report import report as run_report
from engine.reports.report import Asked, Cell
from engine.reports.report import Table as Answer


def register(app: typer.Typer) -> None:
    app.command()(load)
    app.command()(compact)
    app.command()(report)


DataOption = Annotated[Path | None, typer.Option("--data", help="Folder of the files that rules/sources/*.sql read.")]
UrlOption = Annotated[list[str], typer.Option("--url", help="SOURCE=URL: read a source from a database.", metavar="SOURCE=URL")]


def load(
    context: typer.Context,
    sources: Annotated[list[str] | None, typer.Argument(help="Sources to load; default: all.")] = None,
    data: DataOption = None,
    url: UrlOption = [],  # noqa: B006  # typer reads the default, nobody changes it
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Load product logs and histories into the lake; what was loaded before changes nothing."""
    door: Door = context.obj
    with door.system(at) as system:
        language = door.language(system)
        urls = _urls(url)
        with progress(language, "load.running") as bar:
            done = run_load(system, sources or [], Origin(data, urls), bar)
    if as_json:
        print_json(done)
    else:
        _print_loaded(done, language)
    if any(each.refused or each.unfinished for each in done):
        raise typer.Exit(FAULTS)


def _urls(given: list[str]) -> dict[str, str]:
    if any("=" not in each for each in given):
        raise typer.BadParameter("SOURCE=URL", param_hint="--url")
    return dict(each.split("=", 1) for each in given)


def _print_loaded(done: list[Loaded], language: Language) -> None:
    table = Table(title=say(language, "load.title"))
    for key in ("source", "read", "new", "repeated", "refused", "seconds"):
        table.add_column(say(language, f"load.{key}"), justify="left" if key == "source" else "right")
    for each in done:
        numbers = [f"{number:,}" for number in (each.read, each.new, each.repeated)]
        refused = f"[red]{each.refused:,}[/red]" if each.refused else "0"
        read = say(language, "load.unchanged") if each.unchanged else numbers[0]
        table.add_row(each.source, read, *numbers[1:], refused, f"{each.seconds:.1f}")
    out.print(table)
    for each in done:
        for file, line in each.unfinished:
            err.print(say(language, "load.unfinished", file=file, line=line), markup=False)
        if each.refused:
            err.print(say(language, "load.quarantine", source=each.source, number=each.refused))


def compact(context: typer.Context, as_json: AsJson = False) -> None:
    """Move new records from the ledger's tail into the lake."""
    door: Door = context.obj
    with door.system() as system:
        language = door.language(system)
        with progress(language, "compact.running") as bar:
            done = run_compact(system, bar)
    if as_json:
        print_json(done)
    else:
        out.print(say(language, "compact.done", moved=done.moved, merged=done.merged, deleted=done.deleted))


def report(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="funnel or stalled.")],
    unit: Annotated[str, typer.Option(help="account or contact.")] = "account",
    segment: Annotated[str | None, typer.Option(help="Only accounts in this segment.")] = None,
    days: Annotated[list[int] | None, typer.Option("--days", help="Least days of a stall (stalled); may be repeated.")] = None,
    zone: Annotated[str | None, typer.Option(help="Count days in this zone instead of the workspace's.")] = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Answer one question about many accounts or contacts."""
    if unit not in {"account", "contact"}:
        raise typer.BadParameter("account or contact", param_hint="--unit")
    door: Door = context.obj
    with door.system() as system:
        language = door.language(system)
        instant = parse_instant(at, system.workspace) if at else system.clock.now()
        asked = Asked("contact" if unit == "contact" else "account", segment, tuple(days) if days else Asked.days)
        answer = run_report(system, name, asked, instant, _zone(zone) if zone else None)
    if as_json:
        print_json([dict(zip(answer.columns, row, strict=True)) for row in answer.rows])
        return
    print_report(name, answer, language)


def print_report(name: str, answer: Answer, language: Language) -> None:
    """Numbers as people read them; `--json` has them raw."""
    table = Table(title=say(language, f"report.{name}"), title_justify="left")
    for column in answer.columns:
        table.add_column(say(language, f"report.{column}"), justify="left" if column in {"unit", "step"} else "right")
    for row in answer.rows:
        table.add_row(*[_cell(column, cell, language) for column, cell in zip(answer.columns, row, strict=True)])
    out.print(table)


def _cell(column: str, cell: Cell, language: Language) -> str:
    """A share in percent, a duration in days or hours, whatever else as it is."""
    if cell is None:
        return "–"
    if column == "unit":
        return say(language, f"unit.{cell}")
    if column == "conv_from_prev":
        return f"{float(cell):.1%}"
    if column == "median_s_from_prev":
        hours = float(cell) / 3600
        return say(language, "report.days", number=f"{hours / 24:.1f}") if hours >= 48 else say(language, "report.hours", number=f"{hours:.1f}")
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def _zone(name: str) -> Zone:
    try:
        return zone_of(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise refuse("E122", "--zone", name=name, known=tuple(sorted(available_timezones()))) from error
