"""What every command needs at the door: the options, a system with a clock, and faults told to a person."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer
from pydantic import ValidationError
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from engine.calendar import FIRST_YEAR, LAST_YEAR, instant_of, moment_of
from engine.channels.words import WEEKDAYS
from engine.cli.language import guessed_language
from engine.clock import SystemClock
from engine.config import Config
from engine.errors import BansoError, Fault, Place, folded, refuse
from engine.messages import Language, say, say_fault

if TYPE_CHECKING:  # half of the commands work on files alone and shall not wait for stores and queues to load
    from engine.pipeline.load import Progress as Report
    from engine.pipeline.system import System
    from engine.workspace.model import Workspace

FINE, FAULTS, SOMETHING_TO_DO, BAD_USAGE = 0, 1, 2, 64

At = Annotated[str | None, typer.Option("--at", help="Act as of this instant: 2026-04-07 (at nightly_at) or 2026-04-07T09:00.", metavar="INSTANT")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

LEVELS = {"ok": "[green]✓[/green]", "warn": "[yellow]![/yellow]", "bad": "[red]✗[/red]", "unchecked": "[dim]?[/dim]"}
DATE_LENGTH = len("2026-04-07")
ALSO_MAX = 12  # places at which the same is the case
PLAIN_WIDTH = 140  # columns where nobody says how wide the output is: a pipe, a log, CI
out = Console(emoji=False, width=None if "COLUMNS" in os.environ or sys.stdout.isatty() else PLAIN_WIDTH)
err = Console(emoji=False, stderr=True, soft_wrap=True)


class Door:
    """Settings of one call of the command."""

    def __init__(self, workspace: Path | None, state: Path | None, language: Language | None) -> None:
        given = {"workspace": workspace, "state": state, "language": language}
        try:
            self.config = Config().model_copy(update={key: value for key, value in given.items() if value is not None})
        except ValidationError as error:
            raise BansoError(_setting_fault(str(each["loc"][0]), each["input"]) for each in error.errors()) from error

    @contextmanager
    def system(self, at: str | None = None) -> Iterator["System"]:
        """A system whose clock is the machine's, or runs on from `at`."""
        state = self.config.state_folder
        if state.exists() and not state.is_dir():
            raise refuse("E651", str(state), name="BANSO_STATE", value=state)
        with opened(self.config) as system:
            if at is not None:
                system.clock = SystemClock.starting_at(parse_instant(at, system.workspace))
            yield system

    def must_have_come(self, instant: int, *, rehearse: bool) -> None:
        """Acting ahead of the machine's clock blinds a deployment to what comes in until then. Raises BansoError E652."""
        if instant > SystemClock(max(self.config.moved_by, 0)).now() and not rehearse:
            raise refuse("E652", "--at")

    def language(self, system: "System | None" = None) -> Language:
        """The language asked for, else the workspace's, which is only guessed while it is not loaded."""
        if self.config.language:
            return self.config.language
        return system.workspace.settings.workspace.language if system else guessed_language(self.config.workspace)


@contextmanager
def opened(config: Config) -> Iterator["System"]:
    """A system that is closed at the end. Raises BansoError E620 where its store fails on the way."""
    from engine.ledger.open import StoreError, problem_of
    from engine.pipeline.system import System

    system = System(config, config.clock())
    try:
        yield system
    except StoreError as error:
        raise refuse("E620", "BANSO_LEDGER_URL", problem=problem_of(error)) from error
    finally:
        system.close()


def instant_asked(at: str | None, system: "System") -> int:
    """The instant a command looks at: now, the one written, or for a bare date that of its night."""
    from engine.pipeline.slots import night_of

    if at is None:
        return system.clock.now()
    instant = parse_instant(at, system.workspace)
    return night_of(system, system.workspace.zone.day(instant)) if len(at.strip()) == DATE_LENGTH else instant


def _setting_fault(name: str, given: object) -> Fault:
    """Of a URL only what stands behind a password is shown."""
    variable = f"BANSO_{name.upper()}"
    secret = name.endswith("_url") or name == "relays"
    return Fault("E651", Place(variable), {"name": variable, "value": str(given).rpartition("@")[2] if secret else given})


def parse_instant(text: str, workspace: "Workspace", option: str = "--at") -> int:
    """An instant as people write it; a bare date is that date at `nightly_at`, a time without offset is the workspace's."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise refuse("E650", option, value=text) from error
    if not FIRST_YEAR <= moment.year < LAST_YEAR:
        raise refuse("E650", option, value=text)
    if len(text.strip()) == DATE_LENGTH:
        return workspace.zone.at_wall(moment.date().toordinal() - 719_163, workspace.nightly_minutes)
    if moment.tzinfo is None:
        return workspace.zone.at_wall(moment.date().toordinal() - 719_163, moment.hour * 60 + moment.minute) + moment.second * 1_000_000
    return instant_of(moment)


def shown(instant: int | None, workspace: "Workspace", form: str = "%m-%d %H:%M") -> str:
    """An instant in the workspace's zone."""
    return "–" if instant is None else moment_of(instant, ZoneInfo(workspace.zone.name)).strftime(form)


def shown_weekday(instant: int | None, workspace: "Workspace", language: Language) -> str:
    """The day of the week in the reader's language, and the time."""
    if instant is None:
        return "–"
    moment = moment_of(instant, ZoneInfo(workspace.zone.name))
    return f"{WEEKDAYS[language][moment.weekday()]} {moment:%H:%M}"


def print_json(value: object) -> None:
    """JSON for programs: dataclasses as objects, sets as sorted lists."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=_plain) + "\n")


def _plain(value: object) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, frozenset | set):
        return sorted(value)
    return str(value)


@contextmanager
def progress(language: Language, key: str) -> Iterator["Report"]:
    """A bar on standard error for work that takes longer than a moment; silent where nobody looks."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(say(language, key), total=None)

        def report(what: str, done: int, total: int) -> None:
            bar.update(task, description=f"{say(language, key)} {what}".strip(), completed=done, total=total)

        yield report


def print_faults(faults: tuple[Fault, ...], language: Language, root: Path) -> None:
    """Each fault with its line of text, why it matters and what to do, and where else the same is the case."""
    for fault, others in folded(faults):
        print_fault(fault, language, root)
        if others:
            places = ", ".join(str(place) for place in others[:ALSO_MAX]) + (" …" if len(others) > ALSO_MAX else "")
            err.print(Text(f"  {say(language, 'fault.also', places=places)}"), soft_wrap=True)


def print_fault(fault: Fault, language: Language, root: Path) -> None:
    what, why, fix = say_fault(language, fault.code, fault.values)
    err.print(Text(str(fault.place), style="bold"), Text(fault.code, style="red" if fault.refuses else "yellow"), Text(what), soft_wrap=True)
    _print_excerpt(fault, root)
    for label, text in ((say(language, "fault.why"), why), (say(language, "fault.fix"), fix)):
        if text:
            err.print(Text(f"  {label}", style="dim"), Text(text), soft_wrap=True)


def _print_excerpt(fault: Fault, root: Path) -> None:
    """The line at fault with a caret, placed by display width: a Japanese character is two cells wide."""
    path, line = root / fault.place.file, fault.place.line
    if not line or not path.is_file():
        return
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    if line <= len(lines):
        text, column = lines[line - 1], fault.place.column
        err.print(Text(f"{line:5} │ {text}", style="dim"), soft_wrap=True)
        if column:
            err.print(Text(f"      │ {' ' * cell_len(text[: column - 1])}^", style="red"), soft_wrap=True)
