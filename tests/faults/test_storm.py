"""Mornings under faults, each from one seed: nothing lost, nothing doubled, nothing said that is not so; and the simulator finds planted bugs.

make soak runs many: BANSO_FAULT_SEEDS=10000. A seed that fails is told with what happened in it and is run again by BANSO_FAULT_SEED=N.
"""

import os
from itertools import count, islice

import pytest

from tests.faults.baton import STEPS_MAX
from tests.faults.checker import run
from tests.faults.planted import BUGS, Bug
from tests.faults.town import Eve

SEEDS = int(os.environ.get("BANSO_FAULT_SEEDS", "16"))
FIRST = int(os.environ.get("BANSO_FAULT_SEED", "0"))
SHARES = 4  # of the seeds, so that several processes take part
SEARCHED = 80  # seeds in which a planted bug must show


@pytest.mark.parametrize("share", range(SHARES))
def test_no_seed_breaks_a_promise(eve: Eve, share: int) -> None:
    kills = taken = 0
    for seed in range(FIRST + share, FIRST + SEEDS, SHARES):
        found, town = run(eve, seed)
        assert found == [], (seed, town.baton.told)
        kills, taken = kills + town.baton.kills, taken + len(town.relay.taken)
    assert kills, "a storm in which nobody dies proves nothing"
    assert taken >= SEEDS // SHARES, "nor one in which nothing is sent"


def test_the_same_seed_is_the_same_morning(eve: Eve) -> None:
    first, second = (run(eve, 7, name=name)[1] for name in ("once", "again"))
    assert (first.baton.steps, first.baton.told, first.relay.taken) == (second.baton.steps, second.baton.told, second.relay.taken)
    assert first.baton.steps < STEPS_MAX


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_each_planted_bug_is_found(eve: Eve, bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in islice(count(bug.first), SEARCHED):
        with monkeypatch.context() as planted:
            bug.plant(planted)
            if run(eve, seed, name="planted", away=bug.away)[0]:
                return
    pytest.fail(f"{bug.name} was not found in {SEARCHED} seeds")
