"""P1: a decided touch is never lost when workers die, and never sent twice.

Real worker processes are killed (-9) in the middle of their waves, on PostgreSQL with Redis and on SQLite with files; `make soak` is the long run.
"""

import pytest

from tests.promises.conftest import Soaked, Tell
from tests.soak.nemesis import ByProgress
from tests.soak.run import LEDGERS, Order
from tests.soak.servers import Manners

MANNERS = Manners(later=0.05, cut=0.05, pace=0.05)


@pytest.mark.parametrize(("ledger", "broker"), LEDGERS)
def test_workers_killed_in_the_middle_of_their_waves(soaked: Soaked, ledger: str, broker: str, reached: Tell) -> None:
    order = Order(touches=100, seed=7, ledger=ledger, broker=broker, manners=MANNERS)
    outcome = soaked(order, ByProgress([(10, "kill"), (40, "kill")]))
    assert outcome.wrong == []
    assert outcome.acts["worker killed"] == 2
    assert outcome.after_calm is not None
    assert outcome.after_calm.states == {"sent": 100}
    assert outcome.after_calm.ever_unknown > 0
    reached(100, "touches", seeds=1, faults=outcome.acts["worker killed"] + outcome.after_calm.cut + outcome.after_calm.later)
