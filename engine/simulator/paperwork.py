"""What our own people note about a company: application, contract, renewal, contacts, hearing."""

import random
from collections.abc import Iterator
from datetime import date
from typing import Final

from engine.simulator import hearing
from engine.simulator.company import Company, Contact
from engine.simulator.days import DAY, HOUR, MINUTE, OFFICE_CLOSES, OFFICE_OPENS, business_day_after
from engine.simulator.journal import CRM, HEARING, SFA, Record

TRIAL_DAYS: Final = 30
"""The contract counts as active after a trial month."""
HEARING_DAYS_MAX: Final = 5
"""The interviewer calls within five days of the application."""
REASONS: Final = ("操作が難しかった", "採用を中止した", "他社サービスに切り替えた", "社内の担当者がいなくなった")
REASON_KNOWN_SHARE: Final = 0.6
"""Sales do not always ask; a rule is there to find the missing reasons."""


def opening(company: Company) -> Iterator[Record]:
    """All that is written down because this company applied, up to the end of the trial."""
    rng = random.Random(f"paper/{company.key}")
    at = company.applied_at
    yield _sfa(company, at, event="applied")
    yield _sfa(company, at, field="company_name", value=company.name)
    yield _sfa(company, at, field="plan", value=company.plan)
    yield _sfa(company, at, field="contract", value="trial")
    yield _sfa(company, at, field="renewal_date", value=_anniversary(company, 1).isoformat())
    yield from _customer_card(company, rng)
    if company.heard:
        yield from _answers(company, rng)
    yield _sfa(company, at + TRIAL_DAYS * DAY, field="contract", value="active")


def _customer_card(company: Company, rng: random.Random) -> Iterator[Record]:
    at = company.applied_at + rng.randint(10, 50) * MINUTE
    yield Record(at, CRM, (company.id, "", "", "owner", company.owner))
    for contact in company.contacts:
        yield _crm(company, contact, "name", contact.name, at)
        yield _crm(company, contact, "role", contact.role, at)
        yield _crm(company, contact, "main", "true" if contact.main else "false", at)
        if company.email_delay_days is not None:
            yield _crm(company, contact, "email", contact.email, at + company.email_delay_days * DAY)


def _answers(company: Company, rng: random.Random) -> Iterator[Record]:
    day = business_day_after(company.applied_at // DAY + rng.randint(0, HEARING_DAYS_MAX - 1))
    at = day * DAY + rng.randrange(OFFICE_OPENS, OFFICE_CLOSES - HOUR)
    start = date.fromordinal(company.guidance_day)
    yield Record(at, HEARING, (company.id, "recruit_kind", company.kind))
    yield Record(at, HEARING, (company.id, "will", hearing.wishes(rng)))
    yield Record(at, HEARING, (company.id, "guidance_start", hearing.spelled(rng, start)))


def renewal(company: Company, year: int) -> tuple[Record, Record]:
    """Return the renewal at the end of the given contract year (1 is the first), and the next date."""
    at = renewal_at(company, year)
    following = _anniversary(company, year + 1).isoformat()
    return _sfa(company, at, event="renewed"), _sfa(company, at, field="renewal_date", value=following)


def renewal_at(company: Company, year: int) -> int:
    """Instant at which the contract renews itself for the given time: ten o'clock on the date agreed."""
    return _anniversary(company, year).toordinal() * DAY + 10 * HOUR


def closing(company: Company, at: int) -> tuple[Record, Record]:
    """Return the end of the contract; the value of the event is the reason, when somebody asked for it."""
    rng = random.Random(f"closing/{company.key}")
    reason = rng.choice(REASONS) if rng.random() < REASON_KNOWN_SHARE else ""
    return _sfa(company, at, event="lost", value=reason), _sfa(company, at, field="contract", value="closed")


def _anniversary(company: Company, year: int) -> date:
    applied = date.fromordinal(company.applied_at // DAY)
    # A contract signed on 29 February renews on the 28th.
    return applied.replace(year=applied.year + year, day=min(applied.day, 28) if applied.month == 2 else applied.day)


def _sfa(company: Company, at: int, *, event: str = "", field: str = "", value: str = "") -> Record:
    return Record(at, SFA, (company.id, event, field, value))


def _crm(company: Company, contact: Contact, field: str, value: str, at: int) -> Record:
    return Record(at, CRM, (company.id, contact.id, "", field, value))
