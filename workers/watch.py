"""The eye of `banso up` on its children: by their signs of life in the ledger it tells who fell silent, who is stuck and who blocks the others.

It counts looks and not seconds, and signs that changed, not how old they are: neither a clock that jumps, nor a ledger that was away, nor a
supervisor that was frozen itself makes anybody look dead.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Literal

from engine.errors import BansoError
from engine.ledger.locks import lock_holder
from engine.ledger.open import StoreError
from engine.pipeline.ops import Sign, look_around
from engine.pipeline.system import System
from workers.signs import SIGNS, pid_of, process_name, say_farewell, sign_seconds

log = logging.getLogger("banso.supervisor")
SILENT_LOOKS = SIGNS + 1  # without a new sign, of a child that gave signs
NEVER_LOOKS = 15 * SIGNS  # without any sign at all: starting takes its time on a machine that is short of it
STUCK_LOOKS = 2  # in a row: one that is frozen and goes on seems stuck for a moment

Symptom = Literal["silent", "hanging", "blocking"]


@dataclass
class _Seen:
    """One child, as it was seen so far."""

    signs: Mapping[str, int] | None = None  # of every process that ever had this number: the dead give no new ones
    began: bool = False
    unchanged: int = 0
    stuck: int = 0


@dataclass
class Eye:
    """Judges children by what stood in the ledger at each look."""

    _seen: dict[int, _Seen] = field(default_factory=dict)

    def look(self, children: Iterable[int], signs: Sequence[Sign]) -> dict[int, Symptom]:
        """Process id → what is wrong with that child."""
        wanted = set(children)
        self._seen = {pid: self._seen.get(pid, _Seen()) for pid in wanted}
        by_pid: dict[int, list[Sign]] = {pid: [] for pid in wanted}
        for sign in signs:
            if (pid := pid_of(sign.name)) in by_pid:
                by_pid[pid].append(sign)
        found = {pid: self._judge(self._seen[pid], by_pid[pid]) for pid in wanted}
        return {pid: symptom for pid, symptom in found.items() if symptom is not None}

    def _judge(self, child: _Seen, signs: Sequence[Sign]) -> Symptom | None:
        before, child.signs = child.signs, {sign.name: sign.seen_at for sign in signs}
        fresh = [sign for sign in signs if before is not None and before.get(sign.name) != sign.seen_at]
        child.began |= bool(fresh)
        child.unchanged = 0 if fresh else child.unchanged + 1
        if fresh:
            child.stuck = child.stuck + 1 if any(sign.hangs for sign in fresh) else 0
        if child.stuck >= STUCK_LOOKS:
            return "hanging"
        return "silent" if child.unchanged >= (SILENT_LOOKS if child.began else NEVER_LOOKS) else None


@dataclass
class Watch:
    """Looks again and again, from a thread, since a ledger may take its time to answer."""

    system: System
    children: Callable[[], Sequence[int]]
    name: str = field(default_factory=process_name)
    found: Mapping[int, Symptom] = field(default_factory=dict)
    _stop: Event = field(default_factory=Event)
    _eye: Eye = field(default_factory=Eye)
    _thread: Thread | None = None

    def start(self) -> None:
        self._thread = Thread(target=self._look_on, name="watch", daemon=True)
        self._thread.start()

    def _look_on(self) -> None:
        while not self._stop.wait(sign_seconds(self.system.config)):
            self.look()

    def look(self) -> None:
        """One look; `found` holds what is wrong afterwards.

        A look waits for SQLite's write lock far longer than any transaction takes: a child that holds it before and after keeps it for good.
        """
        children, holder = self.children(), lock_holder(self.system.ledger)
        try:
            self.found = self._eye.look(children, look_around(self.system, self.name, "supervisor"))
        except (StoreError, BansoError) as problem:
            log.warning("ledger away, nobody is judged by signs: %s", problem)
            self.found = {pid: "blocking" for pid in children if pid == holder == lock_holder(self.system.ledger)}

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
        say_farewell(self.system, self.name)
