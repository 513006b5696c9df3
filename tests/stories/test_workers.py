"""Workers may be many, slow or dead: each mail goes out once."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from threading import enumerate as enumerate_threads

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from engine.calendar import SECOND
from engine.errors import BansoError
from engine.ledger import touches as ledger_touches
from engine.ledger import waiting
from engine.pipeline import ops
from engine.pipeline.dispatch import dispatch
from engine.pipeline.sweep import sweep
from engine.pipeline.system import System
from engine.pipeline.worker import LONGEST_SECONDS, heartbeat
from engine.touches.touch import State, Touch
from tests.builders import a_stalled_customer, at
from tests.inbox import Inbox, free_port
from tests.processes import until
from tests.story import Story
from workers.app import make_app, ring
from workers.rounds import Rounds
from workers.run import run_worker, sweep_once
from workers.scheduler import run_scheduler
from workers.tasks import register


def claimed(story: Story) -> Touch:
    """A worker took the touch and was never heard of again."""
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    story.clock.set(at("2026-04-07 09:00"))
    now = story.clock.now()
    with story.system.ledger.write() as connection:
        (touch,) = ledger_touches.claim(connection, [story.touch().id], "dead", now, now + 60 * SECOND, 8)
    return touch


def test_what_a_worker_died_with_before_sending_is_sent_by_another(story: Story, inbox: Inbox) -> None:
    claimed(story)
    story.dispatch("2026-04-07 09:01")
    assert (story.states(), inbox.mails) == ([("next-setting", "claimed", None)], [])
    story.clock.advance(SECOND)
    assert sweep(story.system, lambda *_: None).released == 1
    story.dispatch("2026-04-07 09:02")
    assert (story.states(), len(inbox.mails)) == ([("next-setting", "sent", None)], 1)


def test_what_a_worker_died_with_while_sending_is_shown_and_never_sent_again(story: Story, inbox: Inbox) -> None:
    touch = claimed(story)
    now = story.clock.now()
    with story.system.ledger.write() as connection:
        assert ledger_touches.begin_sending(connection, [(touch, b"letter")], "dead", now, now + 60 * SECOND)
    story.dispatch("2026-04-07 09:02")
    story.dispatch("2026-04-08 09:00")
    assert (story.states(), inbox.mails) == ([("next-setting", "unknown", "worker_died")], [])
    levels = {check.name: check.level for check in ops.doctor(story.system, (3, 14, 3))}
    assert (levels["books"], levels["unknown"]) == ("ok", "warn")


@pytest.mark.parametrize("state", [State.CLAIMED, State.SENDING], ids=["before the send began", "after the send began"])
def test_a_worker_that_slept_through_its_lease_writes_over_nothing(story: Story, state: State) -> None:
    """It wakes, and its touch belongs to somebody else or to nobody."""
    touch = claimed(story)
    now = story.clock.now()
    with story.system.ledger.write() as connection:
        if state is State.SENDING:
            ledger_touches.begin_sending(connection, [(touch, b"letter")], "dead", now, now + 60 * SECOND)
        waiting.release_expired(connection, now + 61 * SECOND)
        after = ledger_touches.get_touches(connection, [touch.id])
        assert not ledger_touches.begin_sending(connection, [(touch, b"letter")], "dead", now + 62 * SECOND, now + 99 * SECOND)
        assert not ledger_touches.finish(connection, "dead", state, story.clock.now(), {touch.id: {"state": State.SENT}})
        assert ledger_touches.get_touches(connection, [touch.id]) == after


def test_a_task_that_is_stuck_keeps_its_touches_from_the_others_for_no_longer_than_any_task_takes(story: Story) -> None:
    story.config = story.config.model_copy(update={"lease_seconds": 1})
    story.restart()
    touch = claimed(story)
    with story.system.ledger.write() as connection:
        assert waiting.release_expired(connection, story.clock.now() + 61 * SECOND).released == 1
    worker, now = story.worker(), story.clock.now()
    with story.system.ledger.write() as connection:
        assert ledger_touches.claim(connection, [touch.id], worker.name, now, now + SECOND, 8)
    worker.in_hand.add(touch.id)
    with heartbeat(worker):
        until(lambda: worker.in_time(touch.id))  # renewed
        story.clock.advance(int(LONGEST_SECONDS) * SECOND)
        until(lambda: not any(each.name == "heartbeat" for each in enumerate_threads()))
        assert sweep(story.system, lambda *_: None).released == 1
    worker.close()


def test_ids_of_strangers_and_of_touches_already_sent_are_passed_over(story: Story, inbox: Inbox) -> None:
    story.given(a_stalled_customer())
    night = story.nightly("2026-04-07 02:00")
    story.dispatch("2026-04-07 09:00")
    assert dispatch(story.worker(), [*night.touches, "never-heard-of"]) == {}
    assert len(inbox.mails) == 1


def test_a_message_that_came_too_early_changes_nothing(story: Story, inbox: Inbox) -> None:
    story.given(a_stalled_customer())
    night = story.nightly("2026-04-07 02:00")
    assert dispatch(story.worker(), night.touches) == {}
    assert (story.states(), inbox.mails) == ([("next-setting", "pending", None)], [])


def test_a_sweep_rings_again_after_a_while(story: Story) -> None:
    """A message under way is not sent again with every sweep; a lost one is sent again soon."""
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    story.clock.set(at("2026-04-07 09:00"))
    rung = []
    for _ in range(4):
        rung.append(sweep(story.system, lambda *_: None).rung)
        story.clock.advance(story.config.sweep_seconds * SECOND)
    assert rung == [1, 0, 0, 1]


def test_a_message_nobody_took_is_not_looked_at_later(story: Story) -> None:
    """The sweep rings again after a while; without an end, messages would pile up while workers are away."""
    app = make_app(story.config)
    ring(app, story.config, "mail", ["t1"])
    (message,) = (story.config.state_folder / "broker").glob("*.msg")
    headers = json.loads(message.read_text())["headers"]
    assert headers["expires"] is not None
    app.close()


@contextmanager
def away(story: Story) -> Iterator[None]:
    """While it lasts, every statement finds the connection gone."""

    def refuse(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        raise OperationalError(statement, parameters, Exception("terminating connection"))

    event.listen(story.system.ledger.engine, "before_cursor_execute", refuse)
    yield
    event.remove(story.system.ledger.engine, "before_cursor_execute", refuse)


def test_a_sweep_of_a_ledger_that_is_away_is_tried_again(story: Story) -> None:
    app = make_app(story.config)
    with away(story):
        assert sweep_once(story.system, app)
    assert not sweep_once(story.system, app)
    app.close()


def test_a_worker_that_cannot_reach_the_ledger_leaves(story: Story) -> None:
    """It would live on with a thread less; who left is started again."""
    away = story.config.model_copy(update={"ledger_url": f"postgresql+psycopg://127.0.0.1:{free_port()}/none"})
    for run in (lambda system: run_worker(system, ["mail"], until_idle=True), run_scheduler):
        with pytest.raises(BansoError) as refused:
            run(System(away, story.clock))
        assert refused.value.faults[0].code == "E620"


def test_a_message_that_finds_the_ledger_away_harms_nobody(story: Story, inbox: Inbox) -> None:
    story.given(a_stalled_customer())
    night = story.nightly("2026-04-07 02:00")
    story.clock.set(at("2026-04-07 09:00"))
    story.heard("2026-04-07 09:00")
    worker, app = story.worker(), make_app(story.config)
    register(app, worker, Rounds(worker.system.clock))
    with away(story):
        app.tasks["dispatch"](list(night.touches))
    assert inbox.mails == []
    app.tasks["dispatch"](list(night.touches))
    assert len(inbox.mails) == 1
    worker.close()
    app.close()
