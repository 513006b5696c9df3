"""How fast is fast enough: a bucket that leaks, kept as the one instant until which it is full (GCRA, ATM Forum TM 4.0)."""

from engine.calendar import MINUTE

WAVE = 8  # letters that one worker brings to the point of no return together, and that a limit lets go at once


def admit(full_until: int, now: int, per_minute: int) -> tuple[int, int]:
    """(new `full_until`, wait): a wait of 0 admits one letter; else nothing changes, and after so many microseconds there is room."""
    step = MINUTE // per_minute
    ahead = max(full_until, now)
    room = now + WAVE * step
    return (ahead + step, 0) if ahead + step <= room else (full_until, ahead + step - room)
