"""What every benchmark prints and keeps: one table of medians, on the screen and as `results/<name>.md`."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Sample:
    """Measured values of one kind, with a unit."""

    values: Sequence[float]
    unit: str
    digits: int = 2

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def p95(self) -> float:
        return quantiles(self.values, n=20)[-1]

    def __str__(self) -> str:
        middle, low, high = (f"{value:,.{self.digits}f}" for value in (self.median, min(self.values), max(self.values)))
        return f"{middle} {self.unit} ({low}-{high})"


@dataclass(frozen=True)
class Report:
    """A table with the sentences that say how it was measured."""

    name: str
    title: str
    method: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    remarks: Sequence[str] = ()


def ratio(value: Sample, base: Sample) -> str:
    """How many times the base's median."""
    return f"{value.median / base.median:.2f} ×"


def publish(report: Report, folder: Path, date: str, packages: Sequence[str]) -> None:
    """Print the table and write it down."""
    table = Table(title=report.title)
    for name in report.head:
        table.add_column(name, overflow="fold")
    for row in report.rows:
        table.add_row(*row)
    console = Console()
    console.print(table)
    for remark in report.remarks:
        console.print(f"· {remark}", highlight=False)
    folder.mkdir(exist_ok=True)
    (folder / f"{report.name}.md").write_text(markdown(report, date, machine(packages)), encoding="utf-8")


def markdown(report: Report, date: str, where: Mapping[str, str]) -> str:
    lines = [f"# {report.title}", "", f"{date}. " + ", ".join(f"{name} {text}" for name, text in where.items()) + ".", "", report.method, ""]
    lines += [_line(report.head), _line(["---"] * len(report.head)), *(_line(row) for row in report.rows), ""]
    lines += [f"- {remark}" for remark in report.remarks]
    return "\n".join(lines).rstrip() + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def machine(packages: Sequence[str]) -> dict[str, str]:
    """Python, the packages that count, and the cores."""
    found = {"CPython": platform.python_version(), **{name: version(name) for name in packages}}
    return {**found, "cores": f"{os.cpu_count()} ({platform.machine()}, shared with other work)"}
