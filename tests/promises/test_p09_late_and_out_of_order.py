"""P9: records that come late and out of order give the same facts.

Random histories under random rules, in time zones whose clocks jump; each history in many drawn orders, taken in one by one while the instant moves
on, stored and read back in between, is held against its batch: the same bytes and the same answers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.calendar import Zone
from engine.calendar import zone as zone_of
from engine.facts.fold import Fold, Needs, dump, fold_records, parse
from engine.records.record import Record
from engine.rulebook.python import Answer, Evaluator, compile_python
from tests.equivalence.comparison import business
from tests.equivalence.rules import compiled, random_rules
from tests.equivalence.worlds import World, random_world
from tests.promises.conftest import Tell
from tests.promises.scale import scaled

WORLDS = scaled(10, 100)
ACCOUNTS = 10  # of each world, all but one of them with a history
ORDERS = scaled(300, 100_000)


@dataclass(frozen=True)
class Reader:
    """A world, and how its rules read a history."""

    world: World
    evaluator: Evaluator
    needs: Needs
    place: Zone

    def batch(self, account: str) -> Fold:
        return fold_records(self.world.accounts[account], self.world.instant, self.needs, self.place)

    def answer(self, fold: Fold) -> Answer:
        return self.evaluator.answer(fold, self.world.instant, self.world.stale)


@cache
def reader(seed: int) -> Reader:
    world, plan = random_world(seed, ACCOUNTS), compiled(random_rules(seed))
    place = zone_of(world.zone)
    return Reader(world, compile_python(plan, place, business(world)), Needs.of(plan.accumulators(plan.columns)), place)


def grown(reader: Reader, records: list[Record], steps: list[int]) -> Fold:
    """Records that come one after another while the instant moves on; stored and read back each time it does."""
    fold = fold_records([], reader.world.earlier, reader.needs, reader.place)
    instants = iter(sorted(steps))
    upcoming = next(instants, None)
    for number, record in enumerate(records):
        fold.later.append(record)
        if upcoming is not None and number * len(steps) >= len(records):
            fold.advance(upcoming, reader.needs, reader.place)
            fold, upcoming = parse(dump(fold)), next(instants, None)
    fold.advance(reader.world.instant, reader.needs, reader.place)
    return fold


def other_ways(reader: Reader, records: list[Record], steps: list[int]) -> Iterator[Fold]:
    yield fold_records(records, reader.world.instant, reader.needs, reader.place)
    yield grown(reader, records, steps)
    half = len(records) // 2
    joined = parse(dump(fold_records(records[:half], reader.world.earlier, reader.needs, reader.place)))
    joined.later += records[half:]  # records that arrived since, as dispatch takes them in
    joined.advance(reader.world.instant, reader.needs, reader.place)
    yield joined


def test_any_order_taken_in_one_by_one_is_the_batch(reached: Tell) -> None:
    seen = set[tuple[int, str]]()

    @settings(max_examples=ORDERS, database=None)
    @given(st.data())
    def hold(data: st.DataObject) -> None:
        seed = data.draw(st.integers(0, WORLDS - 1), label="world")
        world = reader(seed).world
        account = data.draw(st.sampled_from(sorted(world.accounts)), label="account")
        records = list(world.accounts[account])
        data.draw(st.randoms(use_true_random=False), label="order").shuffle(records)
        steps = data.draw(st.lists(st.integers(world.earlier, world.instant), max_size=4), label="instants")
        once = reader(seed).batch(account)
        text, answer = dump(once), reader(seed).answer(once)
        for other in other_ways(reader(seed), records, steps):
            assert dump(other) == text
            assert reader(seed).answer(other) == answer
        seen.add((seed, account))

    hold()
    assert len(seen) > min(ORDERS, WORLDS * ACCOUNTS) // 3
    reached(ORDERS, "orders", seeds=WORLDS)
    reached(len(seen), "histories")
