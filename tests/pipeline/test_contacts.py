"""Who is written to: the night's one statement for all accounts names the same person as each account's fold does when a letter is written."""

from collections.abc import Iterator
from random import Random

import duckdb
import pytest

from engine.calendar import zone
from engine.decision.recipient import Recipient, main_contact
from engine.facts.fold import Needs, fold_records
from engine.records.contacts import main_contacts
from engine.records.lake import SCHEMA, attach, tail_table
from engine.records.record import COLUMNS, NO_VALUE, Record

NEEDS = Needs.of([])
ACCOUNTS = 300
INSTANT = 1_000
INSTANTS = (-5, -1, 0, 1, 2, 3, 500, INSTANT, INSTANT + 1)  # before 1970, at it, equal ones, and one too late
CONTACTS = ("", "a", "B", "é", "株", "𠮷", "tanaka", None)
SOURCES = ("Z", "crm", "é", "株", "𠮷")  # ties go by bytes, not by any alphabet
VALUES = {
    "contact.main": ("true", "TRUE", "Yes", "1", "false", "0", "oui", NO_VALUE),
    "contact.email": ("a@example.jp", "B@EXAMPLE.JP", NO_VALUE),
    "contact.name": ("田中", "O'Brien", NO_VALUE),
    "contact.role": ("admin", "staff", NO_VALUE),
    "contact.memo": ("x", NO_VALUE),
    "contacts.email": ("no contact field", NO_VALUE),
    "account.name": ("青空", NO_VALUE),
}
EVENTS = ("product.login", "help.login", "product.loginx", "login", "mail.sent")


def records_of(rng: Random, account: str) -> Iterator[Record]:
    for number in range(rng.choice((0, 1, 3, 8, 20))):
        said = rng.choice((*VALUES, *["contact.main", "contact.email"] * 2, None, None))
        occurred_at = rng.choice(INSTANTS)
        yield Record(
            source=rng.choice(SOURCES),
            source_id=f"{rng.choice('aZé株')}{account}-{number}",
            account_id=account,
            occurred_at=occurred_at,
            known_at=max(occurred_at, rng.choice(INSTANTS)),
            contact_id=rng.choice(CONTACTS),
            event=rng.choice(EVENTS) if said is None else None,
            field=said,
            value=rng.choice(VALUES[said]) if said is not None else None,
        )


@pytest.fixture
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


@pytest.mark.parametrize("seed", range(10))
def test_the_statement_and_the_fold_name_the_same_main_contact(duck: duckdb.DuckDBPyConnection, tmp_path, seed: int) -> None:
    rng = Random(seed)
    crowd = {account: list(records_of(rng, account)) for account in (f"account {number}" for number in range(ACCOUNTS))}
    rows = [{name: getattr(record, name) for name in COLUMNS} for records in crowd.values() for record in records]
    rng.shuffle(rows)
    attach(duck, tmp_path, [], tail_table(rows))
    asked = rng.sample(list(crowd), ACCOUNTS // 2)
    found = main_contacts(duck, asked, INSTANT)
    folds = {account: fold_records(crowd[account], INSTANT, NEEDS, zone("Asia/Tokyo")) for account in asked}
    expected = {account: main_contact(fold) for account, fold in folds.items()}
    assert {account: Recipient(*contact) for account, contact in found.items()} == {
        account: one for account, one in expected.items() if one is not None
    }
    assert {one is None for one in expected.values()} == {True, False}


def test_a_later_word_on_who_is_the_main_contact_wins_over_logins(duck: duckdb.DuckDBPyConnection, tmp_path) -> None:
    """And when it is taken back, whoever logged in last is the one."""
    said = [
        Record("crm", "1", "a", 1, 1, "kato", field="contact.main", value="true"),
        Record("crm", "2", "a", 2, 2, "sato", field="contact.main", value="true"),
        Record("product", "3", "a", 9, 9, "kato", event="product.login"),
        Record("crm", "4", "a", 10, 10, "sato", field="contact.main", value=NO_VALUE),
        Record("crm", "5", "a", 20, 20, "kato", field="contact.main", value="false"),
    ]
    attach(duck, tmp_path, [], tail_table([{name: getattr(record, name) for name in COLUMNS} for record in said]))
    named = {instant: main_contacts(duck, ["a"], instant)["a"][0] for instant in (1, 2, 9, 10, 20)}
    assert named == {1: "kato", 2: "sato", 9: "sato", 10: "kato", 20: "kato"}


def test_where_nobody_is_known_nobody_is_named(duck: duckdb.DuckDBPyConnection, tmp_path) -> None:
    attach(duck, tmp_path, [], SCHEMA.empty_table())
    assert main_contacts(duck, ["a", "b"], INSTANT) == {}
