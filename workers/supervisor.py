"""`banso up`: one process each for worker, scheduler and web, in one group; one that leaves is started again."""

import signal
import subprocess
import sys
import time
from types import FrameType

from engine.clock import monotonic_seconds
from engine.config import Config

COMMANDS = ("worker", "scheduler", "serve")
WAIT_FIRST, WAIT_MAX = 1.0, 30.0  # seconds before a process that left is started again
STEADY_SECONDS = 60.0  # who ran so long begins again with the first wait
STOP_SECONDS = 25.0


class Process:
    """One supervised process."""

    def __init__(self, command: str, config: Config) -> None:
        self.command, self.config = command, config
        self.wait, self.not_before = WAIT_FIRST, 0.0
        self.child: subprocess.Popen[bytes] | None = None
        self.started = 0.0

    def keep(self) -> None:
        """Start the process if it does not run and its wait is over."""
        now = monotonic_seconds()
        if self.child is not None and self.child.poll() is not None:
            self.wait = WAIT_FIRST if now - self.started > STEADY_SECONDS else min(self.wait * 2, WAIT_MAX)
            self.not_before, self.child = now + self.wait, None
        if self.child is None and now >= self.not_before:
            workspace, state = str(self.config.workspace), str(self.config.state_folder)
            self.child = subprocess.Popen([sys.executable, "-m", "engine.cli", "-w", workspace, "--state", state, self.command])
            self.started = now

    def stop(self) -> None:
        if self.child is not None and self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)

    def wait_until_gone(self, deadline: float) -> None:
        if self.child is None:
            return
        try:
            self.child.wait(timeout=max(deadline - monotonic_seconds(), 0.1))
        except subprocess.TimeoutExpired:
            self.child.kill()


def run_all(config: Config) -> None:
    """Run everything until told to stop; then ask each process to finish and wait for it."""
    processes = [Process(command, config) for command in COMMANDS]
    stopping = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    while not stopping:
        for process in processes:
            process.keep()
        time.sleep(0.2)
    for process in processes:
        process.stop()
    deadline = monotonic_seconds() + STOP_SECONDS
    for process in processes:
        process.wait_until_gone(deadline)
