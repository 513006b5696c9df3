"""Signs of life of a process: its name, the thread that gives them, and the farewell."""

import logging
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

from engine.config import Config
from engine.errors import BansoError
from engine.ledger.open import StoreError
from engine.pipeline.ops import farewell, sign_of_life
from engine.pipeline.system import System

log = logging.getLogger("banso.signs")
SIGNS = 4  # within the time after which a process counts as silent, so that one or two that the ledger did not take are no silence


def process_name() -> str:
    """Names the process once in the world: a container that starts again has the same host name and pid."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


def pid_of(name: str) -> int | None:
    """The process id in a name, if the process is on this machine."""
    host, pid, _ = name.rsplit("-", 2)
    return int(pid) if host == socket.gethostname() else None


def sign_seconds(config: Config) -> float:
    return config.silent_seconds / SIGNS


@contextmanager
def signs_of_life(system: System, name: str, kind: str, busy_since: Callable[[], int | None] = lambda: None) -> Iterator[None]:
    """Give signs until the block ends, from a thread that does nothing else, so that no long work makes a process seem silent; then say farewell.

    What its other threads are at is told with each sign.
    """
    stop = Event()

    def sign_on() -> None:
        while not stop.is_set():
            try:
                sign_of_life(system, name, kind, busy_since())
            except StoreError as problem:
                log.warning("ledger away, no sign of life: %s", problem)
            stop.wait(sign_seconds(system.config))

    thread = Thread(target=sign_on, name="signs", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=5)
        say_farewell(system, name)


def say_farewell(system: System, name: str) -> None:
    """Told to leave, so not missed; a ledger that is away only makes it look silent for a while."""
    try:
        farewell(system, name)
    except (StoreError, BansoError) as problem:
        log.warning("ledger away at the end: %s", problem)
