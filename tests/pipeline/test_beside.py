"""What two processes do at the same time, on PostgreSQL: a night beside a load, beside a compaction, beside other deciders; sweeps beside sweeps."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pytest
from sqlalchemy import event, text

from engine.calendar import SECOND
from engine.ledger import decisions, instants
from engine.ledger import open as ledger_open
from engine.ledger import touches as ledger_touches
from engine.ledger.open import StoreError, open_ledger, reachable
from engine.pipeline.compact import compact
from engine.pipeline.nightly import nightly
from engine.pipeline.sweep import sweep
from engine.pipeline.system import System
from engine.testing import HandClock
from tests.builders import a_stalled_customer, a_touch, at
from tests.inbox import Inbox
from tests.story import Story, quiet

PATIENCE_SECONDS = 30


@pytest.fixture
def pg(tmp_path: Path, inbox: Inbox, postgres_url: str) -> Iterator[Story]:
    story = Story(tmp_path, smtp_url=inbox.url, ledger_url=postgres_url)
    yield story
    story.close()


def another(story: Story) -> System:
    """A second process on the same deployment."""
    return System(story.config, story.clock, look_seconds=0.0)


def test_a_compaction_between_two_questions_of_a_snapshot_hides_nothing(pg: Story) -> None:
    pg.given(a_stalled_customer())
    expected = count(pg)
    asked, pool = [], ThreadPoolExecutor(1)

    def compact_now(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not asked and "FROM parts" in statement and connection.get_execution_options().get("banso_writes"):
            asked.append(pool.submit(lambda: closing_compact(pg)))
            asked[0].exception(2)  # let it come as far as it can

    def patient(*arguments: Any) -> None:
        try:
            compact_now(*arguments)
        except TimeoutError:
            """It waits for the snapshot, as it should."""

    event.listen(pg.system.ledger.engine, "after_cursor_execute", patient)
    with pg.system.records(exact=True) as records:
        row = records.duck.execute("SELECT count(*) FROM records").fetchone()
    event.remove(pg.system.ledger.engine, "after_cursor_execute", patient)
    assert asked
    assert asked[0].result(PATIENCE_SECONDS) > 0
    assert row == (expected,)
    pool.shutdown()


def test_a_line_that_rested_is_asked_and_one_that_did_not_is_let_break(pg: Story, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    others = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
    ledger, server = pg.system.ledger, open_ledger(postgres_url)
    for rest_seconds in (0.0, 1e9):
        monkeypatch.setattr(ledger_open, "REST_SECONDS", rest_seconds)
        assert reachable(ledger)
        with server.read() as connection:
            connection.execute(others)
        if rest_seconds:
            with pytest.raises(StoreError), ledger.read() as connection:
                connection.execute(text("SELECT 1"))
        assert reachable(ledger), "by a new line"
    server.close()


def closing_compact(story: Story) -> int:
    with closing(another(story)) as system:
        return compact(system, quiet).moved


def count(story: Story) -> int:
    with story.system.records() as records:
        row = records.duck.execute("SELECT count(*) FROM records").fetchone()
    return int(row[0]) if row else 0


def test_a_night_waits_for_a_load_longer_than_for_a_row(pg: Story) -> None:
    """The load's transaction lasts longer than the five seconds that a row may take."""
    pg.given(a_stalled_customer())
    accepting = Event()

    def accept() -> None:
        with closing(open_ledger(pg.config.ledger)) as ledger, ledger.write() as connection:
            instants.accept_instant(connection, pg.clock.now())
            accepting.set()
            Event().wait(6)

    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(accept)
        accepting.wait(PATIENCE_SECONDS)
        assert pg.nightly("2026-04-07 02:00").won == 1
        load.result(PATIENCE_SECONDS)


def test_an_exact_snapshot_waits_for_what_is_being_accepted(pg: Story) -> None:
    """Without the lock a touch would keep an arrival that is already past a record it never saw."""
    accepting, let_go = Event(), Event()

    def accept() -> None:
        with closing(open_ledger(pg.config.ledger)) as ledger, ledger.write() as connection:
            instants.accept_instant(connection, pg.clock.now())
            accepting.set()
            let_go.wait(PATIENCE_SECONDS)

    def look() -> int:
        with closing(another(pg)) as system, system.records(exact=True) as records:
            return records.snapshot.arrival

    with ThreadPoolExecutor(2) as pool:
        pool.submit(accept)
        accepting.wait(PATIENCE_SECONDS)
        looking = pool.submit(look)
        with pytest.raises(TimeoutError):
            looking.result(1)
        let_go.set()
        assert looking.result(PATIENCE_SECONDS) == 0


def test_a_night_decides_when_nobody_else_does(pg: Story) -> None:
    """A decider in another process holds the lock: the night's batch waits for it."""
    pg.given(a_stalled_customer())
    pg.clock.set(at("2026-04-07 02:00"))
    pg.heard("2026-04-07 02:00")
    deciding, let_go = Event(), Event()

    def decide() -> None:
        with closing(open_ledger(pg.config.ledger)) as ledger, ledger.write() as connection:
            decisions.one_decider(connection)
            deciding.set()
            let_go.wait(PATIENCE_SECONDS)

    def run() -> int:
        with closing(another(pg)) as system:
            return nightly(system, pg.clock.now(), quiet).won

    with ThreadPoolExecutor(2) as pool:
        pool.submit(decide)
        deciding.wait(PATIENCE_SECONDS)
        night = pool.submit(run)
        with pytest.raises(TimeoutError):
            night.result(3)
        assert pg.touches() == []
        let_go.set()
        assert night.result(PATIENCE_SECONDS) == 1


def test_sweeps_beside_each_other_do_not_stop_each_other(pg: Story) -> None:
    """One in each worker and one in the scheduler, over the same due touches."""
    planned = [a_touch(f"t{number:05}", account=f"a{number}") for number in range(2000)]
    random.Random(1).shuffle(planned)
    with pg.system.ledger.write() as connection:
        ledger_touches.add_touches(connection, planned)
    start = Barrier(4)

    def sweep_on(number: int) -> None:
        clock = HandClock(at("2026-04-07 09:00"))
        with closing(System(pg.config, clock, look_seconds=0.0)) as system:
            start.wait(PATIENCE_SECONDS)
            for turn in range(6):
                clock.set(at("2026-04-07 09:00") + (turn * 4 + number) * 31 * SECOND)
                sweep(system, lambda *_: None)

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(sweep_on, number) for number in range(4)]:
            done.result(2 * PATIENCE_SECONDS)
