"""P26: restoring a backup does not mail everyone again.

The ledger is copied at every step of two days, letters go out, the copy is put back and everything is started again, nights that the copy does not
know included: nothing may go out until a person releases it, and after that nothing twice. On SQLite and PostgreSQL, and with real processes.
"""

import json
import logging
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.engine import make_url

from engine.calendar import MINUTE, moment_of
from engine.channels.mail.evidence import PostfixLog
from engine.ledger import restores
from engine.pipeline import ops
from engine.pipeline.dispatch import dispatch
from engine.pipeline.nightly import Night
from engine.pipeline.reconcile import reconcile
from engine.pipeline.restored import is_held
from engine.pipeline.sweep import sweep
from engine.touches.delivery import DeliveryReason
from engine.touches.touch import LIVE, State
from tests.builders import a_stalled_customer, at
from tests.inbox import CUT, Inbox, Mail
from tests.processes import banso, start
from tests.promises.conftest import Tell
from tests.promises.scale import scaled
from tests.story import Story

CUSTOMERS = scaled(6, 500)
SEEDS = scaled(3, 2_000)
BEFORE = (4, 2, 1, 5, 3, 0)  # the step before which the copy is made, by seed
PROCESS_SECONDS = 60
TOKYO = ZoneInfo("Asia/Tokyo")
EVENING = "2026-04-08 18:00"


@pytest.fixture(autouse=True)
def _nobody_reads_that_it_was_restored() -> Iterator[None]:
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


class Backup:
    """A copy of the ledger alone, as a database's own backup makes it; the state folder goes on."""

    def __init__(self, story: Story, server: str | None) -> None:
        self.story, self.server = story, server

    def make(self) -> None:
        self._copy(*self._places())

    def restore(self) -> None:
        self._copy(*reversed(self._places()))

    def _places(self) -> tuple[str, str]:
        if self.story.config.ledger_url is None:
            path = str(self.story.config.state_folder / "ledger.db")
            return path, f"{path}.backup"
        name = str(make_url(self.story.config.ledger_url).database)
        return name, f"{name}b"

    def _copy(self, source: str, target: str) -> None:
        self.story.system.ledger.close()  # nobody is at the ledger while it is copied here
        if self.server is None:
            for suffix in ("-wal", "-shm"):
                Path(target + suffix).unlink(missing_ok=True)
            shutil.copy(source, target)
            return
        import psycopg

        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{target}"')
            connection.execute(f'CREATE DATABASE "{target}" TEMPLATE "{source}"')


@pytest.fixture
def backup(on_both: Story, request: pytest.FixtureRequest) -> Backup:
    return Backup(on_both, None if on_both.config.ledger_url is None else request.getfixturevalue("postgres_server"))


def customers(prefix: str, number: int = CUSTOMERS) -> list[str]:
    return [f"{prefix}{each:03d}" for each in range(number)]


def address(account: str) -> str:
    return f"tanaka@{account}.example.jp"


class Days:
    """Two nights with customers of their own; half of each day's customers are told to come back later the first time."""

    def __init__(self, story: Story, inbox: Inbox) -> None:
        self.story, self.inbox = story, inbox

    def given(self, day: int) -> None:
        self.story.given(*(a_stalled_customer(account) for account in customers(f"day{day}-")))

    def night(self, day: int) -> Night:
        return self.story.nightly(f"2026-04-0{day} 02:00")

    def morning(self, day: int) -> None:
        for account in customers(f"day{day}-")[::2]:
            self.inbox.answer(address(account), "450 4.2.0 later")
        self.inbox.answer_content(address(f"day{day}-001"), CUT)
        self.story.clock.set(at(f"2026-04-0{day} 09:00"))
        self.story.heard(f"2026-04-0{day} 09:00")
        self.once()

    def once(self) -> None:
        """One sweep, whose messages a worker answers."""
        worker = self.story.worker()
        try:
            sweep(self.story.system, lambda _channel, ids: dispatch(worker, ids))
        finally:
            worker.close()

    def until_rest(self, since: str, *, rounds: int = 40) -> None:
        self.story.clock.set(at(since))
        for _ in range(rounds):
            self.story.heard(since)
            self.once()
            if not any(each.state in LIVE for each in self.story.touches()):
                return
            self.story.clock.advance(10 * MINUTE)


def a_log(story: Story, mails: list[Mail], until: str) -> PostfixLog:
    """A relay's log that knows every mail that was taken, from before the first day until an instant."""
    lines = [_line(at("2026-04-01 00:00"), "master", "1A1A", "daemon started")]
    for number, mail in enumerate(mails):
        lines += [_line(at("2026-04-07 09:00"), "cleanup", f"{number:X}", f"message-id={mail.message_id}")]
        lines += [_line(at("2026-04-07 09:00"), "qmgr", f"{number:X}", "from=<cs@banso.example>, size=9 (queue active)")]
    path = story.folder / "mail.log"
    path.write_text("".join([*lines, _line(at(until), "qmgr", "FFFFFF", "removed")]), encoding="utf-8")
    return PostfixLog(path)


def _line(instant: int, part: str, queue: str, rest: str) -> str:
    return f"{moment_of(instant, TOKYO).isoformat()} relay postfix/{part}[812]: {queue}: {rest}\n"


def doubled(inbox: Inbox) -> list[str]:
    taken = inbox.recipients()
    return sorted({each for each in taken if taken.count(each) > 1})


def test_nothing_goes_out_until_it_is_released_and_nothing_goes_out_twice(on_both: Story, inbox: Inbox, backup: Backup, reached: Tell) -> None:
    days = Days(on_both, inbox)
    days.given(7)
    days.night(7)
    backup.make()
    days.morning(7)
    days.given(8)
    assert days.night(8).won == CUSTOMERS
    days.morning(8)
    went = len(inbox.mails)
    assert went == CUSTOMERS + CUSTOMERS // 2, "the first day's customers, and half of the second's"

    backup.restore()
    days.given(8)  # what is loaded again
    on_both.clock.set(at(EVENING))
    assert len(days.night(8).touches) == CUSTOMERS // 2, "what went out is not decided again"
    days.until_rest(EVENING, rounds=3)
    assert len(inbox.mails) == went, "0 mails until it is released"
    with on_both.system.ledger.read() as connection:
        held = restores.holding(connection)
    assert held is not None
    assert held.doubted == went
    assert {each.state for each in on_both.touches() if each.reason == DeliveryReason.RESTORED} == {State.UNKNOWN}

    on_both.clock.set(at("2026-04-08 20:05"))
    found = reconcile(on_both.system, [a_log(on_both, inbox.mails, until="2026-04-08 20:00")])
    assert (found.sent, found.absent, found.resent) == (went, 0, 0)
    assert ops.release(on_both.system, "sato", "looked at the relay") == 0
    days.until_rest("2026-04-09 09:00")
    assert doubled(inbox) == []
    assert inbox.recipients() == sorted(address(each) for day in (7, 8) for each in customers(f"day{day}-"))
    assert not [check for check in ops.doctor(on_both.system, (3, 11, 15)) if check.name in {"books", "rows", "restored"} and check.level != "ok"]
    reached(2 * CUSTOMERS, "mails", faults=1)


def test_a_backup_of_any_moment_is_noticed_and_doubles_nothing(story: Story, inbox: Inbox, reached: Tell) -> None:
    """At each seed the copy is made before another step, and evidence is there or comes from a person who looks at the relay."""
    for seed in range(SEEDS):
        random, mine = Random(seed), Story(story.folder / f"seed-{seed}", smtp_url=inbox.url)
        inbox.mails.clear()
        days, copy = Days(mine, inbox), Backup(mine, None)
        steps: list[Callable[[], object]] = [
            lambda days=days: days.given(7),
            lambda days=days: days.night(7),
            lambda days=days: days.morning(7),
            lambda days=days: days.given(8),
            lambda days=days: days.night(8),
            lambda days=days: days.morning(8),
        ]
        before = BEFORE[seed % len(BEFORE)]
        for number, step in enumerate(steps):
            if number == before:
                copy.make()
            step()
        went = len(inbox.mails)
        copy.restore()
        for step in steps[before:]:
            if step not in {steps[2], steps[5]}:
                step()
        days.until_rest(EVENING, rounds=2)
        assert len(inbox.mails) == went, seed
        assert is_held(mine.system), seed
        if random.random() < 0.5:
            mine.clock.set(at("2026-04-08 20:05"))
            reconcile(mine.system, [a_log(mine, inbox.mails, until="2026-04-08 20:00")])
        else:
            taken = {mail.message_id for mail in inbox.mails}
            for touch in [each for each in mine.touches() if each.state is State.UNKNOWN]:
                ops.settle(mine.system, touch.id, was_sent=touch.message_id in taken)
        ops.release(mine.system, "sato", "looked at the relay")
        days.until_rest("2026-04-09 09:00")
        assert doubled(inbox) == [], seed
        assert set(inbox.recipients()) == {address(each) for day in (7, 8) for each in customers(f"day{day}-")}, seed
        mine.close()
    reached(SEEDS, "restored backups", seeds=SEEDS, faults=SEEDS)


def a_restored_morning(story: Story, inbox: Inbox) -> tuple[Days, int]:
    """A night, a backup, the morning's mails, and the backup put back; how many mails went since."""
    days, copy = Days(story, inbox), Backup(story, None)
    days.given(7)
    days.night(7)
    copy.make()
    days.morning(7)
    copy.restore()
    return days, len(inbox.mails)


def test_real_processes_hold_a_restored_ledger_until_a_person_releases_it(story: Story, inbox: Inbox) -> None:
    _, went = a_restored_morning(story, inbox)
    assert _run(story, inbox, "worker", "--until-idle", "--at", "2026-04-07T09:30:00") == 0
    assert len(inbox.mails) == went
    assert ("restored", "bad") in [(check.name, check.level) for check in ops.doctor(story.system, (3, 11, 15))]
    assert ops.status(story.system).restored is not None
    assert ops.lateness(story.system).is_held
    assert ops.release(story.system, "sato", "looked at the relay") == went
    assert _run(story, inbox, "worker", "--until-idle", "--at", "2026-04-07T10:00:00") == 0
    assert doubled(inbox) == []
    assert len(inbox.mails) == CUSTOMERS, "what certainly did not go out goes now"
    unclear = [each for each in story.touches() if each.state is State.UNKNOWN]
    assert {each.reason for each in unclear} == {DeliveryReason.RESTORED}
    assert len(unclear) == went, "and what may have waits for a person"


def _run(story: Story, inbox: Inbox, *words: str) -> int:
    settings = {"BANSO_SMTP_URL": inbox.url, "BANSO_DELIVERY": "production", "BANSO_SWEEP_SECONDS": "1"}
    log = story.folder / "said"
    with log.open("wb") as said:
        process = start(banso(story.config.state_folder, *words), settings, said)
        try:
            return process.wait(PROCESS_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(log.read_text(encoding="utf-8")) from None


def test_where_the_state_folder_was_lost_too_a_person_says_so(story: Story, inbox: Inbox) -> None:
    days, went = a_restored_morning(story, inbox)
    shutil.rmtree(story.config.state_folder / "counterfoils")
    story.clock.set(at("2026-04-07 10:00"))
    assert ops.declare(story.system, "sato", "the disk is new").doubted == CUSTOMERS, "nobody can tell of any that was due"
    assert {each.state for each in story.touches()} == {State.UNKNOWN}
    days.until_rest("2026-04-07 10:00", rounds=2)
    assert len(inbox.mails) == went


def test_nothing_is_held_where_nothing_was_restored(story: Story, inbox: Inbox) -> None:
    """Not even after a crash between the ledger's commit and the counterfoil, nor where the state folder is new."""
    days = Days(story, inbox)
    days.given(7)
    days.night(7)
    days.morning(7)
    assert not is_held(story.system)
    with story.system.ledger.write() as connection:
        restores.count_on(connection)
    assert not is_held(story.system)
    shutil.rmtree(story.config.state_folder / "counterfoils")
    days.until_rest("2026-04-07 10:00", rounds=3)
    assert not is_held(story.system)
    assert story.system.counterfoils.newest() > 0


def test_no_letter_goes_out_whose_counterfoil_cannot_be_kept(story: Story, inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full takes a part of a line."""
    days, write = Days(story, inbox), os.write
    days.given(7)
    days.night(7)
    monkeypatch.setattr(os, "write", lambda file, content: write(file, content[:40]))
    days.morning(7)
    assert inbox.mails == []
    assert {each.state for each in story.touches()} == {State.PENDING}
    monkeypatch.undo()
    days.until_rest("2026-04-07 10:00", rounds=5)
    assert len(inbox.mails) == CUSTOMERS
    assert not is_held(story.system)


def test_counterfoils_tell_nobodys_address(story: Story, inbox: Inbox) -> None:
    days = Days(story, inbox)
    days.given(7)
    days.night(7)
    days.morning(7)
    texts = [path.read_text(encoding="utf-8") for path in (story.config.state_folder / "counterfoils").iterdir()]
    told = [json.loads(line) for text in texts for line in text.split("\n") if line]
    assert len([each for each in told if "touch" in each]) == len(inbox.mails)
    assert not any("tanaka@" in text for text in texts)
    assert all(path.stat().st_mode & 0o077 == 0 for path in (story.config.state_folder / "counterfoils").iterdir())
