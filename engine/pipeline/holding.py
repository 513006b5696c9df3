"""Holding a named lease while work goes on, renewed by a thread, so that a process that died holds nobody up for long."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from secrets import token_hex
from threading import Event, Thread

from engine.calendar import SECOND
from engine.errors import refuse
from engine.ledger import leases
from engine.ledger.open import Connection, StoreError
from engine.pipeline.system import System

log = logging.getLogger("banso.lease")
LEASE_SECONDS = 90
RENEW_SECONDS = 20


@dataclass(frozen=True)
class Held:
    """A lease in hand. `owner` is unique in the world and may name files."""

    system: System
    name: str
    owner: str

    def still(self, connection: Connection) -> None:
        """Fence of a commit. Raises BansoError E621 if the lease was lost meanwhile, so that nothing is written beside another."""
        now = self.system.clock.now()
        holder = leases.take_lease(connection, self.name, self.owner, now, now + LEASE_SECONDS * SECOND)
        if holder is not None:
            raise refuse("E621", self.name, holder=holder)


@contextmanager
def hold_lease(system: System, name: str) -> Iterator["Held"]:
    """Only one holder at a time works on `name`. Raises BansoError E621 if another does."""
    owner, stop = f"{name}-{token_hex(6)}", Event()
    holder = _take(system, name, owner)
    if holder is not None:
        raise refuse("E621", name, holder=holder)

    def renew() -> None:
        while not stop.wait(RENEW_SECONDS):
            try:
                _take(system, name, owner)
            except StoreError as problem:  # the next round tries again; `Held.still` decides at the commit
                log.warning("lease on %s not renewed: %s", name, problem)

    thread = Thread(target=renew, name=f"lease-{name}", daemon=True)
    thread.start()
    try:
        yield Held(system, name, owner)
    finally:
        stop.set()
        thread.join()
        with system.ledger.write() as connection:
            leases.give_lease_back(connection, name, owner)


def _take(system: System, name: str, owner: str) -> str | None:
    now = system.clock.now()
    with system.ledger.write() as connection:
        return leases.take_lease(connection, name, owner, now, now + LEASE_SECONDS * SECOND)
