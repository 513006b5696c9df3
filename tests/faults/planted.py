"""Bugs as people make them in dispatch, each planted by a small change; a simulator that misses one is decoration."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Connection, and_, select, update

from engine.channels.letter import Reply
from engine.channels.mail.evidence import Seen
from engine.ledger import holds, waiting
from engine.ledger import records as ledger_records
from engine.ledger import touches as ledger_touches
from engine.ledger.tables import touches
from engine.pipeline import reconcile, sweep, wave
from engine.pipeline.worker import Worker
from engine.touches.touch import State
from tests.faults.town import AWAY

AWAY_OFTEN = 0.03  # for a bug that shows only when the store goes away between two of its calls

Plant = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Bug:
    plant: Plant
    first: int = 0  # the seed at which the search begins: some bugs need more than one misfortune
    away: float = AWAY  # how often the store is

    @property
    def name(self) -> str:
        return self.plant.__name__


def claims_what_is_claimed(patch: pytest.MonkeyPatch) -> None:
    """Two workers take the same touch: the claim does not ask for the state."""

    def claim(connection: Connection, ids: Sequence[str], owner: str, _now: int, until: int, limit: int) -> Any:
        open_ones = touches.c.state.in_([State.PENDING, State.CLAIMED])
        taken = list(connection.scalars(select(touches.c.id).where(touches.c.id.in_(ids), open_ones).limit(limit)))
        change = {"state": State.CLAIMED, "owner": owner, "leased_until": until, "attempt": touches.c.attempt + 1}
        connection.execute(update(touches).where(touches.c.id.in_(taken)).values(**change))
        return ledger_touches.get_touches(connection, taken)

    def held_by(connection: Connection, ids: Sequence[str], _owner: str, *states: State, **_: Any) -> list[str]:
        known = touches.c.state.in_([*states, State.SENDING, State.SENT])
        return list(connection.scalars(select(touches.c.id).where(touches.c.id.in_(ids), known)))

    patch.setattr(ledger_touches, "claim", claim)
    patch.setattr(ledger_touches, "_held_by", held_by)


def no_fence(patch: pytest.MonkeyPatch) -> None:
    """Whoever comes back from a long pause begins to send, although another has taken the touch since."""

    patch.setattr(ledger_touches, "_held_by", lambda _connection, ids, *_owner_and_states, **_: list(ids))


def hands_over_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    """The letter goes out first, and `sending` is written afterwards."""
    honest = wave._begin_sending

    def begin(worker: Any, offered: Sequence[Any]) -> Any:
        replies = {each.touch.id: each.transport.hand_over(each.letter, lambda: True) for each in offered}
        begun, hindered = honest(worker, offered)
        return [wave.Offered(each.touch, each.letter, Answered(replies[each.touch.id])) for each in begun], hindered

    patch.setattr(wave, "_begin_sending", begin)


@dataclass
class Answered:
    reply: Reply

    def hand_over(self, _letter: Any, _in_time: Any) -> Reply:
        return self.reply


def sends_again_what_is_unclear(patch: pytest.MonkeyPatch) -> None:
    """A line that broke after the final dot is taken for a `later`."""
    honest = wave._change
    patch.setattr(wave, "_change", lambda worker, touch, reply: honest(worker, touch, Reply("later", "450") if reply.kind == "unclear" else reply))


def frees_what_is_being_sent(patch: pytest.MonkeyPatch) -> None:
    """A send whose lease ran out goes back to pending like any claim."""
    honest = waiting.release_expired

    def release(connection: Connection, now: int) -> Any:
        dead = and_(touches.c.state == State.SENDING, touches.c.leased_until < now)
        connection.execute(update(touches).where(dead).values(state=State.PENDING, **ledger_touches.RELEASED))
        return honest(connection, now)

    patch.setattr(waiting, "release_expired", release)


def takes_back_what_was_handed_over(patch: pytest.MonkeyPatch) -> None:
    """When the store is away after a hand-over, the whole wave is called not sent."""
    honest = wave._hand_over

    def hand_over(worker: Any, begun: Sequence[Any]) -> Any:
        try:
            yield from honest(worker, begun)
        except wave.StoreError:
            wave._take_back(worker, [each.touch.id for each in begun])

    patch.setattr(wave, "_hand_over", hand_over)
    patch.setattr(wave, "STORE_AGAIN", ())


def asks_for_wishes_too_early(patch: pytest.MonkeyPatch) -> None:
    """Suppressed addresses are asked for before the claim's long way, not in the transaction that writes `sending`."""
    patch.setattr(holds, "suppressed_now", lambda _connection, _addresses: {})


def asks_by_its_own_clock(patch: pytest.MonkeyPatch) -> None:
    """Wishes and pauses count from when they began, by a clock that was read before the transaction was waited for."""
    seen, honest = [0], Worker.leased_from

    def leased_from(worker: Worker, moment: float) -> None:
        seen[0] = worker.system.clock.now()
        honest(worker, moment)

    patch.setattr(Worker, "leased_from", leased_from)
    patch.setattr(holds, "suppressed_now", lambda connection, addresses: holds.suppressed_at(connection, addresses, seen[0]))
    patch.setattr(holds, "pauses_now", lambda connection, _now: holds.pauses_at(connection, seen[0]))


def sends_through_a_pause(patch: pytest.MonkeyPatch) -> None:
    """A pause is only asked for when the night decides."""
    for asked in ("pauses_now", "pauses_at"):  # in the transaction that writes `sending`, and in the re-check
        patch.setattr(holds, asked, lambda _connection, _instant: [])


def leaves_dead_claims(patch: pytest.MonkeyPatch) -> None:
    """Nobody frees what a dead worker had claimed."""
    patch.setattr(waiting, "release_expired", lambda _connection, _now: waiting.Freed(0, []))


def rings_once(patch: pytest.MonkeyPatch) -> None:
    """What was rung for is never rung for again: a lost message is a lost touch."""
    honest = waiting.due_ids
    patch.setattr(waiting, "due_ids", lambda connection, now, _before, limit, queue: honest(connection, now, 0, limit, queue))
    patch.setattr(ledger_touches, "RELEASED", {"owner": None, "leased_until": None})


def forgets_the_record(patch: pytest.MonkeyPatch) -> None:
    """The record of having sent comes in a transaction of its own, which may never be."""
    honest = wave._end_once

    def end(worker: Any, ends: Sequence[Any]) -> Any:
        told: list[Any] = []
        patch.setattr(ledger_records, "append_tail", lambda _connection, records, _now: told.extend(records))
        try:
            states = honest(worker, ends)
        finally:
            patch.setattr(ledger_records, "append_tail", append)
        with worker.system.ledger.write() as connection:
            append(connection, told, worker.system.clock.now())
        return states

    append = ledger_records.append_tail
    patch.setattr(wave, "_end_once", end)


def believes_an_incomplete_log(patch: pytest.MonkeyPatch) -> None:
    """What is not in the relay's log yet is called not sent while it may still be handed over."""
    patch.setattr(reconcile, "SKEW", -10 * 86_400 * 1_000_000)
    patch.setattr("tests.faults.parts.RelayLog.look", lambda self, _message_ids: Seen(frozenset(), 0, self.relay.baton.now))


def writes_anew_each_time(patch: pytest.MonkeyPatch) -> None:
    """A retry is rendered again instead of sending the frozen bytes."""
    patch.setattr(ledger_touches, "messages_of", lambda _connection, _ids: {})


def expires_what_is_under_way(patch: pytest.MonkeyPatch) -> None:
    """A touch that became unknown is closed as failed by the sweep, to have tidy books."""
    honest = sweep.sweep

    def tidy(system: Any, ring: Any) -> Any:
        with system.ledger.write() as connection:
            connection.execute(update(touches).where(touches.c.state == State.UNKNOWN).values(state=State.FAILED))
        return honest(system, ring)

    patch.setattr("tests.faults.town.sweep", tidy)


# The search begins shortly before the seed at which the bug showed last, to spend no minute on mornings that are known.
BUGS = [
    Bug(claims_what_is_claimed, first=7),
    Bug(no_fence, first=29),
    Bug(hands_over_before_the_commit),
    Bug(sends_again_what_is_unclear, first=31),
    Bug(frees_what_is_being_sent, first=6),
    Bug(takes_back_what_was_handed_over, first=41, away=AWAY_OFTEN),
    Bug(asks_for_wishes_too_early),
    Bug(asks_by_its_own_clock, first=165),
    Bug(sends_through_a_pause, first=62),
    Bug(leaves_dead_claims, first=1),
    Bug(rings_once),
    Bug(forgets_the_record, first=46),
    Bug(believes_an_incomplete_log, first=6),
    Bug(writes_anew_each_time, first=2),
    Bug(expires_what_is_under_way),
]
