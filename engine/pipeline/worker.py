"""One worker's identity, channels and connections, kept over many tasks, and the thread that keeps its claims alive."""

import logging
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread

from engine.calendar import SECOND
from engine.channels import CHANNELS
from engine.channels.letter import Channel, Transport
from engine.channels.mail.transport import COMMAND_SECONDS, FINAL_REPLY_SECONDS
from engine.channels.note import ListTransport
from engine.ledger import touches as ledger_touches
from engine.ledger.open import StoreError
from engine.pipeline.folds import Recent
from engine.pipeline.postal import deployment_of, mail_transport
from engine.pipeline.system import System
from engine.touches.queue import MAIN, queue_name
from engine.touches.rate import WAVE
from engine.workspace.model import Workspace

log = logging.getLogger("banso.dispatch")
TASK_SECONDS = 300.0  # after that a task returns and the rest is rung for again
LONGEST_SECONDS = (
    TASK_SECONDS + 10 * COMMAND_SECONDS + FINAL_REPLY_SECONDS
)  # of one that has run its time and then meets a relay that is slow throughout


@dataclass
class Worker:
    """One worker's identity, channels and connections, kept over many tasks."""

    system: System
    name: str
    in_hand: set[str] = field(default_factory=set)
    hands: Executor = field(default_factory=lambda: ThreadPoolExecutor(WAVE, "hand"))
    _transports: dict[tuple[str, int], Transport] = field(default_factory=dict)
    _channels: dict[str, Channel] = field(default_factory=dict)
    _channels_of: str = ""  # the hash of the workspace they were compiled for
    _leased_from: float = 0.0  # on the clock that never goes back, when the leases in hand were last known to be ours
    _recent: Recent = field(default_factory=Recent)

    def stale(self, workspace: Workspace, now: int) -> frozenset[str]:
        """The stale sources, asked anew once a minute."""
        return self._recent.stale(self.system, workspace, now)

    def transport(self, channel: str, index: int, relay: str = MAIN) -> Transport:
        """The index-th connection of a channel: to that relay, or none where listing is all there is to do."""
        queue = queue_name(channel, relay)
        if (queue, index) not in self._transports:
            relayed = CHANNELS[channel].delivery == "relayed"
            self._transports[queue, index] = mail_transport(self.system, relay) if relayed else ListTransport()
        return self._transports[queue, index]

    def channel(self, workspace: Workspace, name: str) -> Channel:
        """Writes a channel's letters by this workspace; what was compiled for an older one is let go."""
        if workspace.hash != self._channels_of:
            self._channels, self._channels_of = {}, workspace.hash
        if name not in self._channels:
            self._channels[name] = CHANNELS[name](workspace, deployment_of(self.system.config))
        return self._channels[name]

    @property
    def lease(self) -> int:
        return self.system.config.lease_seconds * SECOND

    def leased_from(self, moment: float) -> None:
        self._leased_from = moment

    def in_time(self, touch_id: str) -> bool:
        """Whether the lease on a touch certainly still holds: a process that was frozen may find it run out, and its letter sent by another."""
        return touch_id in self.in_hand and self.system.clock.monotonic() - self._leased_from < self.system.config.lease_seconds

    def close(self) -> None:
        self.hands.shutdown()
        for transport in self._transports.values():
            transport.close()
        self._transports.clear()


@contextmanager
def heartbeat(worker: Worker) -> Iterator[None]:
    """Renews the leases of what this worker holds while it waits for slow relays; a thread with a connection of its own.

    Not for longer than any task takes: a task that is stuck must not keep its touches from the others.
    """
    stop, clock = Event(), worker.system.clock
    over = clock.monotonic() + LONGEST_SECONDS

    def beat() -> None:
        while not stop.wait(worker.system.config.lease_seconds / 3) and clock.monotonic() < over:
            try:
                _renew(worker)
            except StoreError as problem:  # the store may be back for the next beat; a lease that runs out is settled by the sweep
                log.warning("leases not renewed: %s", problem)

    thread = Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _renew(worker: Worker) -> None:
    now, moment, asked = worker.system.clock.now(), worker.system.clock.monotonic(), frozenset(worker.in_hand)
    with worker.system.ledger.write() as connection:
        kept = ledger_touches.renew_leases(connection, worker.name, sorted(asked), now + worker.lease)
    worker.in_hand -= asked - kept  # what the sweep freed while this process was frozen is not ours any more
    worker.leased_from(moment)
