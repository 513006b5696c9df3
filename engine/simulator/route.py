"""The route as the simulated companies walk it: how fast, how often they get stuck, how far a mail can help.

Speeds are chances per business day of a company that is not stuck; they are plausible, not measured.
"""

from dataclasses import dataclass
from typing import Final

from engine.simulator.days import BRIEFING_MONTHS, SELECTION_MONTHS

NEW_GRAD: Final = "new_grad"
MID_CAREER: Final = "mid_career"

# What decides the pace of a step, and so how far a mail to the company can change it.
COMPANY_DECIDES: Final = 1.0
CANDIDATE_DECIDES: Final = 0.3  # the company can only remind its candidates
DATE_DECIDES: Final = 0.1  # the meeting takes place on its day; a mail only prevents a forgotten record
VENDOR_DECIDES: Final = 0.0  # we issue the account; the company cannot hurry us

STUCK_PACE: Final = 0.004
"""Chance per business day for a stuck company: half of them are still there after eight months."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the route: the product event that completes it and the behaviour in front of it."""

    name: str
    event: str
    pace: float
    stuck_share: float
    leverage: float = COMPANY_DECIDES
    months: frozenset[int] | None = None
    """Months in which a new-graduate company can take the step; None for any month."""
    is_guidance: bool = False
    """Guidance opens a round: before it there are no candidates."""


def _round_of(kind: str, months: frozenset[int], slots_stuck_share: float) -> tuple[Step, ...]:
    """Five steps of meeting candidates; guidance is the big stop, the rest follows its own appointments."""
    return (
        Step(f"{kind}_guided", f"{kind}_guided", 0.15, 0.35, months=months, is_guidance=True),
        Step(f"{kind}_scheduled", f"{kind}_slots_offered", 0.25, slots_stuck_share, months=months),
        Step(f"{kind}_booked", f"{kind}_booked", 0.30, 0.08, CANDIDATE_DECIDES, months),
        Step(f"{kind}_held", f"{kind}_held", 0.30, 0.03, DATE_DECIDES, months),
        Step(f"{kind}_evaluated", f"{kind}_evaluated", 0.30, 0.15, months=months),
    )


SETUP: Final = (
    Step("account_issued", "account_issued", 0.60, 0.0, VENDOR_DECIDES),  # usually the next day
    Step("first_login", "login", 0.35, 0.12),  # some apply to several services and never come
    Step("initial_settings", "settings_completed", 0.18, 0.40),  # many screens, unknown words: the first big stop
    Step("flow_designed", "flow_published", 0.12, 0.40),  # asks for a decision on one's own process: the second
)
BRIEFING: Final = _round_of("briefing", BRIEFING_MONTHS, 0.15)
INTERVIEW: Final = _round_of("interview", SELECTION_MONTHS, 0.20)  # needs a linked calendar, so a little harder

ROUTES: Final = {NEW_GRAD: (*SETUP, *BRIEFING, *INTERVIEW), MID_CAREER: (*SETUP, *INTERVIEW)}
"""Steps after `applied`, in order, by kind of recruiting."""

BIG_STOPS: Final = frozenset({"initial_settings", "flow_designed", "briefing_guided", "interview_guided"})
