"""One evening for all runs of the simulator."""

import logging
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.town import Eve

MEMORY = Path("/dev/shm")


@pytest.fixture(scope="session")
def eve() -> Iterator[Eve]:
    folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
    yield Eve.make(folder / "eve")
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def _nobody_reads_the_storm() -> Iterator[None]:
    """A store that is away is logged each time, and here it is away all the time."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)
