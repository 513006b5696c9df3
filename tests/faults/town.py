"""A morning under faults: a night has decided, and workers, sweepers, people at the desk and customers meet at the store while things break.

What is simulated are the ports; dispatch, sweep, re-check, ledger and reconciliation are the product's own code on a real SQLite file.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select

from engine.calendar import DAY, HOUR, MINUTE
from engine.decision.standing import Pause
from engine.ledger import holds
from engine.ledger import records as ledger_records
from engine.ledger.open import Ledger, StoreError, open_ledger
from engine.ledger.tables import touches
from engine.pipeline import ops
from engine.pipeline.dispatch import dispatch
from engine.pipeline.reconcile import reconcile
from engine.pipeline.sweep import sweep
from engine.pipeline.system import System
from engine.pipeline.worker import Worker
from engine.touches.touch import LIVE, State
from tests.builders import a_record, a_stalled_customer, at
from tests.faults.baton import CALM, Actor, Baton, Weather
from tests.faults.parts import BatonClock, Doorbell, FaultyLedger, Line, Manners, OneHand, Relay, RelayLog
from tests.story import Story

MORNING = at("2026-04-07 09:00")
ACCOUNTS = 10
ROUNDS = 8  # of each actor
WORKERS = 2
STORM = Weather(kill=0.02, long_pause=0.01, clock_set=0.002)
FROST = Weather(kill=0.002, long_pause=0.06)  # processes freeze, and wake when others have done their work
MANNERS = Manners(later=0.06, refused=0.02, cut_taken=0.05, cut_lost=0.05)
AWAY = 0.008  # how often the store is, at the beginning or the end of a transaction
CALM_ROUNDS = 60  # what has not come to rest by then never will


@dataclass
class Eve:
    """A state folder after the night, made once, and the compiled workspace that all runs share."""

    story: Story

    @classmethod
    def make(cls, folder: Path) -> "Eve":
        story = Story(folder)
        for number in range(ACCOUNTS):
            story.given(a_stalled_customer(f"c{number:02d}"))
        assert story.nightly("2026-04-07 02:00").won == ACCOUNTS
        for day in ("2026-04-07", "2026-04-08", "2026-04-09", "2026-04-10", "2026-04-11"):
            story.heard(f"{day} 08:59")
        story.system.evaluator(story.system.workspace)
        story.system.close()
        return cls(story)


@dataclass
class Town:
    """One run of a seed."""

    eve: Eve
    folder: Path
    seed: int
    away: float = AWAY
    ledger: Ledger = field(init=False)
    baton: Baton = field(init=False)
    relay: Relay = field(init=False)
    bell: Doorbell = field(init=False)
    forbidden: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    broken_rules: list[str] = field(default_factory=list)
    begun: int = 0

    def __post_init__(self) -> None:
        shutil.copytree(self.eve.story.config.state_folder, self.folder, ignore=shutil.ignore_patterns("broker", "outbox"))
        self.ledger = open_ledger(f"sqlite:///{self.folder / 'ledger.db'}")
        self.baton = Baton(self.seed, MORNING, FROST if self.seed % 4 == 2 else STORM)
        self.relay = Relay(self.baton, MANNERS)
        self.bell = Doorbell(self.baton, loss=0.2, twice=0.2)

    # --- processes ----------------------------------------------------------------------------------------------------

    def system(self) -> System:
        """Each process opens the deployment for itself; what is compiled is shared, as it never changes here."""
        source = self.eve.story.system
        config = self.eve.story.config.model_copy(update={"state": self.folder})
        system = System(config, BatonClock(self.baton), look_seconds=1e9, _workspace=source.workspace, _looked_at=1e18)
        system._evaluators.update(source._evaluators)
        system.__dict__["ledger"] = FaultyLedger(self.ledger.engine, self.baton, self.away if self.baton.weather is not CALM else 0.0)
        return system

    def worker(self) -> Worker:
        self.begun += 1
        worker = Worker(self.system(), f"worker-{self.begun}", hands=OneHand())
        worker._transports.update({("mail", index): Line(self.relay) for index in range(8)})
        return worker

    def work(self) -> None:
        worker = self.worker()
        for _ in range(ROUNDS * 3):
            self._idle("message")
            ids = self.bell.answer()
            if ids:
                with outliving():
                    dispatch(worker, ids)

    def sweep(self) -> None:
        system = self.system()
        while self.baton.is_alive("worker"):
            with outliving():
                sweep(system, self.bell.ring)
            self._idle("sweeper", 100)

    def reconcile(self) -> None:
        system = self.system()
        while self.baton.is_alive("worker"):
            with outliving():
                reconcile(system, [RelayLog(self.relay)])
            self._idle("reconciler", 200)

    def live(self) -> None:
        """Customers take the step that a mail asks for, or write that they want no more."""
        system = self.system()
        for number in sorted(self.baton.random.sample(range(ACCOUNTS), 2)):
            self._idle("customer")
            with outliving(), system.ledger.write() as connection:
                done = a_record("product.settings_completed", account=f"c{number:02d}", at="2026-04-07 08:30")
                ledger_records.append_tail(connection, [done], system.clock.now())
        for number in self.baton.random.sample(range(ACCOUNTS), 2):
            self._idle("opt out")
            self._forbid(f"tanaka@c{number:02d}.example.jp", frozenset({f"c{number:02d}"}))

    def _idle(self, what: str, steps: int = 40) -> None:
        """People act when they like, and so does whoever looks again after a while."""
        for _ in range(self.baton.random.randrange(steps)):
            self.baton.step(what)

    def _forbid(self, address: str, accounts: frozenset[str]) -> None:
        """Opt out, and remember which letters may still be on their way at that moment: those already committed as `sending`."""
        with outliving():
            with FaultyLedger(self.ledger.engine, self.baton).write() as connection:
                holds.suppress(connection, address, "opted_out", "link", self.baton.now)
                allowed = self._sending(connection, accounts)
            self._watch(f"opted out: {address}", accounts, allowed)

    def _watch(self, what: str, accounts: frozenset[str], allowed: frozenset[str]) -> None:
        self.forbidden.append((what, self._ids(accounts) - allowed - set(self.relay.taken)))

    @staticmethod
    def _sending(connection: Any, accounts: frozenset[str]) -> frozenset[str]:
        under_way = select(touches.c.id).where(touches.c.state.in_([State.SENDING, State.UNKNOWN]), touches.c.account_id.in_(accounts))
        return frozenset(connection.scalars(under_way))

    def _ids(self, accounts: frozenset[str]) -> frozenset[str]:
        with self.ledger.read() as connection:
            return frozenset(connection.scalars(select(touches.c.id).where(touches.c.account_id.in_(accounts))))

    def pause(self) -> None:
        """Somebody stops everything for a while: what is not `sending` by then must not go out before it is lifted."""
        system = self.system()
        everybody = frozenset(f"c{number:02d}" for number in range(ACCOUNTS))
        self._idle("pause")
        if self.seed % 3:
            return
        with outliving():
            with FaultyLedger(self.ledger.engine, self.baton).write() as connection:
                holds.add_pause(connection, Pause("all", "", "fire", self.baton.now + 10 * DAY), "ops", self.baton.now)
                allowed = self._sending(connection, everybody)
            before = len(self.relay.taken)
            for _ in range(self.baton.random.randrange(40)):
                self.baton.step("fire")
            taken = set(self.relay.taken[before:]) - allowed
            if taken:
                self.broken_rules.append(f"sent while all was paused: {sorted(taken)}")
        for _ in range(50):  # whoever paused wants it lifted, whatever the store says at first
            with outliving():
                ops.resume(system, "all", "")
                return

    # --- the day ------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """The storm, and the calm after it in which everything must come to rest."""
        for number in range(WORKERS):
            self.baton.spawn(f"worker {number}", self.work)
        for name, run in (("sweeper a", self.sweep), ("sweeper b", self.sweep), ("customers", self.live), ("desk", self.pause)):
            self.baton.spawn(name, run)
        self.baton.spawn("reconciler", self.reconcile)
        self.baton.run_all(restart=self._restart)
        self.storm_ended = self.baton.now
        self._calm()

    def _restart(self, dead: Actor) -> None:
        """A supervisor starts workers and sweepers again; people whose browser died try again too."""
        if self.baton.kills < 30:
            self.baton.spawn(dead.name, dead.run)

    def _calm(self) -> None:
        self.baton.weather, self.relay.manners = CALM, Manners()
        with self.ledger.write() as connection:
            holds.lift_pauses(connection, "all", "", self.baton.now)
        self.baton.now = max(self.baton.now, MORNING) + HOUR
        worker = self.worker()
        for number in range(CALM_ROUNDS):
            sweep(worker.system, lambda _channel, ids: dispatch(worker, ids))
            reconcile(worker.system, [RelayLog(self.relay)])
            if self._at_rest():
                return
            self.baton.now += 7 * MINUTE if number < CALM_ROUNDS // 2 else 2 * HOUR  # what waits for the morning gets there too

    def _at_rest(self) -> bool:
        with self.ledger.read() as connection:
            return connection.scalar(select(touches.c.id).where(touches.c.state.in_(LIVE)).limit(1)) is None

    def close(self) -> None:
        self.ledger.close()
        shutil.rmtree(self.folder)


@contextmanager
def outliving() -> Iterator[None]:
    """A process outlives a store that is away: it tries again the next time round."""
    with suppress(StoreError):
        yield
