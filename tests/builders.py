"""Things tests need, with dull defaults: a record, a contact, a customer, a touch. Only what a test says matters to it."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from engine.calendar import instant_of
from engine.records.record import Record
from engine.touches.touch import State, Touch

TOKYO = "Asia/Tokyo"
AZURE = "aozora"  # the account everything happens to unless a test needs a second one
SOURCES = {
    **{prefix: prefix for prefix in ("product", "help", "sfa", "crm", "cti", "hearing")},
    "account": "sfa",
    "contact": "crm",
    "course": "crm",
    "seminar": "crm",
    "support": "cti",
    "call": "cti",
    "mail": "banso",
}


def at(text: str, zone: str = TOKYO) -> int:
    """`2026-04-07 09:00` on Tokyo's clocks as an instant."""
    return instant_of(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)))


def a_record(
    what: str = "product.login",
    *,
    at: str = "2026-03-30 10:00",
    account: str = AZURE,
    value: str | None = None,
    contact: str | None = None,
    known: str | None = None,
    key: str | None = None,
    source: str | None = None,
    source_id: str | None = None,
) -> Record:
    """An event, or a field where a value is given. Known when it happened, unless said otherwise."""
    happened = instant(at)
    return Record(
        source=source or SOURCES.get(what.split(".", 1)[0], "product"),
        source_id=source_id or "/".join((account, contact or "", what, at, value or "", key or "")),
        account_id=account,
        occurred_at=happened,
        known_at=instant(known) if known else happened,
        contact_id=contact,
        event=None if value is not None else what,
        field=what if value is not None else None,
        value=value,
        key=key,
        properties=f'{{"case_id": "{key}"}}' if key else None,
    )


instant = at  # inside a_record the word `at` is the argument


def a_contact(
    contact: str = "tanaka",
    *,
    account: str = AZURE,
    email: str | None = "tanaka@aozora.example.jp",
    name: str | None = "田中",
    main: bool | None = None,
    at: str = "2026-03-02 10:00",
) -> list[Record]:
    """What the CRM says of a person. An `email` of None was never told."""
    said = {"email": email, "name": name, "main": None if main is None else str(main).lower()}
    return [a_record(f"contact.{field}", value=value, account=account, contact=contact, at=at) for field, value in said.items() if value is not None]


def a_customer(account: str = AZURE, *, email: str | None = None, applied: str = "2026-03-24 10:00", name: str = "株式会社青空") -> list[Record]:
    """A company that applied and has an account, with one contact; nobody logged in yet."""
    return [
        a_record("account.name", value=name, account=account, at=applied),
        a_record("sfa.applied", account=account, at=applied),
        a_record("product.account_issued", account=account, at=applied),
        *a_contact(account=account, email=email or f"tanaka@{account}.example.jp", at=applied),
    ]


def a_stalled_customer(account: str = AZURE, *, since: str = "2026-03-30 10:00", email: str | None = None) -> list[Record]:
    """A company that logged in on 30 March and has not finished its initial settings: `next-setting` is for it from 6 April on."""
    return [*a_customer(account, email=email), a_record("product.login", account=account, at=since)]


def a_touch(
    touch_id: str = "t1",
    *,
    account: str = AZURE,
    rule: str = "next-setting",
    per_value: str = "initial_settings",
    goal: str = "step_forward",
    ordinal: int = 1,
    decided_at: str = "2026-04-07 02:00",
    due_at: str = "2026-04-07 09:00",
    deadline: str = "2026-04-09 23:59",
    state: State = State.PENDING,
    sent_at: str | None = None,
    window_last_day: int | None = None,
    fold: str = "{}",
) -> Touch:
    """A mail planned for nine o'clock on Tuesday 7 April."""
    return Touch(
        id=touch_id,
        account_id=account,
        contact_id="tanaka",
        rule=rule,
        per_value=per_value,
        ordinal=ordinal,
        lane="push",
        channel="mail",
        goal=goal,
        slot=f"nightly/{decided_at[:10]}",
        rule_set="r1",
        decided_at=at(decided_at),
        due_at=at(due_at),
        deadline=at(deadline),
        valid_days=3,
        state=state,
        message_id=f"<{touch_id}@example.jp>",
        address=f"tanaka@{account}.example.jp",
        arrival=0,
        fold=fold,
        sent_at=at(sent_at) if sent_at else None,
        window_last_day=window_last_day,
    )


def flat(records: Sequence[Record | Sequence[Record]]) -> list[Record]:
    """Records and lists of records as one list."""
    return [record for each in records for record in ([each] if isinstance(each, Record) else each)]
