"""Who breaks what and when: by chance from a seed, or at agreed moments of a small run."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

Act = Literal["kill", "kill scheduler", "freeze", "flush", "kill broker", "restart ledger"]
Span = tuple[float, float]  # seconds between two acts, at least and at most
EVERY: dict[Act, Span] = {
    "kill scheduler": (20, 60),
    "freeze": (20, 60),
    "flush": (20, 40),
    "kill broker": (30, 60),
    "restart ledger": (30, 60),
}


class Nemesis(Protocol):
    def due(self, seconds: float, taken: int) -> list[Act]:
        """What is to happen now, so long after the start, with so many letters handed over."""
        ...

    def draw(self, number: int) -> int:
        """Which of so many it hits."""
        ...


@dataclass
class ByChance:
    """Acts at drawn distances. The seed draws the same distances and victims each time; how they meet the processes is the machine's."""

    seed: int
    kills: Span
    _random: random.Random = field(init=False)
    _next: dict[Act, float] = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._spans: dict[Act, Span] = {"kill": self.kills, **EVERY}
        self._next = {act: self._random.uniform(*span) for act, span in self._spans.items()}

    def due(self, seconds: float, taken: int) -> list[Act]:
        now: list[Act] = [act for act, at in self._next.items() if at <= seconds]
        self._next.update({act: seconds + self._random.uniform(*self._spans[act]) for act in now})
        return now

    def draw(self, number: int) -> int:
        return self._random.randrange(number)


@dataclass
class ByProgress:
    """Each act as soon as so many letters were handed over."""

    acts: Sequence[tuple[int, Act]]
    _done: int = 0

    def due(self, seconds: float, taken: int) -> list[Act]:
        now = [act for at, act in self.acts[self._done :] if at <= taken]
        self._done += len(now)
        return now

    def draw(self, number: int) -> int:
        return self._done % number
