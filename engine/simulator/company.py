"""A company, its people, and the traits drawn once that decide how it will behave."""

import random
from dataclasses import dataclass
from datetime import date
from typing import Final

from engine.simulator import hearing, names
from engine.simulator.days import DAY, HOUR, midnight
from engine.simulator.draws import company_key
from engine.simulator.route import BIG_STOPS, MID_CAREER, NEW_GRAD, ROUTES, Step

NEW_GRAD_SHARE: Final = 0.55
HEARD_SHARE: Final = 0.85  # the others could not be reached or did not want to say
BEFORE_START_DAYS: Final = 274  # nine months: old enough that every position is already taken by someone
AFTER_START_DAYS: Final = 112  # sixteen weeks: new ones keep coming through any demo or quarter
APPLY_FROM, APPLY_TO = 8 * HOUR, 22 * HOUR  # a web form, filled in outside office hours too

# How strongly a fitting mail multiplies the pace (added to 1), and how often its link is clicked.
DEAF_SHARE, WEAK_SHARE = 0.35, 0.45  # the remaining fifth is strong; some never read vendor mail
WEAK_REACTION, STRONG_REACTION = 4.0, 14.0  # strong: a stuck company moves within three days in one case of six
WEAK_CLICK, STRONG_CLICK = 0.20, 0.55

CLOSE_SHARE_STUCK, CLOSE_SHARE_FREE = 0.20, 0.05  # who does not get through goes back to the old way of working
# Nobody gives up in the first weeks; the minimum also lies behind everything `paperwork.opening` writes.
CLOSE_AFTER_DAYS_MIN, CLOSE_AFTER_DAYS_MAX = 60, 420

PAID_SHARE: Final = 0.15  # the product is free; a few take a paid option
NO_EMAIL_SHARE: Final = 0.03  # applied by telephone; half of them give an address later
CONTACT_COUNTS: Final = (1, 1, 2, 2, 3)  # small HR departments


@dataclass(frozen=True, slots=True)
class Contact:
    """A person in the HR department."""

    id: str
    name: str
    email: str
    role: str
    main: bool


@dataclass(frozen=True, slots=True)
class Company:
    """Everything about a company that does not change while it lives; instants are local seconds."""

    id: str
    key: int
    name: str
    owner: str
    plan: str
    contacts: tuple[Contact, ...]
    email_delay_days: int | None
    """Days from the application until an address is known; None when it never is."""
    kind: str
    route: tuple[Step, ...]
    stuck: tuple[bool, ...]
    """For each step of the route: does this company get stuck in front of it."""
    reaction: float
    """Added to 1, the factor a fitting mail puts on the pace; 0 for those who never react."""
    click_share: float
    guidance_day: int
    """Day number on which the company means to begin guiding candidates, heard or not."""
    heard: bool
    applied_at: int
    closes_at: int | None

    @property
    def main_user(self) -> str:
        """Id of the person who does most of the work."""
        return self.contacts[0].id


def found_companies(*, seed: int, count: int, start: date) -> list[Company]:
    """Draw the whole town, numbered in the order of application; half of it applied before `start`."""
    rng = random.Random(f"{seed}/applications")
    begin, half = midnight(start), count // 2
    days = [-rng.randint(1, BEFORE_START_DAYS) for _ in range(half)]
    days += [rng.randrange(AFTER_START_DAYS) for _ in range(count - half)]
    instants = sorted(begin + day * DAY + rng.randrange(APPLY_FROM, APPLY_TO) for day in days)
    return [_found(seed, number, applied_at) for number, applied_at in enumerate(instants, start=1)]


def _found(seed: int, number: int, applied_at: int) -> Company:
    rng = random.Random(f"{seed}/company/{number}")
    company_id = f"c{number:06d}"
    kind = NEW_GRAD if rng.random() < NEW_GRAD_SHARE else MID_CAREER
    stuck = tuple(rng.random() < step.stuck_share for step in ROUTES[kind])
    reaction, click_share = _reaction(rng)
    return Company(
        id=company_id,
        key=company_key(seed, number),
        name=names.company_name(rng),
        owner=rng.choice(names.OWNERS),
        plan="standard" if rng.random() < PAID_SHARE else "free",
        contacts=_contacts(rng, number),
        email_delay_days=_email_delay_days(rng),
        kind=kind,
        route=ROUTES[kind],
        stuck=stuck,
        reaction=reaction,
        click_share=click_share,
        guidance_day=hearing.start_day(rng, kind, date.fromordinal(applied_at // DAY)).toordinal(),
        heard=rng.random() < HEARD_SHARE,
        applied_at=applied_at,
        closes_at=_closes_at(rng, applied_at, given_up=_stuck_at_big_stop(kind, stuck)),
    )


def _contacts(rng: random.Random, number: int) -> tuple[Contact, ...]:
    people = names.people(rng, rng.choice(CONTACT_COUNTS))
    return tuple(
        Contact(
            id=f"u{number:06d}-{place}",
            name=name,
            email=f"{romaji}@c{number:06d}.example.jp",
            role="admin" if place == 1 or rng.random() < 0.2 else "member",  # a second admin covers absences
            main=place == 1,
        )
        for place, (name, romaji) in enumerate(people, start=1)
    )


def _email_delay_days(rng: random.Random) -> int | None:
    if rng.random() >= NO_EMAIL_SHARE:
        return 0
    return rng.randint(20, 50) if rng.random() < 0.5 else None


def _reaction(rng: random.Random) -> tuple[float, float]:
    """Return the reaction to a fitting mail and the share of clicks."""
    draw = rng.random()
    if draw < DEAF_SHARE:
        return 0.0, 0.0
    if draw < DEAF_SHARE + WEAK_SHARE:
        return WEAK_REACTION, WEAK_CLICK
    return STRONG_REACTION, STRONG_CLICK


def _stuck_at_big_stop(kind: str, stuck: tuple[bool, ...]) -> bool:
    return any(held and step.name in BIG_STOPS for step, held in zip(ROUTES[kind], stuck, strict=True))


def _closes_at(rng: random.Random, applied_at: int, *, given_up: bool) -> int | None:
    """Instant at which the contract ends; drawn beforehand, so no mail changes it and effects stay comparable."""
    if rng.random() >= (CLOSE_SHARE_STUCK if given_up else CLOSE_SHARE_FREE):
        return None
    day = applied_at // DAY + rng.randint(CLOSE_AFTER_DAYS_MIN, CLOSE_AFTER_DAYS_MAX)
    return day * DAY + 17 * HOUR  # noted by sales at the end of the day
