"""P24: limits hold however many decide at the same time: caps, load, seats, calls a day, trials, one winner a lane, and quiet hours.

On both ledgers 32 deciders answer errors of the same companies at once while two nights run beside them, over the days on which Sydney's clocks go
back; every limit is then counted from the touches.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from random import Random
from threading import Barrier

import pytest

from engine.calendar import MINUTE, Zone
from engine.pipeline.nightly import nightly
from engine.pipeline.realtime import on_event
from engine.pipeline.system import System
from engine.records.record import Record
from engine.testing import HandClock
from engine.touches.touch import State, Touch
from tests.crowd import MAIL, a_crowd, a_crowds_workspace
from tests.promises.conftest import Tell
from tests.promises.scale import scaled
from tests.story import Story, quiet

SYDNEY = "Australia/Sydney"
ANSWER = f"{{trigger: {{event: product.error}}, when: [{{errors: {{at_least: 1}}}}], again: {{at_most: 9}}, {MAIL}}}"
FIRST_DAY = 20_548  # Sunday 5 April 2026: at three o'clock it is two again
NIGHTS = scaled(2, 9)
DECIDERS, NIGHT_RUNS = 32, 2
ACCOUNTS = scaled(8, 1_000)
ANSWERS = scaled(1, 30)  # of each decider and day
PATIENCE_SECONDS = 120
NEVER_WENT = {State.DROPPED, State.EXPIRED, State.FAILED, State.WITHHELD}


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def crowded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Story]:
    url = request.getfixturevalue("postgres_url") if request.param == "PostgreSQL" else None
    story = Story(tmp_path, workspace=a_crowds_workspace(tmp_path / "workspace", more={"answer": ANSWER}, zone=SYDNEY), ledger_url=url)
    story.given(*a_crowd(Random(24), ACCOUNTS))
    yield story
    story.close()


Work = Callable[[System], int]


@contextmanager
def deciders(story: Story) -> Iterator[Callable[[int, Sequence[Work]], int]]:
    """run(instant, works) does all of them from the same moment on, each in a system of its own; returns the sum of what they say."""
    shared, clock = story.system.workspace, HandClock()
    evaluators = {shared.hash: story.system.evaluator(shared)}
    with ExitStack() as stack, ThreadPoolExecutor(DECIDERS + NIGHT_RUNS) as pool:
        systems = [
            System(story.config, clock, look_seconds=1e9, _workspace=shared, _looked_at=1e18, _evaluators=evaluators)
            for _ in range(DECIDERS + NIGHT_RUNS)
        ]
        for system in systems:
            stack.callback(system.close)

        def run(instant: int, works: Sequence[Work]) -> int:
            clock.set(instant)
            start = Barrier(len(works))

            def begin(system: System, work: Work) -> int:
                assert system.ledger
                start.wait(PATIENCE_SECONDS)
                return work(system)

            return sum(pool.map(begin, systems, works))

        yield run


def test_every_limit_holds(crowded: Story, reached: Tell) -> None:
    story, random = crowded, Random(2)
    place, accounts = story.system.workspace.zone, sorted(story.accounts())
    judged = 0
    with deciders(story) as run:
        for day in range(FIRST_DAY, FIRST_DAY + NIGHTS):
            instant = place.at_wall(day, 120)
            nights = [partial(_night, instant=instant)] * NIGHT_RUNS
            answers = [partial(_answer, errors=_errors(random, accounts, decider, day, instant)) for decider in range(DECIDERS)]
            judged += run(instant, [*nights, *answers])
            story.clock.set(place.at_wall(day, 10 * 60))
            story.sweep_and_send()
    touches = story.touches()
    assert broken(touches, place) == []
    reasons = {str(row[6]) for row in story.all_decisions()}
    assert {touch.rule for touch in touches} >= {"answer", "ring-up"}
    assert reasons >= {"window_open", "load"}, "limits that nobody came to prove nothing"
    reached(judged, f"decisions, {DECIDERS} deciders at once")


def _night(system: System, instant: int) -> int:
    return nightly(system, instant, quiet).matched


def _answer(system: System, errors: Sequence[Record]) -> int:
    return sum(len(on_event(system, error).decisions) for error in errors)


def _errors(random: Random, accounts: Sequence[str], decider: int, day: int, instant: int) -> list[Record]:
    chosen = random.choices(accounts, k=ANSWERS)
    return [
        Record("product", f"{decider}/{day}/{number}", account, instant - MINUTE, instant, event="product.error")
        for number, account in enumerate(chosen)
    ]


def broken(touches: Sequence[Touch], place: Zone) -> list[str]:
    """Every limit that does not hold; `went` are touches that went out or still may."""
    found, went = list[str](), [touch for touch in touches if touch.state not in NEVER_WENT]
    mails, loads = dict[str, list[int]](), dict[str, list[tuple[int, int]]]()
    for touch in went:
        day = place.day(touch.begun_at or touch.due_at)
        if touch.channel == "mail":
            mails.setdefault(touch.account_id, []).append(day)
        loads.setdefault(touch.account_id, []).append((day, {"mail": 1, "call": 3}.get(touch.channel, 0)))
        minutes = (touch.due_at + place.offset(touch.due_at)) // MINUTE % 1440
        if touch.channel == "mail" and not 540 <= minutes < 1140:
            found.append(f"at {minutes // 60}:{minutes % 60:02d} on {day}: {touch.id}")
    for account, days in mails.items():
        found += [f"{account}: more than two mails in the week of {day}" for day in days if sum(0 <= other - day < 7 for other in days) > 2]
    for account, felt in loads.items():
        found += [f"{account}: load in the week of {day}" for day, _ in felt if sum(points for other, points in felt if 0 <= other - day < 7) > 4 + 3]
    places = Counter(str(touch.place) for touch in went if touch.place)  # seats of a session, or calls of a day
    found += [f"{number} in {name}" for name, number in places.items() if number > (3 if "s2" in name else 4)]
    tried = {touch.account_id for touch in touches if touch.rule == "try-out"}
    found += [f"{len(tried)} accounts in a trial of 5"] if len(tried) > 5 else []
    winners = Counter((touch.slot, touch.account_id, touch.lane) for touch in touches)
    return found + [f"{number} winners of {key}" for key, number in winners.items() if number > 1]
