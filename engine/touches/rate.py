"""How fast is fast enough: a bucket that leaks, kept as the one instant until which it is full (GCRA, ATM Forum TM 4.0)."""

from engine.calendar import MINUTE

BURST = 8  # letters that may go at once: one wave


def admit(full_until: int, now: int, per_minute: int) -> tuple[int, int]:
    """(new `full_until`, wait): a wait of 0 admits one letter; else nothing changes, and after so many microseconds there is room."""
    step = MINUTE // per_minute
    ahead = max(full_until, now)
    room = now + BURST * step
    return (ahead + step, 0) if ahead + step <= room else (full_until, ahead + step - room)
