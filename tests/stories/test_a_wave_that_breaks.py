"""A store or a disk that is away for a moment, in the middle of eight letters: what was not handed over is not called unknown."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from engine.calendar import SECOND
from engine.ledger import touches as ledger_touches
from engine.pipeline.sweep import sweep
from engine.pipeline.wave import STORE_AGAIN
from tests.builders import AZURE, a_stalled_customer, at
from tests.inbox import Inbox
from tests.story import Story


@pytest.fixture
def eight(story: Story) -> Story:
    for number in range(8):
        story.given(a_stalled_customer(f"acc{number}"))
    story.nightly("2026-04-07 02:00")
    return story


@contextmanager
def store_away(story: Story, *, times: int) -> Iterator[None]:
    """The store refuses so many of the statements that end a send."""
    left = [times]

    def refuse(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if left[0] and statement.startswith("UPDATE touches") and "sent_at" in statement:
            left[0] -= 1
            raise OperationalError(statement, parameters, Exception("terminating connection"))

    event.listen(story.system.ledger.engine, "before_cursor_execute", refuse)
    yield
    event.remove(story.system.ledger.engine, "before_cursor_execute", refuse)


def test_a_store_that_is_away_once_costs_nothing(eight: Story, inbox: Inbox) -> None:
    with store_away(eight, times=1):
        assert eight.dispatch("2026-04-07 09:00") == {"sent": 8}
    assert {touch.state for touch in eight.touches()} == {"sent"}
    assert set(inbox.times_taken().values()) == {1}


def test_a_store_that_stays_away_leaves_the_letters_of_one_wave_unclear_and_doubles_none(eight: Story, inbox: Inbox) -> None:
    eight.given(*[a_stalled_customer(f"more{number}") for number in range(8)])
    eight.nightly("2026-04-08 02:00")
    with store_away(eight, times=len(STORE_AGAIN) + 1), pytest.raises(OperationalError):
        eight.dispatch("2026-04-08 09:00")
    assert len(inbox.mails) == 8
    assert Counter(touch.state for touch in eight.touches()) == {"pending": 8, "sending": 8}
    eight.dispatch("2026-04-08 09:05")
    assert Counter(touch.state for touch in eight.touches()) == {"sent": 8, "unknown": 8}
    assert (len(inbox.mails), set(inbox.times_taken().values())) == (16, {1})


def test_a_letter_that_cannot_be_written_to_the_outbox_waits_and_the_others_go(story: Story) -> None:
    story.config = story.config.model_copy(update={"delivery": "dry-run"})
    story.restart()
    story.given(*[a_stalled_customer(f"acc{number}") for number in range(3)])
    story.nightly("2026-04-07 02:00")
    blocked = story.touches("acc1")[0].id
    outbox = story.config.state_folder / "outbox"
    (outbox / f"{blocked}.eml").mkdir(parents=True)
    story.dispatch("2026-04-07 09:00")
    assert [(touch.state, touch.reason) for touch in story.touches()] == [("sent", None), ("pending", "later"), ("sent", None)]
    (outbox / f"{blocked}.eml").rmdir()
    story.dispatch("2026-04-07 10:00")
    assert {touch.state for touch in story.touches()} == {"sent"}
    assert sorted(path.name for path in outbox.iterdir()) == sorted(f"{touch.id}.eml" for touch in story.touches())


def test_an_outbox_that_cannot_be_made_is_asked_again_later(story: Story) -> None:
    story.config = story.config.model_copy(update={"delivery": "dry-run"})
    story.restart()
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    (story.config.state_folder / "outbox").write_text("a file in its place")
    story.dispatch("2026-04-07 09:00")
    assert story.states() == [("next-setting", "pending", "later")]


def under_way(story: Story) -> None:
    """A worker began to hand the touch over and was never heard of again."""
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    now = at("2026-04-07 09:00")
    with story.system.ledger.write() as connection:
        (touch,) = ledger_touches.claim(connection, [story.touch().id], "dead", now, now + 60 * SECOND, 8)
        ledger_touches.begin_sending(connection, [(touch, b"letter")], "dead", now, now + 60 * SECOND)


def test_a_touch_that_the_sweep_calls_unknown_is_in_the_log(story: Story) -> None:
    under_way(story)
    story.clock.set(at("2026-04-07 09:10"))
    assert sweep(story.system, lambda *_: None).unknown == 1
    assert [_count(story, name) for name in ("mail.unknown", "mail.sent")] == [1, 0]


def _count(story: Story, name: str) -> int:
    with story.system.records() as records:
        row = records.duck.execute("SELECT count(*) FROM records WHERE account_id = ? AND event = ?", [AZURE, name]).fetchone()
    return int(row[0]) if row else 0
