"""What ops look at, asked of SQLite and of PostgreSQL."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import insert

from engine.calendar import HOUR, SECOND
from engine.channels import DISPATCHED
from engine.ledger import decisions, holds, overview, touches
from engine.ledger.open import Ledger
from engine.ledger.overview import Book, Wanted
from engine.ledger.tables import slots
from engine.pipeline import ops
from engine.touches.touch import State, Touch
from tests.builders import AZURE, a_stalled_customer, a_touch, at
from tests.story import Story

NOW = at("2026-04-07 09:00")


def a_decision(touch: Touch, outcome: str = "won") -> dict[str, object]:
    told = {"decided_at": touch.decided_at, "outcome": outcome, "reason": None, "detail": None, "trace": "[]", "rule_set": "r1"}
    return {"slot": touch.slot, "account_id": touch.account_id, "rule": touch.rule, "lane": "push", "touch_id": touch.id, **told}


def made(ledger: Ledger, *new: Touch) -> None:
    with ledger.write() as connection:
        touches.add_touches(connection, new)


def test_what_waits_is_counted_alike_and_the_oldest_stands_first(ledger: Ledger) -> None:
    later = [a_touch(str(number), account=str(number), due_at="2026-04-07 10:00") for number in range(2)]
    made(ledger, *later, a_touch("t", account="t"), replace(a_touch("h", account="h", due_at="2026-04-07 08:00"), reason="held"))
    made(ledger, a_touch("sent", account="s", state=State.SENT))
    with ledger.read() as connection:
        found = overview.waiting(connection, NOW)
    told = [(each.reason, each.number, each.due, each.oldest_due) for each in found]
    assert told == [("held", 1, 1, NOW - HOUR), (None, 3, 1, NOW)]


def test_the_oldest_due_is_of_what_workers_should_have_taken(ledger: Ledger) -> None:
    with ledger.read() as connection:
        assert overview.oldest_due(connection, NOW, DISPATCHED) is None
    made(
        ledger, a_touch("t1", account="1", due_at="2026-04-07 09:01"), replace(a_touch("p", account="p", due_at="2026-04-01 09:00"), channel="popup")
    )
    with ledger.read() as connection:
        assert [overview.oldest_due(connection, now * SECOND + NOW, DISPATCHED) for now in (59, 60)] == [None, NOW + 60 * SECOND]
    with ledger.write() as connection:
        touches.claim(connection, ["t1"], "dead", NOW + 60 * SECOND, NOW + 120 * SECOND, 8)
        assert overview.oldest_due(connection, NOW + HOUR, DISPATCHED) == NOW + 60 * SECOND


def test_touches_are_found_by_what_is_asked_newest_first(ledger: Ledger) -> None:
    ended = [replace(a_touch(f"t{n}", account=str(n), state=State.FAILED), reason="refused", ended_at=NOW + n) for n in range(3)]
    made(ledger, *ended, replace(a_touch("u", account="u", state=State.UNKNOWN), begun_at=NOW + 9), a_touch("s", account="s", state=State.SENT))
    with ledger.read() as connection:

        def ids(**wanted: object) -> list[str]:
            return [touch.id for touch in overview.find_touches(connection, Wanted(**wanted))]

        assert ids() == ["u", "t2", "t1", "t0"]
        assert ids(limit=2) == ["u", "t2"]
        assert ids(since=NOW + 2) == ["u", "t2"]
        assert ids(reasons=("refused",), rules=("next-setting",)) == ["t2", "t1", "t0"]
        assert ids(states=("sent",), ids=("s", "u")) == ["s"]
        assert overview.unclear(connection) == (1, NOW + 9)


def test_a_failed_touch_put_back_is_as_it_was_planned(ledger: Ledger) -> None:
    planned = a_touch("t1")
    failed = replace(planned, state=State.FAILED, reason="refused", reply="554", begun_at=NOW, window_last_day=3, ended_at=NOW, attempt=1)
    made(ledger, failed)
    with ledger.write() as connection:
        assert not touches.put_back(connection, replace(failed, attempt=2), NOW, "retried", "by:sato")
        assert [touches.put_back(connection, failed, NOW, "retried", "by:sato") for _ in range(2)] == [True, False]
        (after,) = touches.get_touches(connection, ["t1"])
    assert after == replace(planned, attempt=1, reason="retried", detail="by:sato", due_at=NOW)


def test_a_touch_is_replaced_by_one_under_the_same_key_only(ledger: Ledger) -> None:
    failed = a_touch("t1", state=State.FAILED)
    made(ledger, failed, a_touch("other", ordinal=2), a_touch("gone", state=State.EXPIRED))
    with ledger.write() as connection:
        assert not touches.is_replaced(connection, failed)
        touches.add_touches(connection, [a_touch("again")])
        assert touches.is_replaced(connection, failed)


def test_unfinished_runs_and_what_they_hold(ledger: Ledger) -> None:
    made(ledger, a_touch("t1"), a_touch("t2", account="2", state=State.SENT))
    with ledger.write() as connection:
        row = {"job": "nightly", "instant": NOW, "arrival": 0, "rule_set": "r1", "started_at": NOW}
        connection.execute(insert(slots), [{**row, "slot": "2026-04-07", "finished_at": None}, {**row, "slot": "2026-04-06", "finished_at": NOW}])
        assert [(run.slot, run.started_at, run.held) for run in overview.unfinished(connection)] == [("nightly/2026-04-07", NOW, 1)]


def test_books_balance_by_rule_and_state(ledger: Ledger) -> None:
    won, withheld = a_touch("t1"), a_touch("t2", account="2", state=State.WITHHELD)
    with ledger.write() as connection:
        touches.add_touches(connection, [won, withheld])
        assert [book.balances for book in overview.books(connection)] == [False]
        assert overview.strays(connection) == ["t1", "t2"]
        decisions.add_decisions(connection, [a_decision(won), a_decision(withheld, "withheld")])
        assert overview.books(connection) == [Book("next-setting", 1, 1, {"pending": 1, "withheld": 1})]
        assert [book.balances for book in overview.books(connection)] == [True]
        assert overview.strays(connection) == []
        decisions.add_decisions(connection, [a_decision(a_touch("t3", account="3"))])
        assert [book.balances for book in overview.books(connection)] == [False]
        assert overview.strays(connection) == ["t3"]


POSSIBLE = {
    State.PENDING: {},
    State.SENT: {"sent_at": NOW, "ended_at": NOW},
    State.UNKNOWN: {"begun_at": NOW, "reason": "no_reply"},
    State.FAILED: {"reason": "refused", "ended_at": NOW},
    State.EXPIRED: {"reason": "expired", "ended_at": NOW},
    State.DROPPED: {"reason": "no_longer_true", "ended_at": NOW},
    State.WITHHELD: {"begun_at": NOW, "window_last_day": 3},
}


@pytest.mark.parametrize("state", POSSIBLE, ids=str)
def test_a_row_that_lacks_what_its_state_must_have_is_impossible(ledger: Ledger, state: State) -> None:
    whole = replace(a_touch("whole", account="whole", state=state), **POSSIBLE[state])
    made(ledger, whole)
    with ledger.read() as connection:
        assert overview.impossible(connection) == []
    broken = [replace(whole, id=name, account_id=name, **{name: None}) for name in POSSIBLE[state]] or [
        replace(whole, id="b", account_id="b", sent_at=NOW)
    ]
    made(ledger, *broken)
    with ledger.read() as connection:
        assert overview.impossible(connection) == [(state, len(broken), min(touch.id for touch in broken))]


def test_what_a_worker_holds_is_possible_while_it_does(ledger: Ledger) -> None:
    made(ledger, a_touch("t1"), a_touch("t2", account="2"))
    with ledger.write() as connection:
        (first, _) = touches.claim(connection, ["t1", "t2"], "w", NOW, NOW + HOUR, 8)
        touches.begin_sending(connection, [(first, b"letter")], "w", NOW, NOW + HOUR)
        assert overview.impossible(connection) == []


def test_busy_workers_and_those_that_left(ledger: Ledger) -> None:
    with ledger.write() as connection:
        for name in ("w1", "w2", "old"):
            holds.worker_seen(connection, name, "worker", NOW if name != "old" else NOW - HOUR)
        holds.worker_busy(connection, "w1", NOW - SECOND)
        holds.worker_seen(connection, "w1", "worker", NOW)
        holds.worker_left(connection, "w2")
        holds.forget_workers(connection, NOW)
        assert [(row["name"], row["busy_since"]) for row in holds.workers_alive(connection, 0)] == [("w1", NOW - SECOND)]


def test_a_whole_morning_on_postgresql_is_seen_as_on_sqlite(url: str, tmp_path: Path) -> None:
    story = Story(tmp_path / "story", ledger_url=url)
    story.given(a_stalled_customer(), a_stalled_customer("midori"))
    story.nightly("2026-04-07 02:00")
    story.dispatch("2026-04-07 09:00")
    levels = {check.name: check.level for check in ops.doctor(story.system, (3, 14, 3)) if check.level != "ok"}
    gauges = {gauge.name: gauge.values for gauge in ops.gauges(story.system)}
    states = ops.status(story.system).states
    story.close()
    assert (levels, states) == ({"workers": "warn"}, {"sent": 2})
    assert gauges["rule_touches"] == {("next-setting", "sent"): 2}
    assert AZURE not in str(gauges)
