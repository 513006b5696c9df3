"""The product's processes under a soak: each that leaves is started again, as a supervisor would."""

import signal
import subprocess
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.processes import banso, start
from tests.soak.checker import rows_of
from workers.supervisor import STOP_SECONDS

PATIENCE_SECONDS = 30


@dataclass
class Fleet:
    """`wanted` says how many of each command. What they say goes to `log`."""

    state: Path
    ledger_url: str
    settings: Mapping[str, str]
    wanted: Mapping[str, int]
    log: Path
    counts: Counter[str] = field(default_factory=Counter)
    _running: dict[int, tuple[str, subprocess.Popen[bytes]]] = field(default_factory=dict)
    _frozen: dict[int, float] = field(default_factory=dict)

    def keep(self) -> None:
        """Start what is missing, and wake up who has been frozen long enough."""
        for pid, (command, process) in list(self._running.items()):
            if process.poll() is not None:
                self.counts[f"{command} left"] += 1
                del self._running[pid]
        for pid in [pid for pid, until in self._frozen.items() if time.monotonic() > until]:
            del self._frozen[pid]
            if pid in self._running:
                self._running[pid][1].send_signal(signal.SIGCONT)
        there = Counter(command for command, _ in self._running.values())
        for command, number in self.wanted.items():
            for _ in range(number - there[command]):
                with self.log.open("ab") as log:
                    process = start(banso(self.state, command), self.settings, log)
                self._running[process.pid] = (command, process)

    def members(self, command: str) -> list[int]:
        return sorted(pid for pid, (of, _) in self._running.items() if of == command)

    def at_work(self, command: str) -> list[int]:
        """Schedulers that gave a sign of life, workers that have something in hand: whoever still starts has nothing to lose."""
        busy = "SELECT DISTINCT owner FROM touches WHERE state IN ('claimed', 'sending')"
        found = rows_of(self.ledger_url, busy if command == "worker" else "SELECT name FROM workers WHERE kind = 'scheduler'")
        seen = {int(name.rsplit("-", 2)[1]) for (name,) in found}
        return sorted(pid for pid, (of, _) in self._running.items() if of == command and pid in seen and pid not in self._frozen)

    def kill(self, pid: int) -> None:
        command, process = self._running.pop(pid)
        process.kill()
        process.wait()
        self.counts[f"{command} killed"] += 1

    def tell_to_leave(self, pid: int) -> int:
        """As a deploy does; returns the code with which it left. Raises TimeoutExpired if it takes longer than a platform waits."""
        command, process = self._running.pop(pid)
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(STOP_SECONDS)
        finally:
            process.kill()
            process.wait()
        self.counts[f"{command} told to leave"] += 1
        return code

    def freeze(self, pid: int, seconds: float) -> None:
        command, process = self._running[pid]
        process.send_signal(signal.SIGSTOP)
        self._frozen[pid] = time.monotonic() + seconds
        self.counts[f"{command} frozen"] += 1

    def end(self) -> None:
        """The last blow: everybody at once."""
        for _, process in self._running.values():
            process.kill()
        for _, process in self._running.values():
            process.wait()
        self._running.clear()
