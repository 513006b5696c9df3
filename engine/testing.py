"""Parts that tests put in place of the real ones. A clock set by hand is the only one: everything else in tests is the real thing."""

from dataclasses import dataclass

from engine.calendar import SECOND


@dataclass
class HandClock:
    """Shows the instant it was set to, in microseconds UTC, until it is set again; time is written, never waited for."""

    instant: int = 0

    def now(self) -> int:
        return self.instant

    def monotonic(self) -> float:
        return self.instant / SECOND

    def sleep(self, seconds: float) -> None:
        self.advance(round(seconds * SECOND))

    def set(self, instant: int) -> None:
        self.instant = instant

    def advance(self, microseconds: int) -> None:
        self.instant += microseconds
