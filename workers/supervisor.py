"""`banso up`: one process each for the workers of each queue, scheduler and web, or some of them; one that leaves is started again, ever later.

One that falls silent or is stuck is ended first, by the word of the watch.
"""

import logging
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import FrameType

from engine.clock import monotonic_seconds
from engine.config import Config
from engine.pipeline.queues import queue_groups
from engine.pipeline.system import System
from workers.watch import Watch

log = logging.getLogger("banso.supervisor")
PARTS = ("workers", "scheduler", "web", "receiver")
WATCHED = frozenset({"worker", "scheduler"})  # those that give signs of life
STOP_SECONDS = 25.0  # for all of them together; less than the 30 that platforms give before they kill
LOOK_SECONDS = 0.2
LAST_SECONDS = 5.0  # for one that is asked to leave because something is wrong with it; then it is killed
OFTEN, OFTEN_SECONDS = 3, 300.0  # more exits than this within that time are told loudly


@dataclass(frozen=True)
class Patience:
    """Seconds before a process that left is started again: twice as long each time; who ran steadily begins anew with the first wait."""

    first: float = 1.0
    longest: float = 30.0
    steady: float = 60.0

    def after(self, wait: float, ran: float) -> float:
        """The next wait, after a wait of `wait` (0: none yet) and a run of `ran` seconds."""
        return self.first if ran > self.steady or not wait else min(wait * 2, self.longest)


@dataclass
class Process:
    """One supervised process."""

    name: str
    command: Sequence[str]
    patience: Patience = Patience()
    watched: bool = False
    wait: float = 0.0
    not_before: float = 0.0
    started: float = 0.0
    exits: list[float] = field(default_factory=list)
    child: subprocess.Popen[bytes] | None = None
    kill_at: float | None = None

    def keep(self, now: float) -> None:
        """Start the process if it does not run and its wait is over."""
        if self.child is not None and (code := self.child.poll()) is not None:
            self.child = self.kill_at = None
            self._left(now, code)
        if self.child is not None and self.kill_at is not None and now >= self.kill_at:
            self.child.kill()
        if self.child is None and now >= self.not_before:
            self.child = subprocess.Popen(self.command)
            self.started = now

    def _left(self, now: float, code: int) -> None:
        self.wait = self.patience.after(self.wait, now - self.started)
        self.not_before = now + self.wait
        self.exits = [*(each for each in self.exits if each > now - OFTEN_SECONDS), now]
        log.warning("%s left with %s, starts again in %s seconds", self.name, code, self.wait)
        if len(self.exits) > OFTEN:
            log.error("%s left %s times within %s minutes: it does not work, look at why", self.name, len(self.exits), int(OFTEN_SECONDS // 60))

    def replace(self, pid: int, symptom: str, now: float) -> None:
        """End a child with which something is wrong: asked first, killed if it cannot hear any more. Then it is started like any that left."""
        if self.child is not None and self.child.pid == pid and self.kill_at is None:
            log.error("%s (process %s) is %s and is replaced", self.name, pid, symptom)
            self.kill_at = now + LAST_SECONDS
            self.ask_to_stop()

    def ask_to_stop(self) -> None:
        if self.child is not None and self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)

    def wait_until_gone(self, deadline: float) -> None:
        """Killed at the deadline: what it was handing over becomes unknown, and that is shown."""
        if self.child is None:
            return
        try:
            self.child.wait(timeout=max(deadline - monotonic_seconds(), 0.1))
        except subprocess.TimeoutExpired:
            log.error("%s did not stop in time and is killed", self.name)  # noqa: TRY400 - where it came through says nothing
            self.child.kill()
            self.child.wait()


def processes_of(config: Config, parts: Sequence[str] = PARTS) -> list[Process]:
    """What a deployment consists of, or the parts of it that run here."""
    place = ["-w", str(config.workspace), "--state", str(config.state_folder)]
    workers = [("worker", *group) for group in queue_groups(config)]  # one each, so that a slow relay stops no other
    commands: dict[str, Sequence[tuple[str, ...]]] = {"workers": workers, "scheduler": [("scheduler",)], "web": [("serve",)]}
    commands["receiver"] = [("mail", "receive")] if config.mail_receive else []
    wanted = [words for part in PARTS if part in parts for words in commands[part]]
    return [Process(" ".join(words), [sys.executable, "-m", "engine.cli", *place, *words], watched=words[0] in WATCHED) for words in wanted]


def run_group(system: System, parts: Sequence[str] = PARTS) -> None:
    """Supervise what a deployment consists of, or parts of it, with an eye on their signs of life."""
    processes = processes_of(system.config, parts)
    watch = Watch(system, lambda: [each.child.pid for each in processes if each.watched and each.child is not None])
    watch.start()
    try:
        supervise(processes, watch)
    finally:
        watch.stop()


def supervise(processes: Sequence[Process], watch: Watch | None = None) -> None:
    """Run everything until told to stop; then ask each process to finish and wait for it."""
    stopping = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    while not stopping:
        for process in processes:
            process.keep(monotonic_seconds())
            for pid, symptom in (watch.found if watch else {}).items():
                process.replace(pid, symptom, monotonic_seconds())
        time.sleep(LOOK_SECONDS)
    for process in processes:
        process.ask_to_stop()
    deadline = monotonic_seconds() + STOP_SECONDS
    for process in processes:
        process.wait_until_gone(deadline)
