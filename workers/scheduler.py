"""The clock of a deployment. APScheduler only wakes; the slots in the ledger say what is due, so two schedulers are as good as one."""

import logging
import signal
from types import FrameType

from apscheduler.schedulers.blocking import BlockingScheduler
from celery import Celery

from engine.errors import BansoError
from engine.pipeline.nightly import nightly
from engine.pipeline.ops import sign_of_life
from engine.pipeline.slots import due_night
from engine.pipeline.system import System
from workers.app import make_app
from workers.run import sweep_once, worker_name

log = logging.getLogger("banso.scheduler")
TICK_SECONDS = 20


def run_scheduler(system: System) -> None:
    """Wake at once and then every few seconds until told to stop."""
    app, name = make_app(system.config), worker_name()
    clock = BlockingScheduler(timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None})

    def stop(_signal: int, _frame: FrameType | None) -> None:
        clock.shutdown(wait=False)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    clock.add_job(sign_of_life, "interval", seconds=system.config.lease_seconds / 2, args=[system, name, "scheduler"])
    clock.add_job(tick, "interval", seconds=TICK_SECONDS, args=[system, app])
    sign_of_life(system, name, "scheduler")
    tick(system, app)
    clock.add_job(sweep_once, "interval", seconds=system.config.sweep_seconds, args=[system, app])
    clock.start()


def tick(system: System, app: Celery) -> None:
    """Run the night that is due, if one is. A fault is loud and waits for the next tick; it never stops the clock."""
    try:
        instant = due_night(system)
        if instant is not None:
            night = nightly(system, instant, lambda *_: None)
            sweep_once(system, app)
            log.info("night %s: %s matched, %s touches", night.slot, night.matched, night.won)
    except BansoError:
        log.exception("night not run")
