"""P31: the books balance, always: what was decided is what was sent, failed, is unknown, was dropped, expired, withheld or is under way.

Nights and mornings with refusals, delays, cuts, pauses and wishes on both ledgers, and the doctor's books after each act, held against plain SQL;
then drawn touches and decisions are deleted or changed by hand, one at a time, and the doctor finds every one.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from random import Random

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from engine.detail import parts_of
from engine.ledger.tables import decisions, touches
from engine.pipeline import ops
from engine.touches.touch import State, Touch
from tests.builders import a_record, a_stalled_customer
from tests.inbox import CUT, Inbox
from tests.promises.conftest import Tell
from tests.promises.scale import scaled
from tests.soak.checker import rows_of
from tests.story import Story

ACCOUNTS = scaled(24, 2_000)
DAYS = scaled(4, 30)
SPOILT = scaled(12, 500)  # touches that are each spoilt in every way
SAFE_PYTHON = (3, 14, 3)  # for the doctor: the version that runs the tests is not its matter
Spoil = Callable[[Connection, str, State], None]
REPLIES = ("451 4.3.0 later", "554 5.6.0 refused", "550 5.1.1 no such user", CUT, "250 OK")


def levels(story: Story) -> dict[str, str]:
    return {check.name: check.level for check in ops.doctor(story.system, SAFE_PYTHON)}


def books(story: Story) -> dict[str, int]:
    """State → touches, as the doctor's books say it."""
    check = next(check for check in ops.doctor(story.system, SAFE_PYTHON) if check.name == "books")
    assert check.level == "ok", check.details
    return {state: int(values[0]) for state, values in map(parts_of, check.details)}


def truth(story: Story) -> tuple[dict[str, int], int]:
    """The states of all touches, and how many decisions made one, by plain SQL."""
    counted = rows_of(story.config.ledger, "SELECT state, count(*) FROM touches GROUP BY state")
    return dict(counted), int(rows_of(story.config.ledger, "SELECT count(*) FROM decisions WHERE touch_id IS NOT NULL")[0][0])


def acts(story: Story, inbox: Inbox, random: Random) -> Iterator[str]:
    """Everything that may happen to touches, some at a time."""
    accounts = [f"c{number:04d}" for number in range(ACCOUNTS)]
    for account in accounts:
        story.given(a_stalled_customer(account, since=f"2026-03-{random.randrange(26, 31)} 10:00"))
    for number in range(DAYS):
        day = date(2026, 4, 6) + timedelta(days=number)
        yield f"night {story.nightly(f'{day} 02:00').slot}"
        for account in random.sample(accounts, ACCOUNTS // 3):
            inbox.answer_content(f"tanaka@{account}.example.jp", random.choice(REPLIES))
        story.pause("account", random.choice(accounts), since=f"{day} 08:00", until=f"{day + timedelta(days=1)} 08:00")
        story.suppress(f"tanaka@{random.choice(accounts)}.example.jp", "opted_out", when=f"{day} 08:10")
        story.given(a_record("product.settings_completed", account=random.choice(accounts), at=f"{day} 08:20"))
        yield "wishes"
        for hour in (9, 11, 14):
            story.dispatch(f"{day} {hour:02d}:00")
            yield "morning"
        for touch in story.touches():
            if touch.state is State.UNKNOWN and random.random() < 0.5:
                ops.settle(story.system, touch.id, was_sent=random.random() < 0.5)
        yield "settled"


def test_the_books_balance_after_every_act(on_both: Story, inbox: Inbox, reached: Tell) -> None:
    looked = 0
    for act in acts(on_both, inbox, Random(31)):
        states, decided = truth(on_both)
        assert books(on_both) == states, act
        assert sum(states.values()) == decided, act
        assert levels(on_both)["rows"] == "ok", act
        looked += 1
    states, decided = truth(on_both)
    assert states.keys() >= {"sent", "failed", "dropped"}
    reached(looked, "acts")
    reached(decided, "touches")


def test_whatever_row_is_spoilt_by_hand_is_found(story: Story, inbox: Inbox, reached: Tell) -> None:
    assert len(list(acts(story, inbox, Random(32)))) > DAYS
    spoilt = 0
    for touch in Random(33).sample(story.touches(), min(SPOILT, len(story.touches()))):
        for name, spoil in SPOILS.items():
            with _row(story, touch.id) as kept:
                if _refused(story, spoil, touch):
                    continue  # the ledger itself keeps a touch whose letter it keeps
                assert "bad" in {levels(story)[each] for each in ("books", "rows")}, (name, kept)
            spoilt += 1
        _decision_gone(story, touch.id)
        spoilt += 1
    assert levels(story)["books"] == "ok"
    reached(spoilt, "rows spoilt and found", faults=spoilt)


@contextmanager
def _row(story: Story, touch_id: str) -> Iterator[dict[str, object]]:
    """A touch's row, which is as it was when the block ends."""
    with story.system.ledger.read() as connection:
        kept = dict(connection.execute(select(touches).where(touches.c.id == touch_id)).mappings().one())
    yield kept
    with story.system.ledger.write() as connection:
        if not connection.execute(update(touches).where(touches.c.message_id == kept["message_id"]).values(**kept)).rowcount:
            connection.execute(insert(touches).values(**kept))


def _refused(story: Story, spoil: Spoil, touch: Touch) -> bool:
    try:
        with story.system.ledger.write() as connection:
            spoil(connection, touch.id, touch.state)
    except IntegrityError:
        return True
    return False


def _decision_gone(story: Story, touch_id: str) -> None:
    with story.system.ledger.write() as connection:
        kept = dict(connection.execute(select(decisions).where(decisions.c.touch_id == touch_id)).mappings().one())
        connection.execute(delete(decisions).where(decisions.c.touch_id == touch_id))
    assert levels(story)["books"] == "bad"
    with story.system.ledger.write() as connection:
        connection.execute(insert(decisions).values(**kept))


def _changed(**values: object) -> Spoil:
    def spoil(connection: Connection, touch_id: str, _state: State) -> None:
        assert connection.execute(update(touches).where(touches.c.id == touch_id).values(**values)).rowcount == 1

    return spoil


def _other_end(connection: Connection, touch_id: str, state: State) -> None:
    """Sent becomes failed, and everything else sent."""
    _changed(state=State.FAILED if state is State.SENT else State.SENT)(connection, touch_id, state)


def _gone(connection: Connection, touch_id: str, _state: State) -> None:
    connection.execute(delete(touches).where(touches.c.id == touch_id))


SPOILS: dict[str, Spoil] = {
    "another end": _other_end,
    "gone": _gone,
    "a state that is none": _changed(state="snet"),
    "another rule": _changed(rule="first-login"),
    "another id": _changed(id="0" * 32),
    "claimed by nobody": _changed(state=State.CLAIMED, owner=None),
    "withheld": _changed(state=State.WITHHELD),
}
