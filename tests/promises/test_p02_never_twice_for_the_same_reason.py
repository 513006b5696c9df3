"""P2: the same reason never reaches the same customer twice, whoever decides, sends or repeats at the same time.

The log is loaded ten times, three deciders and three workers race on the same accounts on both ledgers, every message comes to all of them, and the
night is run again; the relay's letters are counted.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier

from engine.pipeline.dispatch import dispatch
from engine.pipeline.nightly import nightly
from engine.pipeline.system import System
from engine.pipeline.worker import Worker
from tests.builders import a_stalled_customer, at
from tests.desk import Desk, row
from tests.inbox import Inbox
from tests.promises.conftest import Tell
from tests.promises.scale import scaled
from tests.story import Story, quiet

MANY = scaled(40, 4_000)
RACERS = 3
REPEATS = 10
PATIENCE_SECONDS = 60


def race(story: Story, run: Callable[[System, int], int]) -> list[int]:
    """So many processes, as near as threads come to them, each with a system of its own, begin at the same moment."""
    start = Barrier(RACERS)

    def begin(number: int) -> int:
        with closing(System(story.config, story.clock, look_seconds=3600.0)) as system:
            assert system.workspace
            assert system.ledger
            start.wait(PATIENCE_SECONDS)
            return run(system, number)

    with ThreadPoolExecutor(RACERS) as pool:
        return list(pool.map(begin, range(RACERS)))


def test_deciders_and_workers_that_race_write_to_each_customer_once(on_both: Story, inbox: Inbox, reached: Tell) -> None:
    story = on_both
    story.given(*(a_stalled_customer(f"c{number:04d}") for number in range(MANY)))
    story.clock.set(at("2026-04-07 02:00"))
    story.heard("2026-04-07 02:00")
    for _ in range(2):
        race(story, lambda system, _: nightly(system, story.clock.now(), quiet).won)
        assert len(story.touches()) == MANY
    story.clock.set(at("2026-04-07 09:00"))
    story.heard("2026-04-07 09:00")
    ids = [touch.id for touch in story.touches()]

    def send(system: System, number: int) -> int:
        with closing(Worker(system, f"racer-{number}")) as worker:
            return sum(dispatch(worker, ids).get("sent", 0) for _ in range(2))

    assert sum(race(story, send)) == MANY
    assert {touch.state for touch in story.touches()} == {"sent"}
    assert len(inbox.mails) == MANY
    assert set(inbox.times_taken().values()) == {1}
    reached(MANY, "customers, each by 3 deciders and 3 workers at once")


def test_a_log_that_comes_ten_times_is_one_reason(story: Story, inbox: Inbox, reached: Tell) -> None:
    """On three days, each time with a night and a morning after it: the second letter of the rule is not due before a week is over."""
    desk = Desk(story, story.folder / "data")
    desk.load(
        "id,company,user,event,field,value,at\n1,aozora,tanaka,,email,tanaka@aozora.example.jp,2026-03-24T10:00:00+09:00\n",
        file="crm.csv",
        source="crm",
    )
    log = row(1, "account_issued", "2026-03-24T10:00") + row(2, "login", "2026-03-30T10:00")
    desk.load(log)
    for repeat in range(REPEATS):
        desk.load(log + "\n" * repeat, f"2026-04-0{7 + repeat % 3} 01:{repeat:02d}")
        story.nightly(f"2026-04-0{7 + repeat % 3} 02:00")
        story.dispatch(f"2026-04-0{7 + repeat % 3} 09:00")
    assert [(touch.rule, touch.state) for touch in story.touches()] == [("next-setting", "sent")]
    assert len(inbox.mails) == 1
    reached(REPEATS, "loads of the same file")
