"""A morning of real processes whose course a test writes itself: a night decided, the fleet sends, and afterwards it is counted as in a soak."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from tests.soak.checker import LIVE, OWN, rows_of
from tests.soak.fleet import Fleet
from tests.soak.run import Outcome, Soak

TICK_SECONDS = 0.05
PATIENCE_SECONDS = 240  # of a machine on which everything else runs too


class Morning(Soak):
    """The same order, servers and checker as a soak, and no nemesis."""

    fleet: Fleet

    def begin(self, settings: Mapping[str, str] | None = None) -> None:
        """The night decides, relay and clock stand at nine, and the fleet is ready to be kept."""
        self._decide()
        self.fleet = self._begin_storm()
        self.fleet.settings = {**self.fleet.settings, **(settings or {})}
        self.now()

    def close(self) -> None:
        if hasattr(self, "fleet"):
            self.fleet.end()
        super().close()

    def now(self) -> int:
        """The instant at which the processes are; the story's system is brought to it."""
        self.story.clock.set(time.time_ns() // 1000 + self.moved_by)
        return self.story.clock.now()

    def until(self, seen: Callable[[], object]) -> None:
        """Keep the fleet until something is to be seen."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not seen():
            assert time.monotonic() < end, f"it never came: {self.states()}, {self.sink.entries()} taken"
            self.fleet.keep()
            self.now()
            time.sleep(TICK_SECONDS)

    def until_taken(self, number: int) -> None:
        self.until(lambda: self.sink.entries() >= number)

    def until_all_is_sent(self) -> None:
        self.until(lambda: not self._left())

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return rows_of(self.story.config.ledger, query)

    def states(self) -> dict[str, int]:
        return dict(self.rows("SELECT state, count(*) FROM touches GROUP BY state"))

    def held(self) -> int:
        """Touches in somebody's hands."""
        return sum(number for state, number in self.states().items() if state in LIVE - {"pending", "unknown"})

    def pids_at_work(self) -> set[int]:
        """Whoever holds touches, in the fleet or not."""
        return {int(name.rsplit("-", 2)[1]) for (name,) in self.rows("SELECT DISTINCT owner FROM touches WHERE owner IS NOT NULL")}

    def held_by(self, pid: int) -> list[tuple[Any, ...]]:
        """(id, leased_until) of what a process holds."""
        return self.rows(f"SELECT id, leased_until FROM touches WHERE owner LIKE '%-{pid}-%'")

    def taken(self) -> set[str]:
        """The Message-IDs that the relay took."""
        entries = [line.split(" ")[:2] for line in self.sink.journal.read_text(encoding="ascii").splitlines()]
        return {message_id for verb, message_id in entries if verb == "taken" and not message_id.startswith(OWN)}

    def over(self) -> Outcome:
        """Everybody is ended; it is counted, and again after the calm if anything is not at rest."""
        self.fleet.end()
        self._end_storm()
        if self._not_at_rest():
            self._calm()
        return self.outcome
