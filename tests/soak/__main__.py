"""`make soak`: thousands of touches through real processes while everything around them is killed, wiped and restarted.

`python -m tests.soak --touches 100000 --seed 1 --kill-seconds 0.3-2 --ledger PostgreSQL --broker Redis --workers 4`. Exit 1 if a promise was
broken; then the folder of the run stays for a look.
"""

import argparse
import shutil
import signal
import sys
import tempfile
import warnings
from pathlib import Path

from benchmarks import RESULTS
from benchmarks.results import Report, publish
from engine.calendar import DAY, date_of_day
from engine.clock import SystemClock
from tests.soak.nemesis import ByChance, Span
from tests.soak.run import Order, Outcome, Soak
from tests.soak.servers import Manners

MANNERS = Manners(later=0.02, cut=0.005, slow=0.01)
LEASE_SECONDS, SWEEP_SECONDS = 10, 3
SHOWN = 20
PACKAGES = ("celery", "redis", "SQLAlchemy", "psycopg", "pysqlite3", "aiosmtpd")


def span(text: str) -> Span:
    """`0.3-2`."""
    first, _, last = text.partition("-")
    return float(first), float(last or first)


def report(outcome: Outcome, kills: str) -> Report:
    order, acts, storm, calm = outcome.order, outcome.acts, outcome.after_storm, outcome.after_calm
    assert storm is not None
    assert calm is not None
    seconds = ", ".join(f"{name} {each:,.0f}" for name, each in outcome.seconds.items())
    rows = [
        ("touches decided", f"{storm.decided:,}"),
        ("ledger, broker, seed", f"{order.ledger}, {order.broker}, {order.seed}"),
        ("workers killed (-9)", f"{acts['worker killed']:,}"),
        ("workers frozen past their lease", f"{acts['worker frozen']:,}"),
        ("workers that left by themselves", f"{acts['worker left']:,}"),
        ("schedulers killed (-9)", f"{acts['scheduler killed']:,}"),
        ("broker wiped (FLUSHALL)", f"{acts['broker flushed']:,}"),
        ("broker killed (-9) and begun empty", f"{acts['broker killed']:,}"),
        ("messages that were waiting then", f"{acts['messages wiped']:,}"),
        ("ledger stopped as by a power cut", f"{acts['ledger restarted']:,}"),
        ("letters put off (451 at the dot)", f"{storm.later:,}"),
        ("letters taken without a reply", f"{storm.cut:,}"),
        ("unknown at some time", f"{calm.ever_unknown:,}"),
        ("unknown after the storm, of which taken", f"{storm.unknown:,}, {storm.unknown_taken:,}"),
        ("sent in the storm", f"{storm.states.get('sent', 0):,}"),
        ("lost, doubled after the storm", f"{storm.lost:,}, {storm.doubled:,}"),
        ("sent after the calm", f"{calm.states.get('sent', 0):,}"),
        ("lost, doubled, unknown after the calm", f"{calm.lost:,}, {calm.doubled:,}, {calm.unknown:,}"),
        ("promises broken", f"{len(outcome.wrong):,}"),
        ("seconds", seconds),
    ]
    return Report(
        name="soak",
        title=f"Soak: {order.touches:,} mails through {order.workers} worker processes under faults",
        method=f"`make soak SOAK_TOUCHES={order.touches} SOAK_SEED={order.seed} SOAK_KILL_SECONDS={kills} SOAK_LEDGER={order.ledger} "
        f"SOAK_BROKER={order.broker} SOAK_WORKERS={order.workers}`. A night decides; then real workers send through a real SMTP server, and every "
        f"{kills} s one of those at work is killed. After this storm the clock is moved on by twenty minutes, the relay's log settles what nobody could "
        "tell, and the rest goes out. A checker that knows the relay's journal and plain SQL alone counts after both and holds `ops status` and "
        "`doctor` against it.",
        head=("what", "number"),
        rows=rows,
    )


def main(arguments: list[str]) -> int:
    warnings.simplefilter("ignore")  # the libraries' words to a person at a keyboard
    parser = argparse.ArgumentParser(description="Soak banso in faults.")
    parser.add_argument("--touches", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kill-seconds", default="0.3-2", help="a worker is killed so often")
    parser.add_argument("--ledger", choices=["PostgreSQL", "SQLite"], default="PostgreSQL")
    parser.add_argument("--broker", choices=["Redis", "files"], default="Redis")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--minutes", type=float, default=480, help="after which the storm ends, whether all was sent or not")
    parser.add_argument("--date", default=date_of_day(SystemClock().now() // DAY).isoformat())
    options = parser.parse_args(arguments)
    order = Order(
        touches=options.touches,
        seed=options.seed,
        ledger=options.ledger,
        broker=options.broker,
        workers=options.workers,
        schedulers=1,
        lease_seconds=LEASE_SECONDS,
        sweep_seconds=SWEEP_SECONDS,
        manners=MANNERS,
        storm_seconds_max=options.minutes * 60,
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that nothing it started outlives it
    folder = Path(tempfile.mkdtemp(prefix="banso-soak-"))
    print(f"{order}\nin {folder}", flush=True)
    soak = Soak(order, folder, lambda text: print(text, flush=True))
    try:
        outcome = soak.run(ByChance(options.seed, span(options.kill_seconds)))
    finally:
        soak.close()
    publish(report(outcome, options.kill_seconds), RESULTS, options.date, PACKAGES)
    for each in outcome.wrong[:SHOWN]:
        print(each)
    if not outcome.wrong:
        shutil.rmtree(folder)
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
