"""P27: the stop button stops, for everything, one channel or one rule, with the broker down too.

Real workers send at full load when a pause is ordered; Redis is killed (-9) at the same moment and comes back empty while the pause lasts. By the
ledger's instants no letter is begun two seconds after the order, and what the relay takes afterwards had been begun before it; what was stopped
goes out when the pause is lifted.
"""

from collections.abc import Callable

import pytest

from engine.calendar import HOUR, SECOND
from engine.decision.standing import Pause
from engine.pipeline import ops
from engine.touches.rate import WAVE
from tests.promises.conftest import Tell
from tests.promises.morning import Morning
from tests.promises.scale import scaled
from tests.soak.run import Order
from tests.soak.servers import Manners

PRESSES = scaled(1, 20)  # of each scope
WORKERS = 2
TOUCHES = 160
LOAD = 24  # letters that went out before it is pressed
ACTS_WITHIN = 2 * SECOND

Begin = Callable[[Order], Morning]


def _press(morning: Morning, scope: str, name: str) -> set[str]:
    """The Message-IDs of all that was begun when the order was in force."""
    ops.pause(morning.story.system, Pause(scope, name, "something is wrong", morning.now() + HOUR), "ops")
    return {message_id for (message_id,) in morning.rows("SELECT message_id FROM touches WHERE begun_at IS NOT NULL")}


@pytest.mark.parametrize("seed", range(PRESSES))
@pytest.mark.parametrize(("scope", "name"), [("all", ""), ("channel", "mail"), ("rule", "next-setting")])
def test_after_a_pause_only_what_was_begun_before_it_goes_out(begun: Begin, scope: str, name: str, seed: int, reached: Tell) -> None:
    morning = begun(Order(TOUCHES, seed=seed, workers=WORKERS, manners=Manners(pace=0.2)))
    morning.begin()
    assert morning.redis is not None
    morning.until_taken(LOAD)
    morning.until(morning.pids_at_work)  # on a slow machine the first may be well on its way before the second has started
    morning.redis.close()
    already = _press(morning, scope, name)
    ((pressed_at,),) = morning.rows("SELECT since FROM pauses")
    assert len(already) < TOUCHES - WAVE * WORKERS, "all of it was out already"

    morning.until(lambda: not morning.held())
    morning.redis.begin()
    before = len(morning.taken())
    morning.until(lambda: morning.rows("SELECT 1 FROM touches WHERE reason = 'held'") and _came_round_again(morning))
    assert morning.rows(f"SELECT id FROM touches WHERE begun_at > {pressed_at + ACTS_WITHIN}") == []
    assert len(morning.taken()) == before, "nothing goes out while it lasts, though the bell rings again"
    assert morning.taken() <= already

    ops.resume(morning.story.system, scope, name)
    outcome = morning.over()
    assert outcome.wrong == []
    assert outcome.after_calm is not None
    assert outcome.after_calm.states == {"sent": TOUCHES}
    reached(TOUCHES - len(already), "letters stopped", seeds=1)
    reached(1, "presses", faults=1)


def _came_round_again(morning: Morning) -> bool:
    """Every touch that is due was rung for and was looked at by a worker: nothing waits to be claimed, and nobody is at anything."""
    waiting = f"SELECT 1 FROM touches WHERE state = 'pending' AND due_at <= {morning.now()} LIMIT 1"
    return not morning.rows(waiting) and not morning.held()
