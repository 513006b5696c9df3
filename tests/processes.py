"""How tests start the product's own processes: the command as people type it, on a state folder of theirs."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from tests.story import ROOT, SPACE

PATIENCE_SECONDS = 60
COMPILED_ONCE = {"PYTHONDONTWRITEBYTECODE": ""}  # a process that is started a hundred times must not compile itself each time


def banso(state: Path, *words: str) -> list[str]:
    """`banso` with these words, for the small workspace of the stories."""
    return [sys.executable, "-m", "engine.cli", "-w", str(SPACE), "--state", str(state), *words]


def start(command: list[str], settings: Mapping[str, str], log: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
    """A process that reads these settings besides the environment's, and writes what it says to the log."""
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **COMPILED_ONCE, **settings}, stdout=log, stderr=log)


def until(seen: Callable[[], object]) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not seen():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)
