"""Holding a named lease while work goes on, renewed by a thread, so that a process that died holds nobody up for long."""

from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex
from threading import Event, Thread

from engine.calendar import SECOND
from engine.errors import refuse
from engine.ledger import leases
from engine.pipeline.system import System

LEASE_SECONDS = 90
RENEW_SECONDS = 20


@contextmanager
def hold_lease(system: System, name: str) -> Iterator[None]:
    """Only one holder at a time works on `name`. Raises BansoError E621 if another does."""
    owner, stop = f"{name}-{token_hex(6)}", Event()
    holder = _take(system, name, owner)
    if holder is not None:
        raise refuse("E621", name, holder=holder)

    def renew() -> None:
        while not stop.wait(RENEW_SECONDS):
            _take(system, name, owner)

    thread = Thread(target=renew, name=f"lease-{name}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        with system.ledger.write() as connection:
            leases.give_lease_back(connection, name, owner)


def _take(system: System, name: str, owner: str) -> str | None:
    now = system.clock.now()
    with system.ledger.write() as connection:
        return leases.take_lease(connection, name, owner, now, now + LEASE_SECONDS * SECOND)
