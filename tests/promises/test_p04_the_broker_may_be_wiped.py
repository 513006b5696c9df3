"""P4: Redis may be wiped or killed and come back empty: it is a doorbell, and the ledger rings again.

A real Redis is flushed and killed (-9) while messages wait in it and a real worker sends; `make soak` is the long run.
"""

from tests.promises.conftest import Soaked, Tell
from tests.soak.nemesis import ByProgress
from tests.soak.run import Order
from tests.soak.servers import Manners


def test_messages_that_are_wiped_are_rung_again(soaked: Soaked, reached: Tell) -> None:
    order = Order(touches=120, workers=1, broker="Redis", manners=Manners(pace=0.05))
    outcome = soaked(order, ByProgress([(5, "flush"), (20, "kill broker")]))
    assert outcome.wrong == []
    assert (outcome.acts["broker flushed"], outcome.acts["broker killed"]) == (1, 1)
    assert outcome.acts["messages wiped"] > 0, "nothing was lost that could have been missed"
    assert outcome.after_calm is not None
    assert outcome.after_calm.states == {"sent": 120}
    reached(120, "touches", seeds=1, faults=2)
    reached(outcome.acts["messages wiped"], "messages wiped")
