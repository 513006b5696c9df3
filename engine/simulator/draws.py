"""Random numbers that belong to a (company, day, purpose) and not to a moment in a stream.

Asking for one number more or less elsewhere changes nothing here; that is what lets `effects` replay
the same days with and without a mail on the very same draws.
"""

from collections.abc import Sequence
from typing import Final, TypeVar

T = TypeVar("T")

MASK: Final = (1 << 64) - 1
# The odd constants of splitmix64: pure integer arithmetic, so equal on every machine and Python version.
GAMMA: Final = 0x9E3779B97F4A7C15
MIX_A: Final = 0xBF58476D1CE4E5B9
MIX_B: Final = 0x94D049BB133111EB
TO_UNIT: Final = 2.0**-53

# Purposes. Each names one question asked about a company's day.
HOUR: Final = 1
VISIT: Final = 3
PEOPLE: Final = 4
APPLICATION: Final = 5
STEP_TAKEN: Final = 6
CLICK: Final = 7
STEP: Final = 100
"""STEP + position is the draw that decides the day of a company in front of that step."""


def mix(value: int) -> int:
    """Scatter an integer over 64 bits."""
    value = ((value ^ (value >> 30)) * MIX_A) & MASK
    value = ((value ^ (value >> 27)) * MIX_B) & MASK
    return value ^ (value >> 31)


def company_key(seed: int, index: int) -> int:
    """Return the root of every draw of one company."""
    return mix((mix(seed & MASK) + index * GAMMA) & MASK)


def unit(key: int, day: int, purpose: int) -> float:
    """One number in [0, 1), always the same for the same three integers."""
    # `mix` written out: this is asked two or three times per company and day, and the call would cost a third of it.
    value = (key + day * GAMMA + purpose * MIX_B) & MASK
    value = ((value ^ (value >> 30)) * MIX_A) & MASK
    value = ((value ^ (value >> 27)) * MIX_B) & MASK
    return ((value ^ (value >> 31)) >> 11) * TO_UNIT


class Dice:
    """As many numbers as a story needs, all hanging on one (company, day, purpose)."""

    __slots__ = ("_state",)

    def __init__(self, key: int, day: int, purpose: int) -> None:
        self._state = mix((key + day * GAMMA + purpose * MIX_B) & MASK)

    def unit(self) -> float:
        """Return the next number in [0, 1)."""
        self._state = (self._state + GAMMA) & MASK
        return (mix(self._state) >> 11) * TO_UNIT

    def chance(self, share: float) -> bool:
        """Say yes in this share of cases."""
        return self.unit() < share

    def between(self, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`, both possible."""
        return low + int(self.unit() * (high - low + 1))

    def pick(self, choices: Sequence[T]) -> T:
        """Return one of the choices, all equally likely."""
        return choices[int(self.unit() * len(choices))]
