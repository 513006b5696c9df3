"""P16: a full disk stops cleanly and recovers.

SQLite gets no more pages (`max_page_count`) and PostgreSQL answers "disk full" at drawn moments: while records come in, before letters go out, and
after they went out and before that is written down. Then room is made, and the same processes go on.
"""

import logging
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from engine.calendar import MINUTE
from engine.errors import BansoError
from engine.ledger.open import StoreError, is_full
from engine.pipeline import ops
from engine.pipeline.compact import compact
from engine.pipeline.dispatch import dispatch
from engine.pipeline.load import Origin, load
from engine.pipeline.room import MEGABYTE
from engine.pipeline.sweep import sweep
from engine.pipeline.wave import STORE_AGAIN
from engine.pipeline.worker import Worker
from engine.testing import HandClock
from engine.touches.touch import LIVE, State
from tests.builders import a_record, a_stalled_customer, at
from tests.inbox import Inbox
from tests.promises.conftest import Tell
from tests.promises.scale import scaled
from tests.story import Story, quiet

CUSTOMERS = scaled(24, 2_000)
RECORDS = scaled(300, 20_000)
NO_LIMIT = 1_073_741_823
WRITTEN = ("touches", "tail", "messages", "marks", "decisions", "slots")


@pytest.fixture(autouse=True)
def _nobody_reads_the_warnings() -> Iterator[None]:
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


@dataclass
class Disk:
    """The disk under a ledger: it can be filled, and room can be made; `refused` counts what did not fit."""

    story: Story
    refused: int = 0
    pages: int = NO_LIMIT

    def __post_init__(self) -> None:
        engine = self.story.system.ledger.engine
        event.listen(engine, "handle_error", self._count)
        if self.story.system.ledger.is_sqlite:
            event.listen(engine, "checkout", lambda connection, _record, _proxy: connection.execute(f"PRAGMA max_page_count={self.pages}"))

    def _count(self, context: Any) -> None:
        self.refused += isinstance(context.sqlalchemy_exception, OperationalError) and is_full(context.sqlalchemy_exception)

    def fill(self) -> None:
        if self.story.system.ledger.is_sqlite:
            self.pages = 1  # fewer than there are: no page more
            return
        with self.story.system.ledger.write() as connection:
            full = "BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END"
            connection.execute(text(f"CREATE OR REPLACE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ {full} $$"))
            for table in WRITTEN:
                connection.execute(text(f"CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON {table} EXECUTE FUNCTION full_disk()"))

    def make_room(self) -> None:
        if self.story.system.ledger.is_sqlite:
            self.pages = NO_LIMIT
            return
        with self.story.system.ledger.write() as connection:
            for table in WRITTEN:
                connection.execute(text(f"DROP TRIGGER IF EXISTS full_disk ON {table}"))

    def is_whole(self) -> bool:
        if not self.story.system.ledger.is_sqlite:
            return True
        with self.story.system.ledger.read() as connection:
            return connection.scalar(text("PRAGMA integrity_check")) == "ok"


@pytest.fixture
def disk(on_both: Story) -> Disk:
    return Disk(on_both)


def the_night(story: Story) -> None:
    story.given(*(a_stalled_customer(f"c{number:04d}") for number in range(CUSTOMERS)))
    assert story.nightly("2026-04-07 02:00").won == CUSTOMERS
    story.clock.set(at("2026-04-07 09:00"))
    story.heard("2026-04-07 09:00")


def once(worker: Worker) -> None:
    """One sweep and its messages, as a worker's loops do it: a store that takes nothing is there again the next time."""
    try:
        sweep(worker.system, lambda _channel, ids: dispatch(worker, ids))
    except StoreError as problem:
        if not is_full(problem):
            raise


def until_rest(worker: Worker, clock: HandClock) -> None:
    for _ in range(40):
        once(worker)
        with worker.system.ledger.read() as connection:
            if not connection.scalar(text("SELECT count(*) FROM touches WHERE state IN ('pending', 'claimed', 'sending', 'unknown')")):
                return
        clock.advance(2 * MINUTE)
    raise AssertionError("never came to rest")


def test_what_was_acknowledged_is_there_and_nothing_else(on_both: Story, disk: Disk, reached: Tell) -> None:
    acknowledged = list[str]()
    for number in range(RECORDS):
        if number == RECORDS // 3:
            disk.fill()
        if number == 2 * RECORDS // 3:
            disk.make_room()
        record = a_record("product.login", account=f"c{number:05d}", source_id=f"r{number}", value=None)
        try:
            on_both.given(record)
        except StoreError as problem:
            if not is_full(problem):
                raise
        else:
            acknowledged.append(record.account_id)
    assert 0 < disk.refused < RECORDS
    assert disk.is_whole()
    assert sorted(on_both.accounts()) == acknowledged
    reached(len(acknowledged), "acknowledged records", faults=disk.refused)


def test_a_disk_that_is_full_before_letters_go_out_sends_none_twice(on_both: Story, inbox: Inbox, disk: Disk, reached: Tell) -> None:
    the_night(on_both)
    worker = on_both.worker()
    disk.fill()
    for _ in range(3):
        once(worker)
        on_both.clock.advance(2 * MINUTE)
    assert disk.refused > 0
    disk.make_room()
    until_rest(worker, on_both.clock)
    worker.close()
    assert disk.is_whole()
    assert inbox.recipients() == sorted(f"tanaka@c{number:04d}.example.jp" for number in range(CUSTOMERS))
    assert {each.state for each in on_both.touches()} == {State.SENT}
    reached(CUSTOMERS, "mails", faults=disk.refused)


@dataclass
class RoomAfter(HandClock):
    """Somebody makes room while a worker waits for the so-manieth time."""

    waits: int = 0
    make_room: Callable[[], None] = field(default=lambda: None)
    waited: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.waited.append(seconds)
        if len(self.waited) == self.waits:
            self.make_room()


def test_what_is_known_of_letters_that_went_out_outlasts_the_full_disk(on_both: Story, inbox: Inbox, disk: Disk, reached: Tell) -> None:
    """The disk fills up while the relay has the letters in hand, and for longer than a ledger that is away would be waited for."""
    the_night(on_both)
    clock = RoomAfter(on_both.clock.instant, waits=len(STORE_AGAIN) + 3, make_room=disk.make_room)
    on_both.system.clock = on_both.clock = clock
    worker = on_both.worker()
    inbox.when_taken = disk.fill
    once(worker)
    inbox.when_taken = None
    assert on_both.system.ledger.is_sqlite or len(clock.waited) > len(STORE_AGAIN), "on SQLite the first ends may fit on pages that are there"
    disk.make_room()
    until_rest(worker, clock)
    worker.close()
    assert disk.refused > 0
    assert disk.is_whole()
    states = [(each.state, each.reason) for each in on_both.touches()]
    assert set(states) == {(State.SENT, None)}, "none is unknown, though its lease ran out meanwhile"
    assert set(inbox.times_taken().values()) == {1}
    reached(CUSTOMERS, "mails", faults=disk.refused)


class Free(NamedTuple):
    total: int
    used: int
    free: int


def test_below_the_low_water_mark_nothing_new_begins_and_it_goes_on_without_a_restart(
    story: Story, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    the_night(story)
    worker, least = story.worker(), story.config.disk_min_mb
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Free(10**12, 0, (least - 1) * MEGABYTE))
    for refused in (
        lambda: story.nightly("2026-04-07 08:59"),
        lambda: load(story.system, ["product"], Origin(story.folder, {}), quiet),
        lambda: compact(story.system, quiet),
    ):
        with pytest.raises(BansoError, match="E624"):
            refused()
    story.clock.set(at("2026-04-07 09:00"))
    once(worker)
    dispatch(worker, [each.id for each in story.touches()])
    assert inbox.mails == []
    assert {each.state for each in story.touches()} == {State.PENDING}
    assert ("disk", "bad") in [(check.name, check.level) for check in ops.doctor(story.system, (3, 11, 15))]
    assert ops.status(story.system).room.is_low
    monkeypatch.undo()
    until_rest(worker, story.clock)
    worker.close()
    assert len(inbox.mails) == CUSTOMERS
    assert not {each.state for each in story.touches()} & LIVE
