"""The ports of banso with faults in them: clock, store, doorbell, relay and the relay's log. Everything behind them is the real thing."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from engine.calendar import SECOND
from engine.channels.letter import Letter, Reply
from engine.channels.mail.evidence import Seen
from engine.ledger.open import Ledger
from tests.faults.baton import Baton


@dataclass(frozen=True)
class BatonClock:
    """Shows what the baton says; to sleep is to let others go on."""

    baton: Baton

    def now(self) -> int:
        return self.baton.now

    def monotonic(self) -> float:
        return self.baton.uptime / SECOND

    def sleep(self, seconds: float) -> None:
        self.baton.uptime += round(seconds * SECOND)
        self.baton.now += round(seconds * SECOND)
        self.baton.step("sleep")


@dataclass(frozen=True)
class FaultyLedger(Ledger):
    """A store whose transactions may be refused, and whose commits may be done without saying so. A death comes before or after a commit."""

    baton: Baton
    away: float = 0.0

    @contextmanager
    def write(self) -> Iterator[Connection]:
        self.baton.step("begin")
        self._perhaps_away()
        with super().write() as connection:
            yield connection
            if self._dies_before_commit():
                self.baton.step("before commit")
        self.baton.step("after commit")
        self._perhaps_away()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        self.baton.step("read")
        self._perhaps_away()
        with super().read() as connection:
            yield connection

    def _perhaps_away(self) -> None:
        if self.baton.random.random() < self.away:
            raise OperationalError("any", {}, Exception("server closed the connection"))

    def _dies_before_commit(self) -> bool:
        """Nobody else may run while the write lock is held, so the only thing that can happen here is death."""
        actor = self.baton.running
        if actor is not None and self.baton.random.random() < self.baton.weather.kill:
            self.baton.doom(actor, "commit")
            return True
        return False


@dataclass
class Doorbell:
    """Messages that get lost, come twice or late."""

    baton: Baton
    loss: float = 0.0
    twice: float = 0.0
    waiting: list[list[str]] = field(default_factory=list)

    def ring(self, _channel: str, ids: list[str]) -> None:
        self.baton.step("ring")
        if self.baton.random.random() < self.loss:
            return
        for _ in range(1 + (self.baton.random.random() < self.twice)):
            self.waiting.insert(self.baton.random.randrange(len(self.waiting) + 1), ids)

    def answer(self) -> list[str] | None:
        return self.waiting.pop(0) if self.waiting else None


@dataclass(frozen=True)
class Manners:
    """How a relay behaves: how likely each bad answer is."""

    later: float = 0.0
    refused: float = 0.0
    cut_taken: float = 0.0  # takes the letter and hangs up
    cut_lost: float = 0.0  # hangs up and has not taken it


@dataclass
class Relay:
    """What the world outside received, in order; the only witness of doubled mail."""

    baton: Baton
    manners: Manners
    taken: list[str] = field(default_factory=list)  # touch ids
    bytes_of: dict[str, set[bytes]] = field(default_factory=dict)
    cuts: int = 0
    refused: set[str] = field(default_factory=set)

    def times_taken(self) -> Counter[str]:
        return Counter(self.taken)

    def _happens(self, chance: float) -> bool:
        return self.baton.random.random() < chance


@dataclass
class Line:
    """One connection to the relay."""

    relay: Relay

    def offer(self, letter: Letter) -> Reply | None:
        relay = self.relay
        relay.baton.step("rcpt")
        if relay._happens(relay.manners.refused):
            relay.refused.add(letter.touch_id)
            return Reply("refused", "550 5.7.9 not wanted")
        return Reply("later", "450 4.2.0 later") if relay._happens(relay.manners.later) else None

    def hand_over(self, letter: Letter, in_time: Callable[[], bool]) -> Reply:
        relay = self.relay
        relay.baton.step("data")
        if not in_time():
            return Reply("later", "frozen for too long")
        relay.bytes_of.setdefault(letter.touch_id, set()).add(letter.body)
        if relay._happens(relay.manners.later):
            return Reply("later", "451 4.3.0 later")
        if relay._happens(relay.manners.cut_lost):
            relay.cuts += 1
            return Reply("unclear", "timeout")
        relay.taken.append(letter.touch_id)
        relay.baton.step("final dot")
        if relay._happens(relay.manners.cut_taken):
            relay.cuts += 1
            return Reply("unclear", "connection reset")
        return Reply("sent", "250 2.0.0 ok")

    def close(self) -> None:
        """Nothing is held open."""


@dataclass
class RelayLog:
    """Evidence: the relay's own word, complete until the moment one asks."""

    relay: Relay

    def look(self, message_ids: Collection[str]) -> Seen:
        taken = set(self.relay.taken)
        return Seen(frozenset(each for each in message_ids if each.strip("<>").partition("@")[0] in taken), 0, self.relay.baton.now)


class OneHand(Executor):
    """Does at once what it is given, in the actor's own thread, so that the seed decides everything."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future
