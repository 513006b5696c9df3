"""What the promises share: small soaks of real processes, the simulator's evening, both ledgers, and writing down what was reached."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

import pytest

from tests.faults.conftest import eve  # noqa: F401 - a fixture
from tests.inbox import Inbox
from tests.promises.book import RECORD, Reached, name_of
from tests.soak.nemesis import ByProgress
from tests.soak.run import Order, Outcome, Soak
from tests.story import Story

Soaked = Callable[[Order, ByProgress], Outcome]


class Tell(Protocol):
    """The last words of a test that held: how far it went."""

    def __call__(self, number: int, unit: str, *, seeds: int = 0, faults: int = 0) -> None: ...


@pytest.fixture
def reached(request: pytest.FixtureRequest) -> Tell:
    """reached(number, unit, seeds=…, faults=…) for the table in README.md; what several tests of a promise say of one unit is added up."""

    def tell(number: int, unit: str, *, seeds: int = 0, faults: int = 0) -> None:
        line = json.dumps(asdict(Reached(name_of(request.path), number, unit, seeds, faults)), ensure_ascii=False)
        if record := os.environ.get(RECORD):
            with Path(record).open("a", encoding="utf-8") as file:  # short lines are added whole, from several processes too
                file.write(line + "\n")
        print(line)

    return tell


@pytest.fixture
def soaked(tmp_path: Path) -> Iterator[Soaked]:
    """soaked(order, nemesis) runs one to its end; what it said is shown with a failure."""
    soaks: list[Soak] = []

    def run(order: Order, nemesis: ByProgress) -> Outcome:
        soaks.append(Soak(order, tmp_path, print))
        return soaks[-1].run(nemesis)

    yield run
    for soak in soaks:
        soak.close()


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def on_both(request: pytest.FixtureRequest, tmp_path: Path, inbox: Inbox) -> Iterator[Story]:
    """A story on SQLite and the same on PostgreSQL."""
    ledger_url = request.getfixturevalue("postgres_url") if request.param == "PostgreSQL" else None
    story = Story(tmp_path, smtp_url=inbox.url, ledger_url=ledger_url)
    yield story
    story.close()
