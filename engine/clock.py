"""The only place that reads the time. Doors make a clock and hand it down; nothing else asks what time it is.

An instant is a whole number of microseconds since 1970-01-01T00:00Z, so that SQL, Python and Parquet agree to the last digit.
"""

import time
from dataclasses import dataclass
from typing import Protocol


class Clock(Protocol):
    """Tells the present instant in microseconds since the epoch, UTC, measures durations in seconds, and waits."""

    def now(self) -> int: ...

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True)
class SystemClock:
    """The machine's clock, moved by a fixed distance when old logs are rehearsed (`--at`)."""

    moved_by: int = 0

    def now(self) -> int:
        return time.time_ns() // 1000 + self.moved_by

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    @classmethod
    def starting_at(cls, instant: int) -> "SystemClock":
        """A clock that shows `instant` now and runs on from there."""
        return cls(moved_by=instant - time.time_ns() // 1000)


def monotonic_seconds() -> float:
    """Seconds for measuring durations; never goes back."""
    return time.monotonic()
