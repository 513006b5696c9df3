"""P6: PostgreSQL may stop as in a power cut and come back at any time.

A real PostgreSQL is stopped as by a power cut while real workers hand letters over; `make soak` is the long run.
"""

from tests.promises.conftest import Soaked, Tell
from tests.soak.nemesis import ByProgress
from tests.soak.run import Order
from tests.soak.servers import Manners


def test_the_ledger_stops_while_letters_are_handed_over(soaked: Soaked, reached: Tell) -> None:
    order = Order(touches=100, ledger="PostgreSQL", manners=Manners(pace=0.05))
    outcome = soaked(order, ByProgress([(10, "restart ledger"), (50, "restart ledger")]))
    assert outcome.wrong == []
    assert outcome.acts["ledger restarted"] == 2
    assert outcome.after_calm is not None
    assert outcome.after_calm.states == {"sent": 100}
    reached(100, "touches", seeds=1, faults=2)
