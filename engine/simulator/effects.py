"""The true effect of each mail: the same days lived again on the same draws, without that one mail."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.simulator.company import Company
from engine.simulator.days import DAY
from engine.simulator.pace import MAIL_ACTS_DAYS, Mail, day_draw, next_decision, pace


@dataclass(frozen=True, slots=True)
class Effect:
    """What one delivered mail really did."""

    account_id: str
    contact_id: str
    rule: str
    step: str
    """The step the mail spoke of."""
    at: datetime
    standing: str | None
    """The step the company had before it on arrival; None when its route was finished."""
    moved: bool
    """Was that standing step taken within the mail's three calendar days."""
    moved_without: bool
    """Would it have been taken in the same days without this mail (all other mails kept)."""
    settled: bool
    """Are the three days over; before that, `moved` and `moved_without` are so far only."""

    @property
    def caused(self) -> bool:
        """The step was taken because of this mail."""
        return self.moved and not self.moved_without


def window_end(arrived_at: int) -> int:
    """Return the first instant that no longer belongs to the mail's days."""
    return (arrived_at // DAY + MAIL_ACTS_DAYS) * DAY


def takes_step(company: Company, position: int, mails: Sequence[Mail], *, after: int, before: int) -> bool:
    """Say whether the step is taken at one of the decisions strictly between the two instants."""
    at = next_decision(company.key, after)
    while at < before:
        if day_draw(company, position, at // DAY) < pace(company, position, mails, at):
            return True
        at = next_decision(company.key, at)
    return False
