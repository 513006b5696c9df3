"""The same ledger on SQLite and on PostgreSQL: one suite of what the rest of banso relies on, run on both."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Event

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import IntegrityError

from engine.calendar import SECOND
from engine.decision.standing import Pause
from engine.ledger import decisions, holds, instants, leases, records, touches, waiting
from engine.ledger.migrate import newest
from engine.ledger.open import NEWEST, Ledger, open_ledger, reachable
from engine.ledger.records import LoadRow
from engine.records.lake import Part
from engine.touches.queue import Queue
from engine.touches.touch import State
from tests.builders import AZURE, a_record, a_stalled_customer, a_touch, at
from tests.inbox import Inbox
from tests.story import Story

NOW = at("2026-04-07 09:00")
LEASE = NOW + 60 * SECOND


def test_migrating_twice_is_migrating_once(ledger: Ledger, url: str) -> None:
    with ledger.write() as connection:
        records.append_tail(connection, [a_record()], NOW)
    ledger.migrate()
    again = open_ledger(url)
    with again.read() as connection:
        assert len(records.snapshot(connection).tail) == 1
    assert reachable(again)
    again.close()


def test_the_newest_form_is_the_last_migration() -> None:
    assert newest() == (NEWEST,)


def test_tables_of_a_newer_version_are_worked_with_as_they_are(ledger: Ledger, url: str, caplog: pytest.LogCaptureFixture) -> None:
    with ledger.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with closing(open_ledger(url)) as again:
        with again.write() as connection:
            records.append_tail(connection, [a_record()], NOW)
        with again.read() as connection:
            assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "9999"
    assert "newer version than this process: 9999" in caplog.text


def test_what_fails_in_the_middle_leaves_nothing(ledger: Ledger) -> None:
    with pytest.raises(RuntimeError, match="power cut"), ledger.write() as connection:  # both lines are the point
        records.append_tail(connection, [a_record()], NOW)
        raise RuntimeError("power cut")
    with ledger.read() as connection:
        assert records.snapshot(connection).tail == ()


# --- records ----------------------------------------------------------------------------------------------------------


def test_a_record_is_accepted_once(ledger: Ledger) -> None:
    for expected in (3, 0):
        with ledger.write() as connection:
            told = [a_record(source_id="1"), a_record(source_id="2"), a_record("sfa.applied", source_id="1")]
            assert records.append_tail(connection, told, NOW) == expected
    with ledger.read() as connection:
        assert len(records.snapshot(connection).tail) == 3


def test_a_record_says_what_it_said(ledger: Ledger) -> None:
    told = replace(a_record("hearing.guidance_start", value="株式会社 髙🎉'"), number=-(2**62), properties='{"a": 1}')
    with ledger.write() as connection:
        records.append_tail(connection, [told], NOW)
    with ledger.read() as connection:
        assert records.tail_since(connection, {(AZURE, 0)}) == {(AZURE, 0): [told]}


def test_what_is_accepted_after_a_run_is_known_after_it(ledger: Ledger) -> None:
    with ledger.write() as connection:
        records.append_tail(connection, [replace(a_record(source_id="before"), known_at=0)], NOW)
        arrival = instants.fix_instant(connection, NOW)
    with ledger.write() as connection:
        records.append_tail(connection, [replace(a_record(source_id="after"), known_at=0)], NOW - SECOND)
        instants.fix_instant(connection, NOW - SECOND)
        assert instants.accept_instant(connection, NOW - SECOND) == NOW + 1
    with ledger.read() as connection:
        known = {row["source_id"]: row["known_at"] for row in records.snapshot(connection).tail}
        assert known == {"before": NOW, "after": NOW + 1}
        found = records.tail_since(connection, {(AZURE, arrival), (AZURE, 0), ("another", 0)})
        assert {run: [record.source_id for record in those] for run, those in found.items()} == {
            (AZURE, arrival): ["after"],
            (AZURE, 0): ["before", "after"],
            ("another", 0): [],
        }


def test_an_acceptor_waits_until_a_run_has_fixed_its_instant(ledger: Ledger) -> None:
    """Otherwise a record could be stamped before the run, yet become visible only after it."""
    fixing, accepted = Event(), Event()

    def accept() -> int:
        fixing.wait(10)
        with ledger.write() as connection:
            stamped = instants.accept_instant(connection, NOW - SECOND)
            accepted.set()
            return stamped

    with ThreadPoolExecutor(1) as pool:
        stamped = pool.submit(accept)
        with ledger.write() as connection:
            instants.fix_instant(connection, NOW)
            fixing.set()
            assert not accepted.wait(0.2)
        assert stamped.result(10) == NOW + 1


def a_part(path: str, *, bucket: str = "9a", bulk: bool = False) -> Part:
    return Part(bucket, path, "base", 3, NOW - 9, NOW, NOW, tied=False, derived="d1", fields={"sfa.plan": (NOW - 9, NOW)}, newest={"product": NOW})


def test_the_manifest(ledger: Ledger) -> None:
    with ledger.write() as connection:
        records.add_parts(connection, [a_part("9a/one"), a_part("9a/two"), a_part("ff/one", bucket="ff")], arrival=5, bulk=False)
        assert records.newest_bulk(connection) == 0
        records.add_parts(connection, [a_part("9a/bulk")], arrival=6, bulk=True)
        assert records.newest_bulk(connection) == 6
        assert records.provenance(connection, ["9a/one", "9a/two"]) == (5, False)
        assert records.provenance(connection, ["9a/one", "9a/bulk"]) == (6, True)
        records.retire_parts(connection, ["9a/one", "ff/one"], NOW)
    with ledger.write() as connection:
        assert records.live_parts(connection) == [a_part("9a/two"), a_part("9a/bulk")]
        assert [part.path for part in records.snapshot(connection, ["ff"]).parts] == []
        assert records.forget_retired(connection, NOW) == []
        assert sorted(records.forget_retired(connection, NOW + 1)) == ["9a/one", "ff/one"]
        assert records.forget_retired(connection, NOW + 1) == []


def test_moved_rows_leave_the_snapshot_and_are_forgotten_later(ledger: Ledger) -> None:
    with ledger.write() as connection:
        records.append_tail(connection, [a_record(source_id=str(number)) for number in range(1200)], NOW)
        ids = [int(row["id"]) for row in records.snapshot(connection).tail]
        records.mark_moved(connection, ids[:1100], NOW)
    with ledger.write() as connection:
        assert len(records.snapshot(connection).tail) == 100
        assert len(records.tail_since(connection, {(AZURE, 0)})[AZURE, 0]) == 1200
        records.forget_moved(connection, NOW)
        assert len(records.tail_since(connection, {(AZURE, 0)})[AZURE, 0]) == 1200
        records.forget_moved(connection, NOW + 1)
        assert len(records.tail_since(connection, {(AZURE, 0)})[AZURE, 0]) == 100
        assert instants.arrival(connection) == ids[-1]


def test_loads_files_and_quarantine(ledger: Ledger) -> None:
    refused = {"file": "a.csv", "line": 3, "reason": "no_time", "body": "{}"}
    with ledger.write() as connection:
        assert not records.was_loaded(connection, "sfa")
        for minute, until in enumerate((NOW, NOW - 5)):
            records.add_load(connection, LoadRow("sfa", NOW + minute, until, 4, 3, 1, 0, 0.5))
        for digest in ("d1", "d2"):
            records.remember_files(connection, "sfa", [("a.csv", 10, digest)])
        assert [records.add_quarantine(connection, "sfa", [refused], NOW) for _ in range(2)] == [1, 0]
    with ledger.read() as connection:
        assert records.was_loaded(connection, "sfa")
        assert (records.coverage(connection, NOW - 1), records.coverage(connection, NOW + 1)) == ({}, {"sfa": NOW})
        assert records.last_loads(connection) == [LoadRow("sfa", NOW + 1, NOW - 5, 4, 3, 1, 0, 0.5)]
        assert records.known_files(connection, "sfa") == {"a.csv": "d2"}
        assert records.count_quarantine(connection) == {"sfa": 1}


# --- decisions --------------------------------------------------------------------------------------------------------


def a_decision(account: str = AZURE, **changes: object) -> dict[str, object]:
    return {
        "slot": "nightly/2026-04-07",
        "account_id": account,
        "rule": "next-setting",
        "lane": "push",
        "decided_at": NOW,
        "outcome": "won",
        "reason": None,
        "detail": None,
        "trace": "{}",
        "rule_set": "r1",
        "touch_id": "t1",
        **changes,
    }


def test_a_slot_keeps_the_instant_of_its_first_run(ledger: Ledger) -> None:
    with ledger.write() as connection:
        first = decisions.open_slot(connection, "nightly", "2026-04-07", NOW, "r1", NOW)
    with ledger.write() as connection:
        assert decisions.open_slot(connection, "nightly", "2026-04-07", NOW + 9, "r2", NOW + 9) == first
        decisions.finish_slot(connection, first, NOW + 10, {"won": 3, "語": "可"})
    with ledger.read() as connection:
        found = decisions.find_slot(connection, "nightly", "2026-04-07")
        assert found == replace(first, finished_at=NOW + 10, summary={"won": 3, "語": "可"})
        assert decisions.last_slots(connection, "nightly") == [found]


def test_two_schedulers_open_one_slot(ledger: Ledger) -> None:
    start = Barrier(4)

    def begin(number: int) -> decisions.Slot:
        start.wait(10)
        with ledger.write() as connection:
            return decisions.open_slot(connection, "nightly", "2026-04-07", NOW + number, "r1", NOW)

    with ThreadPoolExecutor(4) as pool:
        slots = list(pool.map(begin, range(4)))
    assert len(set(slots)) == 1


def test_first_decisions_go_in_whole_or_not_at_all(ledger: Ledger) -> None:
    odd = a_decision("midori", rule="タブ\tと\\改行\n", reason="paused", touch_id=None, detail='"\\N"')
    with ledger.write() as connection:
        decisions.add_first_decisions(connection, [a_decision(), odd])
        decisions.add_first_decisions(connection, [])
    with pytest.raises(IntegrityError), ledger.write() as connection:
        decisions.add_first_decisions(connection, [a_decision("shiro"), a_decision(outcome="lost")])
    with ledger.read() as connection:
        assert decisions.decided_in(connection, "nightly/2026-04-07") == {AZURE, "midori"}
        (row,) = decisions.decisions_of(connection, "midori")
        assert {name: row[name] for name in odd} == odd


def test_a_decision_is_stored_once(ledger: Ledger) -> None:
    with ledger.write() as connection:
        decisions.keep_rule_set(connection, "r1", {"rules/a.yaml": "x"}, NOW)
        decisions.keep_rule_set(connection, "r1", {"rules/a.yaml": "x"}, NOW)
        decisions.add_decisions(connection, [a_decision(), a_decision("midori", outcome="gated", reason="paused", touch_id=None)])
        decisions.add_decisions(connection, [a_decision(outcome="lost"), a_decision("shiro", outcome="gated", reason="paused", touch_id=None)])
        decisions.add_decisions(connection, [])
    with ledger.read() as connection:
        (row,) = decisions.decisions_of(connection, AZURE)
        assert row["outcome"] == "won"
        assert decisions.decisions_of(connection, AZURE, "nightly/2026-04-06") == []
        assert decisions.decided_accounts(connection, "nightly/2026-04-07", [AZURE, "nobody"]) == {AZURE}
        assert decisions.count_outcomes(connection, "nightly/2026-04-07") == [("next-setting", "paused", 2), ("next-setting", "won", 1)]


# --- touches ----------------------------------------------------------------------------------------------------------


def test_a_key_is_taken_while_its_touch_lives_and_free_when_it_was_dropped(ledger: Ledger) -> None:
    with ledger.write() as connection:
        touches.add_touches(connection, [a_touch("t1"), a_touch("t2"), a_touch("t1", ordinal=2)])
        assert [touch.id for touch in touches.touches_of(connection, [AZURE])] == ["t1"]
        touches.claim(connection, ["t1"], "w", NOW, LEASE, 8)
        touches.finish(connection, "w", State.CLAIMED, NOW, {"t1": {"state": State.DROPPED, "reason": "no_longer_true"}})
        touches.add_touches(connection, [a_touch("t2")])
    with ledger.read() as connection:
        assert [(touch.id, touch.state) for touch in touches.touches_of(connection, [AZURE])] == [("t1", "dropped"), ("t2", "pending")]
        assert [touch.id for touch in touches.counted_touches(connection, [AZURE])[AZURE]] == ["t2"]


def test_a_claim_takes_what_is_due_once_and_no_more_than_a_wave(ledger: Ledger) -> None:
    ids = [f"t{number}" for number in range(5)]
    with ledger.write() as connection:
        touches.add_touches(connection, [a_touch(each, account=each) for each in ids])
        assert touches.claim(connection, ids, "early", NOW - 1, LEASE, 8) == []
        taken = touches.claim(connection, ids, "one", NOW, LEASE, 3)
        assert [(touch.id, touch.state, touch.attempt) for touch in taken] == [(each, "claimed", 1) for each in ids[:3]]
        assert [touch.id for touch in touches.claim(connection, ids, "two", NOW, LEASE, 3)] == ids[3:]
        assert touches.claim(connection, ids, "three", NOW, LEASE, 3) == []


def test_workers_that_claim_at_once_share_and_never_both_get_one(ledger: Ledger) -> None:
    ids = [f"t{number:02d}" for number in range(64)]
    with ledger.write() as connection:
        touches.add_touches(connection, [a_touch(each, account=each) for each in ids])
    start = Barrier(4)

    def work(name: str) -> list[str]:
        start.wait(10)
        mine: list[str] = []
        for _ in ids:
            with ledger.write() as connection:
                mine += [touch.id for touch in touches.claim(connection, ids, name, NOW, LEASE, 8)]
        return mine

    with ThreadPoolExecutor(4) as pool:
        taken = [touch for mine in pool.map(work, "abcd") for touch in mine]
    assert sorted(taken) == ids


def test_a_touch_goes_its_way(ledger: Ledger) -> None:
    with ledger.write() as connection:
        touches.add_touches(connection, [a_touch()])
        assert waiting.due_ids(connection, NOW, NOW - 30 * SECOND, 10, Queue("mail", "mail")) == ["t1"]
        assert waiting.due_ids(connection, NOW, NOW - 30 * SECOND, 10, Queue("crm", "crm")) == []
        waiting.mark_rung(connection, ["t1"], NOW)
        assert waiting.due_ids(connection, NOW + SECOND, NOW - 29 * SECOND, 10, Queue("mail", "mail")) == []
        (touch,) = touches.claim(connection, ["t1"], "w", NOW, LEASE, 8)
        to_sato = replace(touch, contact_id="sato", address="sato@aozora.example.jp")
        assert not touches.begin_sending(connection, [(touch, b"x")], "other", NOW, LEASE)
        assert touches.begin_sending(connection, [(to_sato, b"letter \xff")], "w", NOW, LEASE)
        assert touches.messages_of(connection, ["t1"]) == {"t1": b"letter \xff"}
        assert touches.messages_of(connection, ["t1", "t9"]) == {"t1": b"letter \xff"}
        assert not touches.finish(connection, "other", State.SENDING, NOW, {"t1": {"state": State.SENT}})
        assert touches.finish(connection, "w", State.SENDING, NOW, {"t1": {"state": State.SENT, "sent_at": NOW, "window_last_day": 20_551}})
        (sent,) = touches.get_touches(connection, ["t1"])
        assert (sent.state, sent.sent_at, sent.window_last_day, sent.address) == ("sent", NOW, 20_551, "sato@aozora.example.jp")
        assert (touches.count_states(connection), waiting.count_due(connection, NOW), waiting.next_due(connection)) == ({"sent": 1}, 0, None)


def test_only_the_first_in_turn_are_rung_for_until_they_were_looked_at(ledger: Ledger) -> None:
    ids, ago, mail = [f"t{number}" for number in range(5)], NOW - 30 * SECOND, Queue("mail", "mail")
    with ledger.write() as connection:
        touches.add_touches(connection, [a_touch(each, account=each) for each in ids])
        waiting.mark_rung(connection, waiting.due_ids(connection, NOW, ago, 2, mail), NOW)
        assert waiting.due_ids(connection, NOW, ago, 2, mail) == [], "both are rung for, and a third would only wait behind them"
        assert waiting.due_ids(connection, NOW + SECOND, NOW + SECOND, 2, mail) == ["t0", "t1"], "their message may be lost"
        touches.claim(connection, ["t0"], "w", NOW, LEASE, 8)
        assert waiting.due_ids(connection, NOW, ago, 2, mail) == ["t2"]


def plan_of(ledger: Ledger, act: Callable[[Connection], object]) -> str:
    """How the store would go about the statements of an act."""
    asked: list[tuple[str, object]] = []
    with ledger.write() as connection:
        event.listen(connection, "before_cursor_execute", lambda _connection, _cursor, statement, values, *_: asked.append((statement, values)))
        act(connection)
        steps = [] if ledger.is_sqlite else [("SET LOCAL enable_seqscan = off", None)]  # of so few rows PostgreSQL would read all
        explain, found = "EXPLAIN QUERY PLAN" if ledger.is_sqlite else "EXPLAIN", list[str]()
        for statement, values in [*steps, *((f"{explain} {statement}", values) for statement, values in asked if "SELECT" in statement)]:
            result = connection.exec_driver_sql(statement, values)
            found += [str(row) for row in result] if result.returns_rows else []
    return "\n".join(found)


def test_what_waits_is_found_by_its_own_index(ledger: Ledger) -> None:
    """A hundred thousand others may wait too, and each sweep asks."""
    assert "ix_touches_waiting" in plan_of(ledger, lambda connection: waiting.due_ids(connection, NOW, NOW, 10, Queue("mail", "mail")))
    assert "ix_touches_deadline" in plan_of(ledger, lambda connection: waiting.expire_overdue(connection, NOW))


def test_what_dead_workers_held_is_freed(ledger: Ledger) -> None:
    with ledger.write() as connection:
        touches.add_touches(connection, [a_touch(each, account=each) for each in ("t1", "t2", "t3")])
        touches.claim(connection, ["t1", "t2"], "dead", NOW, LEASE, 8)
        touches.begin_sending(connection, [(a_touch("t2", account="t2"), b"x")], "dead", NOW, LEASE)
        touches.claim(connection, ["t3"], "alive", NOW, LEASE, 8)
        touches.renew_leases(connection, "alive", ["t1", "t3"], LEASE + SECOND)
        touches.renew_leases(connection, "dead", ["t3"], LEASE + SECOND)
        assert waiting.release_expired(connection, LEASE) == waiting.Freed(0, [])
        freed = waiting.release_expired(connection, LEASE + 1)
        assert (freed.released, [(touch.id, touch.state) for touch in freed.unknown]) == (1, [("t2", "unknown")])
        assert [touch.state for touch in touches.get_touches(connection, ["t1", "t2", "t3"])] == ["pending", "unknown", "claimed"]


def test_renewing_leases_and_ending_touches_wait_for_each_other_in_one_order(ledger: Ledger) -> None:
    """The heartbeat renews what the wave is ending, whatever order the rows lie in; in two orders each would wait for the other for ever."""
    with ledger.write() as connection:
        touches.add_touches(connection, [a_touch(each, account=each) for each in ("t2", "t1")])
        touches.claim(connection, ["t1", "t2"], "w", NOW, LEASE, 8)

    def renew() -> set[str]:
        with ledger.write() as connection:
            return touches.renew_leases(connection, "w", ["t1", "t2"], LEASE + SECOND)

    with ThreadPoolExecutor(1) as pool:
        with ledger.write() as connection:
            assert touches.finish(connection, "w", State.CLAIMED, NOW, {"t1": {"state": State.DROPPED}})
            kept = pool.submit(renew)
            assert not wait([kept], timeout=0.2).done
            assert touches.finish(connection, "w", State.CLAIMED, NOW, {"t2": {"state": State.DROPPED}})
        assert kept.result(30) == set()


def test_a_reply_that_came_after_the_lease_settles_what_was_unknown(ledger: Ledger) -> None:
    """Once, and only the attempt that it answers."""
    with ledger.write() as connection:
        touches.add_touches(connection, [a_touch()])
        (touch,) = touches.claim(connection, ["t1"], "slow", NOW, LEASE, 8)
        touches.begin_sending(connection, [(touch, b"x")], "slow", NOW, LEASE)
        assert not touches.settle(connection, "t1", 1, NOW, state=State.SENT, sent_at=NOW)
        waiting.release_expired(connection, LEASE + 1)
        assert not touches.settle(connection, "t1", 2, NOW, state=State.SENT, sent_at=NOW)
        assert [touches.settle(connection, "t1", 1, NOW, state=State.SENT, sent_at=NOW) for _ in range(2)] == [True, False]


def test_what_was_not_handed_over_is_taken_back_by_its_worker_only(ledger: Ledger) -> None:
    with ledger.write() as connection:
        touches.add_touches(connection, [a_touch(each, account=each) for each in ("t1", "t2")])
        for touch in touches.claim(connection, ["t1", "t2"], "w", NOW, LEASE, 8):
            touches.begin_sending(connection, [(replace(touch, window_last_day=20_551), b"x")], "w", NOW, LEASE)
        touches.take_back(connection, ["t1"], "other")
        assert [touch.state for touch in touches.get_touches(connection, ["t1", "t2"])] == ["sending", "sending"]
        touches.take_back(connection, ["t1"], "w")
        first, second = touches.get_touches(connection, ["t1", "t2"])
        assert (first.state, first.begun_at, first.window_last_day) == ("pending", None, None)
        assert (second.state, second.begun_at) == ("sending", NOW)


def test_what_was_refused_counts_and_what_could_not_be_written_does_not(ledger: Ledger) -> None:
    with ledger.write() as connection:
        reasons = {"t1": "refused", "t2": "unwritable", "t3": "bounced"}
        touches.add_touches(
            connection,
            [replace(a_touch(each, ordinal=number), state=State.FAILED, reason=why) for number, (each, why) in enumerate(reasons.items(), 1)],
        )
        assert [touch.id for touch in touches.counted_touches(connection, [AZURE])[AZURE]] == ["t1"]
        assert touches.count_reasons(connection) == {"failed": {"refused": 1, "unwritable": 1, "bounced": 1}}


def test_claims_given_back_are_pending_and_nothing_else_is(ledger: Ledger) -> None:
    with ledger.write() as connection:
        touches.add_touches(connection, [a_touch(each, account=each) for each in ("t1", "t2", "t3")])
        touches.claim(connection, ["t1"], "other", NOW, LEASE, 8)
        touches.claim(connection, ["t2", "t3"], "w", NOW, LEASE, 8)
        touches.begin_sending(connection, [(a_touch("t3", account="t3"), b"x")], "w", NOW, LEASE)
        touches.release(connection, ["t1", "t2", "t3"], "w")
        assert [touch.state for touch in touches.get_touches(connection, ["t1", "t2", "t3"])] == ["claimed", "pending", "sending"]


def test_what_is_overdue_expires(ledger: Ledger) -> None:
    deadline = a_touch().deadline
    with ledger.write() as connection:
        touches.add_touches(connection, [a_touch()])
        assert [waiting.expire_overdue(connection, now) for now in (deadline, deadline + 1, deadline + 2)] == [0, 1, 0]


# --- holds ------------------------------------------------------------------------------------------------------------


def test_pauses(ledger: Ledger) -> None:
    pause = Pause("rule", "next-setting", "見直し中", NOW + 100)
    with ledger.write() as connection:
        holds.add_pause(connection, pause, "ops", NOW)
        assert [holds.pauses_at(connection, at_) for at_ in (NOW - 1, NOW, NOW + 99, NOW + 100)] == [[], [pause], [pause], []]
        assert [holds.pauses_now(connection, at_) for at_ in (NOW - 1, NOW + 99, NOW + 100)] == [[pause], [pause], []], "another's clock is ahead"
        assert holds.lift_pauses(connection, "rule", "readiness", NOW + 50) == 0
        assert [holds.lift_pauses(connection, "rule", "next-setting", NOW + 50) for _ in range(2)] == [1, 0]
        assert [holds.pauses_at(connection, at_) for at_ in (NOW + 49, NOW + 50)] == [[pause], []]
        assert holds.pauses_now(connection, NOW + 49) == []


def test_suppressions(ledger: Ledger) -> None:
    with ledger.write() as connection:
        for kind, now in (("bounced", NOW), ("opted_out", NOW + 5), ("opted_out", NOW + 7)):
            holds.suppress(connection, "Tanaka@Example.jp", kind, "why", now)
        asked: Callable[[int], object] = lambda now: holds.suppressed_at(connection, ["TANAKA@example.jp", "sato@example.jp"], now)  # noqa: E731  # one line says it
        assert asked(NOW - 1) == {}
        assert asked(NOW) == {"tanaka@example.jp": {"bounced"}}
        assert asked(NOW + 5) == {"tanaka@example.jp": {"bounced", "opted_out"}}
        assert [holds.lift_suppression(connection, "tanaka@EXAMPLE.jp", "bounced", NOW + 9) for _ in range(2)] == [1, 0]
        assert asked(NOW + 9) == {"tanaka@example.jp": {"opted_out"}}
        assert holds.suppressed_now(connection, ["TANAKA@example.jp", "sato@example.jp"]) == {"tanaka@example.jp": {"opted_out"}}
        assert holds.lift_suppression(connection, "tanaka@example.jp", "opted_out", NOW + 10) == 1
        assert asked(NOW + 10) == {}
        holds.suppress(connection, "tanaka@example.jp", "opted_out", "again", NOW + 11)
        assert asked(NOW + 11) == {"tanaka@example.jp": {"opted_out"}}


def test_signs_of_life(ledger: Ledger) -> None:
    with ledger.write() as connection:
        for now in (NOW, NOW + 5):
            holds.worker_seen(connection, "w1", "worker", now)
        holds.worker_seen(connection, "w2", "scheduler", NOW)
        assert [row["name"] for row in holds.workers_alive(connection, NOW + 1)] == ["w1"]


def test_leases(ledger: Ledger) -> None:
    with ledger.write() as connection:
        assert leases.take_lease(connection, "lake", "one", NOW, NOW + 10) is None
        assert leases.take_lease(connection, "lake", "two", NOW + 9, NOW + 20) == "one"
        assert leases.take_lease(connection, "lake", "one", NOW + 9, NOW + 20) is None
        leases.give_lease_back(connection, "lake", "two")
        assert leases.take_lease(connection, "lake", "two", NOW + 9, NOW + 20) == "one"
        assert leases.take_lease(connection, "lake", "two", NOW + 20, NOW + 30) is None
        leases.give_lease_back(connection, "lake", "two")
        assert leases.take_lease(connection, "lake", "one", NOW + 21, NOW + 30) is None


def test_of_many_that_reach_for_a_lease_at_once_one_gets_it(ledger: Ledger) -> None:
    start = Barrier(4)

    def take(name: str) -> bool:
        start.wait(10)
        with ledger.write() as connection:
            return leases.take_lease(connection, "lake", name, NOW, NOW + 10) is None

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(take, "abcd")) == 1


# --- a whole night on it ----------------------------------------------------------------------------------------------


def test_a_night_and_a_morning(url: str, tmp_path: Path, inbox: Inbox) -> None:
    with closing(Story(tmp_path, smtp_url=inbox.url, ledger_url=url)) as story:
        for number in range(12):
            story.given(a_stalled_customer(f"c{number:02d}"))
        story.given(a_record("product.settings_completed", account="c03", at="2026-04-06 10:00"))
        story.nightly("2026-04-07 02:00")
        story.given(a_record("product.settings_completed", account="c05", at="2026-04-07 08:00"))
        story.nightly("2026-04-07 08:30")
        counts = story.dispatch("2026-04-07 09:00")
        story.nightly("2026-04-08 02:00")
        assert counts == {"sent": 10, "dropped": 1}
        assert (len(inbox.mails), set(inbox.times_taken().values())) == (10, {1})
        assert story.decisions("c00")["next-setting"] == ("gated", "again", "after:2026-04-14")
