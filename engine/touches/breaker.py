"""When to leave a receiver alone: failures in a row open its breaker, for longer each time; the first letter that is taken closes it."""

import re
from dataclasses import dataclass
from typing import Literal

from engine.calendar import MINUTE, SECOND

Trouble = Literal["relay", "domain"]
LIMITS: dict[Trouble, int] = {"relay": 3, "domain": 5}  # failures in a row
SHORTEST = 30 * SECOND
LONGEST = 15 * MINUTE
CLOSING = re.compile(r"421\b")  # RFC 5321 3.8: the server closes the channel
POLICY = re.compile(r"[45]\d\d[ -][45]\.7\.\d+\b")  # RFC 3463 3.8: security or policy, thus about us and not about one mailbox
CODE = re.compile(r"\d{3}\b")


@dataclass(frozen=True)
class Breaker:
    """How often in a row a receiver failed, and until which instant it is left alone; 0 while it is not."""

    name: str
    failures: int = 0
    open_until: int = 0
    reason: str = ""

    def failed(self, now: int, reason: str) -> "Breaker":
        """One failure more. Opens at the limit, and from then on at each failure, for twice as long each time."""
        failures = self.failures + 1
        over = failures - LIMITS["relay" if self.name.startswith("relay:") else "domain"]
        until = now + min(SHORTEST * 2 ** min(over, 10), LONGEST) if over >= 0 else self.open_until
        return Breaker(self.name, failures, until, reason)


def trouble_of(kind: str, text: str) -> Trouble | None:
    """Whom a reply speaks against: the relay that broke, closed or objects to us; the domain that says not now; or nobody.

    `kind` and `text` are a reply's; one without a code is a line that broke or never was.
    """
    if kind == "sent":
        return None
    if not CODE.match(text) or CLOSING.match(text) or POLICY.match(text):
        return "relay"
    return "domain" if kind == "later" else None
