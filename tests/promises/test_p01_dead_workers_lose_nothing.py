"""P1: a decided touch is never lost when workers die, and never sent twice."""

import pytest

from tests.promises.conftest import Soaked
from tests.soak.nemesis import ByProgress
from tests.soak.run import LEDGERS, Order
from tests.soak.servers import Manners

MANNERS = Manners(later=0.05, cut=0.05, pace=0.05)


@pytest.mark.parametrize(("ledger", "broker"), LEDGERS)
def test_workers_killed_in_the_middle_of_their_waves(soaked: Soaked, ledger: str, broker: str) -> None:
    order = Order(touches=100, seed=7, ledger=ledger, broker=broker, manners=MANNERS)
    outcome = soaked(order, ByProgress([(10, "kill"), (40, "kill")]))
    assert outcome.wrong == []
    assert outcome.acts["worker killed"] == 2
    assert outcome.after_calm is not None
    assert outcome.after_calm.states == {"sent": 100}
    assert outcome.after_calm.ever_unknown > 0
