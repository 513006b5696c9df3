"""P12: two schedulers are as good as one, and so are five that keep dying.

Two to five schedulers wake for the same night at drawn moments, are killed at any call of the ledger and start again; each night must be finished
once and decide what one scheduler alone decides. Random nights of the simulator, from a seed each.
"""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from engine.calendar import DAY, MINUTE
from engine.ledger.decisions import Slot, last_slots
from engine.ledger.open import StoreError, open_ledger
from engine.ledger.tables import decisions
from engine.pipeline.nightly import nightly
from engine.pipeline.slots import due_night
from engine.pipeline.system import System
from tests.builders import a_stalled_customer, at
from tests.faults.baton import CALM, Actor, Baton, Weather
from tests.faults.parts import BatonClock, FaultyLedger
from tests.promises.conftest import Tell
from tests.promises.scale import scaled
from tests.story import Story, quiet

SLOTS = scaled(8, 1_000)
NIGHTS = 4  # of one run, then the calendar begins anew
FIRST = at("2026-04-07 02:00")
STORM = Weather(kill=0.04, long_pause=0.02)
DEATHS = 12  # of one night; after them nobody dies any more
AWAY = 0.01


class Night:
    """The schedulers of one deployment, on the baton of a seed."""

    def __init__(self, story: Story, folder: Path, seed: int) -> None:
        shutil.copytree(story.config.state_folder, folder)
        self.story, self.folder = story, folder
        self.ledger = open_ledger(f"sqlite:///{folder / 'ledger.db'}")
        self.baton = Baton(seed, FIRST, STORM)

    def scheduler(self) -> None:
        """Wake until the night is done, as a scheduler's tick does."""
        source = self.story.system
        config = self.story.config.model_copy(update={"state": self.folder})
        system = System(config, BatonClock(self.baton), look_seconds=1e9, _workspace=source.workspace, _looked_at=1e18)
        system._evaluators.update(source._evaluators)
        system.__dict__["ledger"] = FaultyLedger(self.ledger.engine, self.baton, AWAY if self.baton.weather is STORM else 0.0)
        while True:
            self.baton.step("tick")
            try:
                instant = due_night(system)
                if instant is None:
                    return
                nightly(system, instant, quiet)
            except StoreError:
                """It waits for the next tick."""

    def run(self, schedulers: int, day: int) -> int:
        """One night; returns how many died in it."""
        self.baton.now, before = FIRST + day * DAY + self.baton.random.randrange(5 * MINUTE), self.baton.kills
        self.baton.weather = STORM
        for number in range(schedulers):
            self.baton.spawn(f"scheduler {number}", self.scheduler)
        self.baton.run_all(restart=lambda dead: self._start_again(dead, before))
        self.baton.steps = 0
        return self.baton.kills - before

    def _start_again(self, dead: Actor, before: int) -> None:
        if self.baton.kills - before >= DEATHS:
            self.baton.weather = CALM
        self.baton.spawn(dead.name, dead.run)

    def decided(self) -> list[tuple[object, ...]]:
        wanted = (decisions.c.slot, decisions.c.account_id, decisions.c.rule, decisions.c.outcome, decisions.c.reason, decisions.c.touch_id)
        with self.ledger.read() as connection:
            return sorted((tuple(row) for row in connection.execute(select(*wanted))), key=str)

    def slots(self) -> list[Slot]:
        with self.ledger.read() as connection:
            return last_slots(connection, "nightly")

    def close(self) -> None:
        self.ledger.close()
        shutil.rmtree(self.folder)


@pytest.fixture(autouse=True)
def _nobody_reads_the_storm() -> Iterator[None]:
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def evening(tmp_path: Path) -> Iterator[Story]:
    story = Story(tmp_path)
    for number in range(6):
        story.given(a_stalled_customer(f"c{number}", since=f"2026-03-{26 + number % 4} 10:00"))
    for day in range(6, 12):
        story.heard(f"2026-04-{day:02d} 01:59")
    assert story.system.evaluator(story.system.workspace)
    yield story
    story.close()


def test_each_night_is_finished_once_and_says_what_one_scheduler_says(evening: Story, tmp_path: Path, reached: Tell) -> None:
    deaths = slots = 0
    for seed in range(SLOTS // NIGHTS):
        night, other = Night(evening, tmp_path / f"seed-{seed}", seed), Night(evening, tmp_path / f"one-{seed}", seed)
        for day in range(NIGHTS):
            deaths += night.run(2 + (seed + day) % 4, day)
        for slot in reversed(night.slots()):
            assert slot.finished_at is not None
            _alone(other, slot.instant)
        assert [slot.slot for slot in night.slots()] == [slot.slot for slot in other.slots()]
        assert night.decided() == other.decided(), (seed, night.baton.told)
        slots += len(night.slots())
        night.close()
        other.close()
    assert slots == SLOTS
    assert deaths > SLOTS
    reached(slots, "nights", seeds=SLOTS // NIGHTS, faults=deaths)


def _alone(other: Night, instant: int) -> None:
    """One scheduler, in calm weather, at the instant at which the others began."""
    other.baton.weather, other.baton.now = CALM, instant
    system = System(
        other.story.config.model_copy(update={"state": other.folder}),
        BatonClock(other.baton),
        look_seconds=1e9,
        _workspace=other.story.system.workspace,
        _looked_at=1e18,
    )
    nightly(system, instant, quiet)
    system.close()
