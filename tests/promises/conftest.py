"""Promises are kept by real processes: small soaks, each with the faults of its promise. `make soak` is the long one."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.soak.nemesis import ByProgress
from tests.soak.run import Order, Outcome, Soak

Soaked = Callable[[Order, ByProgress], Outcome]


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
