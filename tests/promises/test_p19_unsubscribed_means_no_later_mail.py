"""P19: whoever said that he wants no more mail gets none from that moment on.

Wishes and bounces of single customers meet workers, a sweep and retries in drawn interleavings of the simulator, at any call of the ledger and of
the relay; no letter may be taken whose `sending` was committed after the wish. The same with threads on both ledgers.
"""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from random import Random
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select

from engine.calendar import DAY, SECOND
from engine.decision.standing import Pause
from engine.ledger import holds
from engine.ledger.open import Connection, Ledger
from engine.ledger.tables import touches
from engine.pipeline.dispatch import dispatch
from engine.pipeline.system import System
from engine.pipeline.worker import Worker
from engine.touches.touch import State
from tests.builders import a_stalled_customer, at
from tests.faults.baton import Weather
from tests.faults.checker import wrongs
from tests.faults.parts import Manners
from tests.faults.town import ACCOUNTS, Eve, Town, outliving
from tests.inbox import Inbox
from tests.promises.conftest import Tell
from tests.promises.scale import scaled
from tests.story import Story

SEEDS = scaled(12, 10_000)
BREEZE = Weather(long_pause=0.005)
MANNERS = Manners(later=0.15)
CUSTOMERS = scaled(48, 2_000)
PATIENCE_SECONDS = 60


@pytest.fixture(autouse=True)
def _nobody_reads_the_storm() -> Iterator[None]:
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


class Wishes(Town):
    """A morning on which nobody dies, and every customer wants to be left alone at a moment of his own."""

    def run(self) -> None:
        self.baton.weather, self.relay.manners = BREEZE, MANNERS
        for number in range(2):
            self.baton.spawn(f"worker {number}", self.work)
        self.baton.spawn("sweeper", self.sweep)
        for number in range(ACCOUNTS):
            self.baton.spawn(f"customer {number}", lambda number=number: self.wish(number))  # type: ignore[misc]
        self.baton.run_all()
        self._calm()

    def wish(self, number: int) -> None:
        self._idle("customer", 120)
        account = frozenset({f"c{number:02d}"})
        with outliving(), self.system().ledger.write() as connection:
            holds.suppress(connection, f"tanaka@c{number:02d}.example.jp", self.baton.random.choice(("opted_out", "bounced")), "link", self.baton.now)
            allowed = self._sending(connection, account) | set(self.relay.taken)
            self.forbidden.append((f"wished: {number}", self._ids(account) - allowed))


def test_no_interleaving_sends_after_a_wish(eve: Eve, reached: Tell) -> None:
    taken = 0
    for seed in range(SEEDS):
        town = Wishes(eve, eve.story.folder / f"wishes-{seed}", seed)
        town.run()
        assert wrongs(town) == [], (seed, town.baton.told)
        taken += len(town.relay.taken)
        town.close()
    assert 0 < taken < SEEDS * ACCOUNTS, "wishes that are all too late or all in time prove nothing"
    reached(SEEDS * ACCOUNTS, "interleavings", seeds=SEEDS)


@dataclass(frozen=True)
class Interrupted(Ledger):
    """A ledger before whose writing transactions something happens."""

    before: Callable[[], None]

    @contextmanager
    def write(self) -> Iterator[Connection]:
        self.before()
        with super().write() as connection:
            yield connection


@pytest.mark.parametrize("stop", ["wish", "pause"])
def test_a_wish_between_the_senders_look_at_the_clock_and_its_commit_counts(story: Story, inbox: Inbox, stop: str) -> None:
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    honest, wished = story.system.ledger, list[str]()

    def before() -> None:
        if not inbox.asked or wished:  # until the relay has been asked for the recipient, nothing is about to be sent
            return
        wished.append(stop)
        story.clock.advance(SECOND)
        with honest.write() as connection:
            if stop == "wish":
                holds.suppress(connection, "tanaka@aozora.example.jp", "opted_out", "link", story.clock.now())
            else:
                holds.add_pause(connection, Pause("all", "", "fire", story.clock.now() + DAY), "ops", story.clock.now())

    story.system.__dict__["ledger"] = Interrupted(honest.engine, before)
    story.dispatch("2026-04-07 09:00")
    assert wished == [stop]
    assert inbox.mails == []


def test_no_thread_sends_after_a_wish_on_either_ledger(on_both: Story, inbox: Inbox, reached: Tell) -> None:
    """While workers send, each address is suppressed in a transaction that also asks what is being sent by then; only that may still come."""
    story = on_both
    story.given(*(a_stalled_customer(f"c{number:04d}") for number in range(CUSTOMERS)))
    night = story.nightly("2026-04-07 02:00")
    story.clock.set(at("2026-04-07 09:00"))
    story.heard("2026-04-07 09:00")
    inbox.delay_seconds = 0.01
    start, late = Barrier(3), set[str]()

    def send(name: str) -> None:
        with closing(System(story.config, story.clock, look_seconds=3600.0)) as system, closing(Worker(system, name)) as worker:
            assert system.ledger
            start.wait(PATIENCE_SECONDS)
            dispatch(worker, night.touches)

    def wish() -> None:
        start.wait(PATIENCE_SECONDS)
        for number in Random(19).sample(range(CUSTOMERS), CUSTOMERS):
            with story.system.ledger.write() as connection:
                holds.suppress(connection, f"tanaka@c{number:04d}.example.jp", "opted_out", "link", story.clock.now())
                if not _went(connection, f"c{number:04d}"):
                    late.add(f"tanaka@c{number:04d}.example.jp")

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(send, "one"), pool.submit(send, "two"), pool.submit(wish)]:
            done.result(2 * PATIENCE_SECONDS)
    story.dispatch("2026-04-07 10:00")
    assert set(inbox.recipients()) & late == set()
    assert len(inbox.mails) + len(late) == CUSTOMERS
    reached(CUSTOMERS, "interleavings of threads")


def _went(connection: Any, account: str) -> bool:
    states = connection.scalars(select(touches.c.state).where(touches.c.account_id == account)).all()
    return any(state in {State.SENDING, State.UNKNOWN, State.SENT} for state in states)
