"""What the HTTP door keeps, on either ledger: keys, messages seen, who is who, strangers. And the tables are what the migrations make."""

from threading import Barrier, Thread

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from engine.ledger import doors, intake, keys
from engine.ledger.intake import Stranger
from engine.ledger.keys import Key
from engine.ledger.open import Ledger
from engine.ledger.tables import metadata
from engine.wire.identity import Link
from tests.builders import at

NOW = at("2026-04-07 10:00")


def test_the_migrations_make_the_tables_that_the_code_works_with(ledger: Ledger) -> None:
    assert doors.seen.metadata is metadata
    with ledger.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def a_key(name: str = "app", **more: object) -> Key:
    return Key(**{"name": name, "scopes": frozenset({"ingest"}), "sources": ("product", "crm"), "created_at": NOW, "created_by": "tanaka", **more})


def test_a_key_is_found_by_its_hash_while_it_is_in_force(ledger: Ledger) -> None:
    with ledger.write() as connection:
        assert keys.add_key(connection, a_key(expires_at=NOW + 5), "h1")
        assert not keys.add_key(connection, a_key(), "h2"), "a name is used once"
        assert keys.find_key(connection, "h1", NOW) == a_key(expires_at=NOW + 5)
        assert keys.find_key(connection, "h1", NOW + 5) is None
        assert keys.find_key(connection, "h2", NOW) is None
        keys.mark_used(connection, "app", NOW + 1)
        assert keys.revoke(connection, "app", NOW + 2)
        assert not keys.revoke(connection, "app", NOW + 3)
        assert keys.find_key(connection, "h1", NOW) is None
        assert keys.all_keys(connection) == [a_key(expires_at=NOW + 5, used_at=NOW + 1, revoked_at=NOW + 2)]


def test_a_message_is_seen_once_and_remembers_what_it_said_first(ledger: Ledger) -> None:
    with ledger.write() as connection:
        assert intake.seen_before(connection, {"a": "1", "b": "2"}, NOW) == {}
    with ledger.write() as connection:
        assert intake.seen_before(connection, {"a": "1", "b": "9", "c": "3"}, NOW + 1) == {"a": "1", "b": "2"}
        assert intake.seen_before(connection, {}, NOW) == {}
        assert intake.forget_seen(connection, NOW + 1) == 2
        assert intake.seen_before(connection, {"a": "7", "c": "3"}, NOW) == {"c": "3"}


def test_who_comes_at_the_same_moment_is_seen_by_one_of_them(ledger: Ledger) -> None:
    start, found = Barrier(4), list[dict[str, str]]()

    def come() -> None:
        start.wait(10)
        with ledger.write() as connection:
            found.append(intake.seen_before(connection, dict.fromkeys("abcdef", "1"), NOW))

    threads = [Thread(target=come) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(len(each) for each in found) == [0, 6, 6, 6]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_of_links_that_differ_the_later_stays_in_whatever_order_they_come(ledger: Ledger, order: tuple[int, ...]) -> None:
    told = [
        Link("member", "sato", "aozora", NOW, "m2"),
        Link("member", "sato", "midori", NOW + 1, "m1"),
        Link("member", "sato", "shiro", NOW + 1, "m0"),
    ]
    for each in order:
        with ledger.write() as connection:
            intake.keep_links(connection, [told[each], Link("anonymous", "b1", "sato", NOW, "m3")])
    with ledger.read() as connection:
        found = intake.links_of(connection, {"sato", "b1", "nobody"})
        assert found["member", "sato"] == told[1]
        assert intake.other_names(connection, {"sato", "midori"}) == {"b1"}
        assert intake.other_names(connection, set()) == set()


def test_strangers_wait_under_their_name(ledger: Ledger) -> None:
    told = [Stranger(f"s{number}", name, "product", "{}", NOW - number) for number, name in enumerate(("sato", "suzuki", "sato"))]
    with ledger.write() as connection:
        intake.keep_strangers(connection, told)
        intake.keep_strangers(connection, told[:1])
        assert intake.strangers_named(connection, {"sato", "x"}) == [told[2], told[0]], "in the order they came"
        intake.forget_strangers(connection, ["s0", "s1"])
        intake.forget_strangers(connection, [])
        assert (intake.strangers_named(connection, {"sato"}), intake.strangers_named(connection, set())) == ([told[2]], [])
        assert intake.count_strangers(connection) == 1
