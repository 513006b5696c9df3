"""P18: slow SMTP slows only SMTP, and a slow relay only its own mail.

One relay holds back its reply to the final dot for as long as everything else takes: the other relay's mails and the lists go out meanwhile, the stop
button stops, and what was held back is sent once. On SQLite and PostgreSQL, with one worker for each queue as `banso up` starts them.
"""

import logging
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from threading import Event

import pytest

from engine.calendar import DAY, HOUR, MINUTE
from engine.config import Config
from engine.decision.standing import Pause
from engine.ledger import relays
from engine.pipeline import ops, sweep
from engine.pipeline.dispatch import dispatch
from engine.pipeline.queues import queue_groups, unknown_relays
from engine.pipeline.system import System
from engine.pipeline.worker import Worker
from engine.touches.delivery import DeliveryReason
from engine.touches.rate import WAVE
from engine.touches.touch import State, Touch
from tests.builders import a_customer, a_stalled_customer, at
from tests.inbox import Inbox, free_port, running_inbox
from tests.promises.conftest import Tell
from tests.promises.scale import scaled
from tests.story import Story
from workers.supervisor import processes_of

EACH = scaled(2 * WAVE, 2_000)  # customers of each relay
PATIENCE_SECONDS = 60
SENDERS = 'senders:\n  bulk-desk: {name: 窓口, address: bulk@example.jp, phone: 03-0000-0000, hours: "平日 9:00-18:00", relay: bulk}'
FIRST_LOGIN = "do: {send: mail, from: cs-desk, template: mail/first-login"


@pytest.fixture(autouse=True)
def _nobody_reads_the_warnings() -> Iterator[None]:
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def slow() -> Iterator[Inbox]:
    """Another relay, which answers no content until its gate is opened."""
    with running_inbox() as inbox:
        inbox.gate = Event()
        try:
            yield inbox
        finally:
            inbox.gate.set()


def two_relays(story: Story, slow: Inbox | None) -> None:
    """The first login is asked for through `bulk`, the next setting through the main relay; the night has decided both."""
    story.change_rules("rules/workspace.yaml", "senders:", SENDERS)
    story.change_rules("rules/push.yaml", FIRST_LOGIN, FIRST_LOGIN.replace("cs-desk", "bulk-desk"))
    if slow is not None:
        configure(story, f"bulk={slow.url}")
    story.given(*(a_stalled_customer(f"fast{number:04d}") for number in range(EACH)))
    story.given(*(a_customer(f"slow{number:04d}", applied="2026-04-01 10:00", email=address(f"slow{number:04d}")) for number in range(EACH)))
    assert story.nightly("2026-04-07 02:00").won == 2 * EACH
    story.clock.set(at("2026-04-07 10:00"))
    story.heard("2026-04-07 10:00")


def configure(story: Story, listed: str) -> None:
    story.config = story.config.model_copy(update={"relays": listed})
    story.restart()


def address(account: str) -> str:
    return f"tanaka@{account}.example.jp"


def rung(story: Story) -> dict[str, list[str]]:
    """Queue → the touches that one sweep rings for."""
    found: dict[str, list[str]] = {}
    sweep.sweep(story.system, lambda queue, ids: found.setdefault(queue, []).extend(ids))
    return found


@contextmanager
def serving(story: Story, queue: str, ids: list[str]) -> Iterator[Future[object]]:
    """A worker of its own for a queue, in a thread."""

    def work() -> object:
        with closing(System(story.config, story.clock, look_seconds=3600.0)) as system, closing(Worker(system, f"worker {queue}")) as worker:
            return dispatch(worker, ids)

    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(work)


def until_taken(inbox: Inbox, number: int) -> None:
    """Wait for a worker in another thread."""
    waiting = Event()
    for _ in range(PATIENCE_SECONDS * 100):
        if len(inbox.mails) >= number:
            return
        waiting.wait(0.01)
    raise AssertionError(f"{len(inbox.mails)} of {number}")


def of(story: Story, kind: str) -> list[Touch]:
    return [each for each in story.touches() if each.account_id.startswith(kind)]


def test_all_other_mail_goes_while_one_relay_holds_its_reply_back(on_both: Story, inbox: Inbox, slow: Inbox, reached: Tell) -> None:
    two_relays(on_both, slow)
    bells = rung(on_both)
    assert {queue: len(ids) for queue, ids in bells.items()} == {"mail": EACH, "mail.bulk": EACH}
    assert slow.gate is not None
    with serving(on_both, "mail.bulk", bells["mail.bulk"]) as waiting:
        until_taken(slow, WAVE)
        with serving(on_both, "mail", bells["mail"]) as going:
            assert going.result(PATIENCE_SECONDS) == {"sent": EACH}
        assert not waiting.done()
        assert {each.state for each in of(on_both, "fast")} == {State.SENT}
        assert len(slow.mails) == WAVE, "eight at most are in its hands"
        slow.gate.set()
        assert waiting.result(PATIENCE_SECONDS) == {"sent": EACH}
    assert inbox.recipients() == [address(f"fast{number:04d}") for number in range(EACH)]
    assert slow.recipients() == [address(f"slow{number:04d}") for number in range(EACH)]
    reached(2 * EACH, "mails", faults=WAVE)


def test_the_stop_button_stops_while_a_relay_is_slow(on_both: Story, inbox: Inbox, slow: Inbox, reached: Tell) -> None:
    two_relays(on_both, slow)
    bells = rung(on_both)
    assert slow.gate is not None
    with serving(on_both, "mail.bulk", bells["mail.bulk"]) as waiting:
        until_taken(slow, WAVE)
        ops.pause(on_both.system, Pause("all", "", "fire", on_both.clock.now() + DAY), "sato")
        with serving(on_both, "mail", bells["mail"]) as going:
            assert going.result(PATIENCE_SECONDS) == {"pending": EACH}
        slow.gate.set()
        assert waiting.result(PATIENCE_SECONDS) == {"sent": WAVE, "pending": EACH - WAVE}
    assert inbox.mails == []
    assert len(slow.mails) == WAVE, "those past the final dot, and no other"
    ops.resume(on_both.system, "all", "")
    on_both.clock.advance(HOUR)
    on_both.heard("2026-04-07 11:00")
    on_both.sweep_and_send()
    assert {*inbox.times_taken().values(), *slow.times_taken().values()} == {1}
    assert {each.state for each in on_both.touches()} == {State.SENT}
    reached(2 * EACH, "mails", faults=1)


def test_a_relay_that_is_gone_opens_its_own_breaker_only(story: Story, inbox: Inbox) -> None:
    two_relays(story, None)
    configure(story, f"bulk=smtp://127.0.0.1:{free_port()}")
    for _ in range(4):
        story.sweep_and_send()
        story.clock.advance(2 * MINUTE)
    with story.system.ledger.read() as connection:
        failing = relays.all_breakers(connection)
    assert [each.name for each in failing] == ["relay:mail.bulk"]
    assert failing[0].open_until > 0
    assert len(inbox.mails) == EACH
    assert {each.state for each in of(story, "slow")} == {State.PENDING}


def test_mails_of_a_relay_that_is_not_configured_wait_and_are_not_lost(story: Story, inbox: Inbox, slow: Inbox) -> None:
    two_relays(story, None)
    story.sweep_and_send()
    assert len(inbox.mails) == EACH
    assert {(each.state, each.reason, each.detail) for each in of(story, "slow")} == {(State.PENDING, DeliveryReason.NO_RELAY, "relay:bulk")}
    assert unknown_relays(story.system) == {"bulk-desk": "bulk"}
    assert ("relays", "bad") in [(check.name, check.level) for check in ops.doctor(story.system, (3, 11, 15))]
    assert slow.gate is not None
    slow.gate.set()
    configure(story, f"bulk={slow.url}")
    story.clock.advance(HOUR)
    story.heard("2026-04-07 11:00")
    story.sweep_and_send()
    assert slow.recipients() == [address(f"slow{number:04d}") for number in range(EACH)]
    assert unknown_relays(story.system) == {}


def test_a_backlog_of_one_relay_does_not_silence_the_bells_of_others(
    story: Story, inbox: Inbox, slow: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_relays(story, slow)
    monkeypatch.setattr(sweep, "RING_MAX", EACH // 2)
    assert {queue: len(ids) for queue, ids in rung(story).items()} == {"mail": EACH // 2, "mail.bulk": EACH // 2}


def test_every_relay_has_a_worker_of_its_own() -> None:
    config = Config(relays="bulk=smtp://relay.example:25, desk=smtps://other.example")
    assert queue_groups(config) == [("mail",), ("mail.bulk",), ("mail.desk",), ("call", "crm", "slack")]
    started = [process.name for process in processes_of(config)]
    assert started == ["worker mail", "worker mail.bulk", "worker mail.desk", "worker call crm slack", "scheduler", "serve"]
