"""The clock of a deployment. APScheduler only wakes; the slots in the ledger say what is due, so two schedulers are as good as one."""

import logging
import signal
from threading import Event
from zoneinfo import ZoneInfo

from apscheduler.schedulers.background import BackgroundScheduler
from celery import Celery

from engine.calendar import moment_of
from engine.clock import SystemClock
from engine.errors import BansoError
from engine.ledger.open import StoreError
from engine.pipeline.maildrop import take_drop
from engine.pipeline.nightly import nightly
from engine.pipeline.ops import sign_of_life
from engine.pipeline.slots import due_night
from engine.pipeline.system import System
from workers.app import make_app
from workers.run import sweep_once
from workers.signs import process_name, say_farewell, sign_seconds

log = logging.getLogger("banso.scheduler")
TICK_SECONDS = 20


def run_scheduler(system: System) -> None:
    """Wake at once and then every few seconds until told to stop."""
    app, name = make_app(system.config), process_name()
    _ = system.ledger  # opened here: who cannot reach it leaves and is started again
    clock = BackgroundScheduler(timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None})

    stop = Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stop.set())
    clock.add_job(sign_of_life, "interval", seconds=sign_seconds(system.config), args=[system, name, "scheduler"])
    at_once = moment_of(SystemClock().now(), ZoneInfo("UTC"))  # what was missed while nobody was there
    clock.add_job(tick, "interval", seconds=TICK_SECONDS, args=[system, app], next_run_time=at_once)
    clock.add_job(sweep_once, "interval", seconds=system.config.sweep_seconds, args=[system, app])
    if system.config.mail_drop is not None:
        clock.add_job(look_into_drop, "interval", seconds=system.config.sweep_seconds, args=[system])
    sign_of_life(system, name, "scheduler")
    clock.start()
    stop.wait()
    clock.shutdown(wait=True)
    say_farewell(system, name)


def tick(system: System, app: Celery) -> None:
    """Run the night that is due, if one is. A fault is loud and waits for the next tick; it never stops the clock."""
    try:
        instant = due_night(system)
        if instant is not None:
            night = nightly(system, instant, lambda *_: None)
            sweep_once(system, app)
            log.info("night %s: %s matched, %s touches", night.slot, night.matched, night.won)
    except (BansoError, StoreError):
        log.exception("night not run")


def look_into_drop(system: System) -> None:
    """Take what came back by mail; what a fault leaves there is looked at again."""
    try:
        take_drop(system)
    except (BansoError, StoreError) as problem:
        log.warning("mailbox drop not read: %s", problem)
