"""The town as a whole: companies, the agenda of what is to come, and the journal of what has happened."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from typing import Final

from engine.simulator import days, paperwork, visits
from engine.simulator.applicants import applications
from engine.simulator.company import Company, found_companies
from engine.simulator.days import DAY, HOUR, MINUTE, OFFICE_CLOSES, OFFICE_OPENS, business_day_after
from engine.simulator.draws import CLICK, Dice
from engine.simulator.effects import Effect, takes_step, window_end
from engine.simulator.journal import Journal, Record, product, props_of
from engine.simulator.lookahead import next_eventful_day
from engine.simulator.pace import MAIL_ACTS_DAYS, Mail, day_draw, decision_on, next_decision, pace

SAME_DAY_CLICK_SHARE: Final = 0.7
UNFIT_CLICK_SHARE: Final = 0.4
"""Of the clicks a fitting mail would get: the subject line already says it is not theirs."""
CLICK_HOURS_MAX: Final = 4
VIA_MAIL: Final = props_of(via="mail")

# Rank of what falls on the same second: a mail reaches only decisions later than itself.
EVENT, ARRIVAL = 0, 1


@dataclass(frozen=True, slots=True)
class Delivered:
    """A mail reached a contact at `at` (aware); `step` is the route step it asks the company to take."""

    account_id: str
    contact_id: str
    rule: str
    step: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Arrival:
    """A delivered mail with the position its company stood at."""

    delivered: Delivered
    mail: Mail
    position: int


@dataclass(slots=True)
class Life:
    """How far a company has come."""

    company: Company
    position: int = 0
    """Index of the next step in the route; its length when all is done."""
    guiding: bool = False
    closed: bool = False
    mails: list[Mail] = field(default_factory=list)
    next_decision_at: int = 0
    """The only planned decision that still counts; a mail can bring it forward."""


class World:
    """A town that has lived until midnight of `start` when it is made, and lives on when told to."""

    def __init__(self, *, seed: int, companies: int, start: date) -> None:
        self._journal = Journal()
        self._agenda: list[tuple[int, int, int, Callable[[], None]]] = []
        self._sequence = count()
        self._lives = {c.id: Life(c) for c in found_companies(seed=seed, count=companies, start=start)}
        self._arrivals: list[tuple[Life, Arrival]] = []
        self._now = 0
        for life in self._lives.values():
            self._plan(life.company.applied_at, partial(self._apply, life))
        self._run(days.midnight(start))

    def advance(self, until: datetime) -> None:
        """Let everything happen up to and including this instant."""
        target = days.instant(until)
        if target < self._now:
            raise ValueError(f"the world is already at {days.iso(self._now)}; it cannot go back to {until.isoformat()}")
        self._run(target)

    def deliver(self, delivered: Delivered) -> None:
        """Note a mail that reached a company, now or later; the company reacts from then on."""
        life = self._addressee(delivered)
        at = days.instant(delivered.at)
        self._plan(at, partial(self._arrive, life, delivered, at), rank=ARRIVAL)
        self._run(self._now)

    def export(self, directory: Path) -> None:
        """Bring the six files in the directory up to date; existing lines stay as they are."""
        self._journal.export(directory)

    def truth(self) -> list[Effect]:
        """Return the true effect of every mail that has arrived, in order of arrival."""
        return [self._effect(life, arrival) for life, arrival in self._arrivals]

    def _plan(self, at: int, act: Callable[[], None], *, rank: int = EVENT) -> None:
        heappush(self._agenda, (at, rank, next(self._sequence), act))

    def _note(self, records: Iterable[Record]) -> None:
        for record in records:
            self._plan(record.at, partial(self._journal.write, record))

    def _run(self, until: int) -> None:
        agenda = self._agenda
        while agenda and agenda[0][0] <= until:
            heappop(agenda)[3]()
        self._now = until

    def _apply(self, life: Life) -> None:
        company = life.company
        self._note(paperwork.opening(company))
        if company.closes_at is not None:
            self._plan(company.closes_at, partial(self._close, life, company.closes_at))
        self._plan_renewal(life, 1)
        self._plan_decision(life, next_decision(company.key, company.applied_at))

    def _plan_decision(self, life: Life, at: int) -> None:
        life.next_decision_at = at
        self._plan(at, partial(self._decide, life, at))

    def _decide(self, life: Life, at: int) -> None:
        if life.closed or at != life.next_decision_at:
            return
        company, position = life.company, life.position
        draw = day_draw(company, position, at // DAY)
        if draw < pace(company, position, life.mails, at):
            self._note(visits.step_taken(company, position, at))
            life.guiding = life.guiding or company.route[position].is_guidance
            life.position += 1
        else:
            self._note(visits.ordinary_day(company, position, at, draw=draw))
        if life.guiding:
            self._note(applications(company, at))
        self._plan_decision(life, decision_on(company.key, _next_day(life, at // DAY)))

    def _close(self, life: Life, at: int) -> None:
        life.closed = True
        self._note(paperwork.closing(life.company, at))

    def _plan_renewal(self, life: Life, year: int) -> None:
        self._plan(paperwork.renewal_at(life.company, year), partial(self._renew, life, year))

    def _renew(self, life: Life, year: int) -> None:
        if not life.closed:
            self._note(paperwork.renewal(life.company, year))
            self._plan_renewal(life, year + 1)

    def _addressee(self, delivered: Delivered) -> Life:
        """Find who gets the mail; refuse one that could not have been sent."""
        life = self._lives.get(delivered.account_id)
        at = days.instant(delivered.at)
        if life is None or at < life.company.applied_at:
            raise ValueError(f"no company {delivered.account_id} has applied by {delivered.at.isoformat()}")
        if all(contact.id != delivered.contact_id for contact in life.company.contacts):
            raise ValueError(f"{delivered.account_id} has no contact {delivered.contact_id}")
        if at < self._now:
            raise ValueError(f"a mail of {delivered.at.isoformat()} is too late: the world is at {days.iso(self._now)}")
        return life

    def _arrive(self, life: Life, delivered: Delivered, at: int) -> None:
        arrival = Arrival(delivered, Mail(at, delivered.step), life.position)
        life.mails.append(arrival.mail)
        self._arrivals.append((life, arrival))
        first_chance = next_decision(life.company.key, at)
        if first_chance < life.next_decision_at:
            self._plan_decision(life, first_chance)
        clicked_at = _clicked_at(life, arrival, nth=len(life.mails))
        if clicked_at is not None:
            self._plan(clicked_at, partial(self._click, life, delivered.contact_id, clicked_at))

    def _click(self, life: Life, user: str, at: int) -> None:
        """Log in from a mail, unless it would be the first login: that one is a step and belongs to the pace."""
        issued_and_seen = any(step.event == "login" for step in life.company.route[: life.position])
        if issued_and_seen and not life.closed:
            self._journal.write(product(at, life.company.id, user, "login", VIA_MAIL))

    def _effect(self, life: Life, arrival: Arrival) -> Effect:
        company, delivered, end = life.company, arrival.delivered, window_end(arrival.mail.at)
        finished = arrival.position == len(company.route)
        before = min(end, self._now + 1, company.closes_at or end)
        moves = partial(takes_step, company, arrival.position, after=arrival.mail.at, before=before)
        others = [mail for mail in life.mails if mail is not arrival.mail]
        return Effect(
            account_id=delivered.account_id,
            contact_id=delivered.contact_id,
            rule=delivered.rule,
            step=delivered.step,
            at=delivered.at,
            standing=None if finished else company.route[arrival.position].name,
            moved=not finished and moves(life.mails),
            moved_without=not finished and moves(others),
            settled=self._now >= end,
        )


def _next_day(life: Life, day: int) -> int:
    """Return the day of the next decision: every business day under a mail, else the next eventful one."""
    if life.mails and day - life.mails[-1].at // DAY < MAIL_ACTS_DAYS:
        return business_day_after(day)
    return next_eventful_day(life.company, life.position, guiding=life.guiding, after=day)


def _clicked_at(life: Life, arrival: Arrival, *, nth: int) -> int | None:
    """Instant of the click the nth mail of this company gets, on its day or the next; None without a click."""
    company, at = life.company, arrival.mail.at
    dice = Dice(company.key, nth, CLICK)
    standing = company.route[arrival.position].name if arrival.position < len(company.route) else None
    share = company.click_share * (1.0 if arrival.mail.step == standing else UNFIT_CLICK_SHARE)
    if not dice.chance(share):
        return None
    today, end_of_day = at + dice.between(2 * MINUTE, CLICK_HOURS_MAX * HOUR), (at // DAY + 1) * DAY
    if dice.chance(SAME_DAY_CLICK_SHARE) and today < end_of_day:
        return today
    return end_of_day + dice.between(OFFICE_OPENS, OFFICE_CLOSES)
