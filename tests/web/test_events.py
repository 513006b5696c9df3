"""What products tell over HTTP: every message is a record once, or is kept aside with a reason."""

import json
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from engine.cli.app import main
from engine.ledger import intake
from engine.ledger import records as ledger_records
from engine.pipeline.compact import compact
from engine.pipeline.keys import revoke_key
from engine.wire.identity import Link
from tests.builders import AZURE, a_customer, a_workspace, at
from tests.story import ROOT, Story, quiet
from tests.web.door import KEY, Web, a_key, packed, records_of, served
from web import requests

HERE = {"context": {"groupId": AZURE}}


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    story = Story(tmp_path, workspace=ROOT)
    story.clock.set(at("2026-04-07 10:00"))
    a_key(story.system)
    yield story
    story.close()


@pytest.fixture
def web(story: Story) -> Web:
    return Web(story.system)


def track(event: str = "product.login", message: str = "m1", **more: Any) -> dict[str, Any]:
    return {"type": "track", "messageId": message, "userId": "sato", "event": event, "timestamp": "2026-04-07T00:30:00Z", **HERE, **more}


def refused(story: Story) -> dict[str, int]:
    with story.system.ledger.read() as connection:
        rows = connection.execute(text("SELECT reason, count(*) FROM quarantine GROUP BY reason")).all()
    return dict(rows)


def test_a_message_becomes_a_record_and_is_known_from_the_instant_it_came(story: Story, web: Web) -> None:
    answer = web.post("/v1/track", track("Interview Booked", properties={"interview": "i1", "unknown": [1, {"a": "あ"}]}))
    assert (answer.status_code, answer.json()) == (200, {"success": True, "accepted": 1, "repeated": 0, "waiting": 0, "refused": []})
    (record,) = records_of(story.system, AZURE)
    assert (record.source, record.source_id, record.contact_id, record.event) == ("product", "m1", "sato", "product.interview_booked")
    assert (record.occurred_at, record.known_at) == (at("2026-04-07 09:30"), story.clock.now())
    assert json.loads(record.properties or "") == {"interview": "i1", "unknown": [1, {"a": "あ"}]}


def test_a_batch_is_taken_whole_and_what_cannot_be_read_is_kept_aside(story: Story, web: Web) -> None:
    batch = [track(message="m1"), {"type": "dance"}, track(message="m2", timestamp="yesterday"), 7, track("注文", "m3"), track(message="m4")]
    answer = web.post("/v1/batch", packed({"batch": batch}), headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 200
    assert (answer.json()["accepted"], [(each["index"], each["reason"]) for each in answer.json()["refused"]]) == (
        2,
        [(1, "structure"), (2, "no_time"), (3, "structure"), (4, "bad_name")],
    )
    assert refused(story) == {"structure": 2, "no_time": 1, "bad_name": 1}
    assert [each.source_id for each in records_of(story.system, AZURE)] == ["m1", "m4"]


def test_what_is_said_twice_is_said_once_and_what_contradicts_itself_waits_for_a_person(story: Story, web: Web) -> None:
    assert web.post("/v1/track", track()).status_code == 200
    again = web.post("/v1/track", track(sentAt="2026-04-07T01:00:00Z"))
    assert (again.status_code, again.json()["repeated"]) == (200, 1)
    other = web.post("/v1/track", track("product.logout"))
    assert (other.status_code, other.json()["detail"]["reason"]) == (409, "conflicting_repeat")
    both = web.post("/v1/batch", {"batch": [track("product.logout"), track(message="m2"), track(message="m2")]}).json()
    assert (both["accepted"], both["repeated"], [each["index"] for each in both["refused"]]) == (1, 1, [0])
    assert [each.source_id for each in records_of(story.system, AZURE)] == ["m1", "m2"]
    assert refused(story) == {"conflicting_repeat": 1}, "the same contradiction is kept once"


def test_a_repeat_is_known_after_the_lake_took_the_record(story: Story, web: Web) -> None:
    web.post("/v1/track", track())
    compact(story.system, quiet)
    assert web.post("/v1/track", track()).json()["repeated"] == 1
    story.clock.set(at("2026-05-13 10:00"))
    compact(story.system, quiet)
    with story.system.ledger.read() as connection:
        assert connection.scalar(text("SELECT count(*) FROM seen")) == 0, "nobody repeats what is five weeks old"


def test_the_same_message_at_the_same_moment_counts_once(story: Story) -> None:
    def tell(_number: int) -> dict[str, Any]:
        found: dict[str, Any] = Web(story.system).post("/v1/batch", {"batch": [track(message=f"m{each}") for each in range(20)]}).json()
        return found

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(tell, range(4)))
    assert (sum(each["accepted"] for each in answers), sum(each["repeated"] for each in answers)) == (20, 60)
    assert len(records_of(story.system, AZURE)) == 20


def test_a_message_without_an_id_is_known_by_what_it_says(story: Story, web: Web) -> None:
    nameless = {name: value for name, value in track().items() if name != "messageId"}
    assert [web.post("/v1/track", nameless).json()["accepted"] for _ in range(2)] == [1, 0]
    assert web.post("/v1/track", {**nameless, "timestamp": "2026-04-07T00:31:00Z"}).json()["accepted"] == 1
    assert len(records_of(story.system, AZURE)) == 2


@pytest.mark.parametrize(
    ("times", "happened"),
    [
        ({"timestamp": "2026-04-07T09:00:00+09:00"}, "2026-04-07 09:00"),
        ({"timestamp": "2026-04-07 00:00:00.123Z"}, "2026-04-07 09:00"),
        ({"timestamp": None, "originalTimestamp": "2026-04-06T23:00:00"}, "2026-04-07 08:00"),
        ({"timestamp": ""}, "2026-04-07 10:00"),
    ],
    ids=["with its offset", "with a fraction", "the original one, in UTC", "none: when it came"],
)
def test_when_it_happened(story: Story, web: Web, times: dict[str, Any], happened: str) -> None:
    assert web.post("/v1/track", track(**times)).status_code == 200
    (record,) = records_of(story.system, AZURE)
    assert record.occurred_at // 1_000_000 == at(happened) // 1_000_000


def test_traits_become_fields_that_mean_what_the_workspace_declares(story: Story, web: Web) -> None:
    traits = {"email": "sato@aozora.example.jp", "role": "admin", "hearing.will": "easy", "address": {"city": "東京"}, "phone": None}
    web.post("/v1/identify", {"messageId": "i1", "userId": "sato", "traits": traits, **HERE})
    web.post("/v1/group", {"messageId": "g1", "userId": "sato", "groupId": AZURE, "traits": {"hiresPlanned": "１２", "name": "株式会社青空"}})
    told = {(each.source, each.field or each.event): (each.value, each.contact_id) for each in records_of(story.system, AZURE)}
    assert told[("crm", "contact.email")] == ("sato@aozora.example.jp", "sato")
    assert told[("hearing", "hearing.will")] == ("|easy|", "sato"), "tags, as the workspace declares"
    assert told[("crm", "contact.phone")] == ("", "sato"), "null clears"
    assert told[("crm", "contact.identified")] == (None, "sato"), "what cannot be a field is not lost"
    assert told[("sfa", "account.name")] == ("株式会社青空", "sato")
    assert told[("sfa", "account.hires_planned")][0] == "１２", "nobody declared it, so it stays as it was written"


def test_a_key_writes_only_for_its_sources(story: Story, web: Web) -> None:
    narrow = a_key(story.system, "product", secret="bk_narrow")
    answer = web.post(
        "/v1/identify", {"messageId": "i1", "userId": "sato", "traits": {"email": "a@b.example", "sfa.contract": "closed"}, **HERE}, key=narrow
    )
    assert answer.json()["accepted"] == 1
    (record,) = records_of(story.system, AZURE)
    assert (record.source, record.event) == ("product", "product.contact_traits"), "kept, but it is no word of the CRM"
    web.post("/v1/track", track("sfa.applied", "m9"), key=narrow)
    assert records_of(story.system, AZURE)[-1].event == "product.sfa_applied"
    web.post("/v1/track", track("banso.source_loaded", "m10"), key=narrow)
    assert records_of(story.system, AZURE)[-1].event == "product.banso_source_loaded"


@pytest.mark.parametrize(
    ("key", "status"),
    [(None, 401), ("bk_nobodys", 401), ("bk_no_events", 403), ("bk_over", 401), ("bk_revoked", 401)],
    ids=["none", "unknown", "for popups", "ended", "revoked"],
)
def test_who_has_no_key_is_told_so_and_nothing_is_kept(story: Story, web: Web, key: str | None, status: int) -> None:
    a_key(story.system, secret="bk_no_events", scopes=frozenset({"popup"}))
    a_key(story.system, secret="bk_over", expires_at=at("2026-04-07 10:00"))
    a_key(story.system, secret="bk_revoked")
    revoke_key(story.system, "app-oked")
    assert web.post("/v1/track", track(), key=key).status_code == status
    assert records_of(story.system, AZURE) == []


def test_a_key_is_found_where_clients_put_it_and_only_its_hash_is_kept(story: Story, web: Web) -> None:
    assert web.post("/v1/track", track(writeKey=KEY), key=None).status_code == 200
    assert web.post("/v1/track", track(), key=None, headers={"Authorization": f"Bearer {KEY}"}).status_code == 200
    assert web.post("/v1/track", track(), key=None, headers={"Authorization": "Basic no-base-64"}).status_code == 401
    with story.system.ledger.read() as connection:
        kept = str(connection.execute(text("SELECT * FROM api_keys")).all())
    assert KEY not in kept


@pytest.mark.parametrize(
    ("body", "headers", "status", "reason"),
    [
        pytest.param(b"[" * 100_000, {}, 400, "too_deep", id="100,000 brackets"),
        pytest.param(b'{"a": ' + b"9" * 5_000 + b"}", {}, 400, "bad_number", id="a number of 5,000 digits"),
        pytest.param(b'{"a": NaN}', {}, 400, "bad_number", id="NaN"),
        pytest.param(b'{"a": 1e999}', {}, 400, "bad_number", id="a number beyond all"),
        pytest.param(b'{"a": 1, "a": 2}', {}, 400, "repeated_key", id="a key twice"),
        pytest.param(b"\xff\xfe", {}, 400, "not_json", id="no UTF-8"),
        pytest.param(b"[]", {}, 400, "not_an_object", id="a list"),
        pytest.param(b" " * 5_000_001, {}, 413, "too_large", id="more than 5 MB"),
        pytest.param(packed(" " * 5_000_001), {"Content-Encoding": "gzip"}, 413, "too_large", id="more than 5 MB when unpacked"),
        pytest.param(packed({})[:-9], {"Content-Encoding": "gzip"}, 400, "not_gzip", id="cut off"),
        pytest.param(b"{}", {"Content-Encoding": "br"}, 400, "not_gzip", id="packed in another way"),
        pytest.param(b'{"batch": 7}', {}, 400, "structure", id="no batch"),
    ],
)
def test_a_body_that_cannot_be_read_is_answered_with_its_reason(web: Web, body: bytes, headers: dict[str, str], status: int, reason: str) -> None:
    answer = web.post("/v1/batch", body, headers=headers)
    assert (answer.status_code, answer.json()["detail"]["reason"]) == (status, reason)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"event": ""}, "no_event_or_field"),
        ({"event": "a\ud800b"}, "structure"),
        ({"properties": {"a": "\0"}}, "structure"),
        ({"properties": {"a": "\ud800"}}, "structure"),
        ({"properties": {"a": "x" * 10_000}}, "value_too_long"),
        ({"properties": [1]}, "bad_properties"),
        ({"userId": "u" * 201}, "value_too_long"),
        ({"timestamp": "0001-01-01T00:00:00Z"}, "time_out_of_range"),
        ({"timestamp": "9999-12-31T23:59:59Z"}, "time_out_of_range"),
        ({"timestamp": 1_775_000_000}, "no_time"),
    ],
    ids=str,
)
def test_poison_is_kept_aside_and_its_neighbours_are_taken(story: Story, web: Web, said: dict[str, Any], reason: str) -> None:
    alone = web.post("/v1/track", track(**said))
    assert (alone.status_code, alone.json()["detail"]["reason"]) == (400, reason)
    together = web.post("/v1/batch", {"batch": [track(message="m0"), track(message="m1", **said), track(message="m2")]}).json()
    assert (together["accepted"], [each["reason"] for each in together["refused"]]) == (2, [reason])
    assert [each.source_id for each in records_of(story.system, AZURE)] == ["m0", "m2"]


def test_a_stranger_is_kept_until_it_is_known_where_he_belongs(story: Story, web: Web) -> None:
    anonymous = {"messageId": "m1", "anonymousId": "browser-1", "event": "product.page_viewed", "timestamp": "2026-04-07T00:30:00Z"}
    assert web.post("/v1/track", anonymous).json()["waiting"] == 1
    assert web.post("/v1/track", {"messageId": "m2", "userId": "sato", "event": "product.login"}).json()["waiting"] == 1
    assert records_of(story.system, AZURE) == []
    web.post("/v1/identify", {"messageId": "i1", "userId": "sato", "anonymousId": "browser-1"})
    assert records_of(story.system, AZURE) == [], "who he is is known now, but not for whom he works"
    web.post("/v1/group", {"messageId": "g1", "userId": "sato", "groupId": AZURE})
    told = {each.source_id: (each.event, each.contact_id) for each in records_of(story.system, AZURE)}
    assert told == {"m1": ("product.page_viewed", "sato"), "m2": ("product.login", "sato")}
    with story.system.ledger.read() as connection:
        assert intake.count_strangers(connection) == 0
    assert web.post("/v1/track", anonymous).json()["repeated"] == 1
    assert web.post("/v1/track", {"messageId": "m3", "event": "product.login"}).status_code == 400, "nobody can ever tell whose it is"


def test_a_stranger_whose_account_was_told_at_the_same_moment_is_placed_by_the_sweep(story: Story, web: Web) -> None:
    """Of two requests at once neither sees what the other keeps."""
    stranger = {"messageId": "m1", "userId": "sato", "event": "product.login", "timestamp": "2026-04-07T00:30:00Z"}
    web.post("/v1/track", stranger)
    web.post("/v1/track", {**stranger, "messageId": "m2", "event": "注文"})
    with story.system.ledger.write() as connection:
        intake.keep_links(
            connection, [Link("member", "sato-2", AZURE, story.clock.now(), "g1"), Link("user", "sato", "sato-2", story.clock.now(), "a1")]
        )
    story.sweep_and_send()
    (record,) = records_of(story.system, AZURE)
    assert (record.event, record.contact_id, record.occurred_at) == ("product.login", "sato-2", at("2026-04-07 09:30"))
    with story.system.ledger.read() as connection:
        assert intake.count_strangers(connection) == 0
    assert refused(story) == {"bad_name": 1}, "what cannot be a record even so is kept aside"


def test_a_body_that_comes_too_slowly_holds_no_place(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "BODY_SECONDS", 0.05)
    with served(story.system) as url, socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=20) as line:
        line.sendall(b"POST /v1/track HTTP/1.1\r\nHost: banso\r\nContent-Length: 100\r\n\r\n{")
        assert line.recv(1_000).startswith(b"HTTP/1.1 408 ")


def test_who_is_told_to_belong_somewhere_later_in_the_same_batch_is_no_stranger(story: Story, web: Web) -> None:
    batch = [
        {"type": "track", "messageId": "m1", "userId": "sato", "event": "product.login"},
        {"type": "group", "messageId": "g1", "userId": "sato", "groupId": AZURE},
    ]
    assert web.post("/v1/batch", {"batch": batch}).json() == {"success": True, "accepted": 2, "repeated": 0, "waiting": 0, "refused": []}
    assert [each.source_id for each in records_of(story.system, AZURE)] == ["m1"]


def test_a_person_who_changes_the_account_takes_only_later_events_along(story: Story, web: Web) -> None:
    for message, account, when in (
        ("g1", AZURE, "2026-04-01T00:00:00Z"),
        ("g2", "midori", "2026-04-05T00:00:00Z"),
        ("g0", "shiro", "2026-03-01T00:00:00Z"),
    ):
        web.post("/v1/group", {"messageId": message, "userId": "sato", "groupId": account, "timestamp": when})
    web.post("/v1/track", {"messageId": "m1", "userId": "sato", "event": "product.login"})
    assert [each.source_id for each in records_of(story.system, "midori")] == ["m1"], "what came last but happened first does not count"
    web.post("/v1/alias", {"messageId": "a1", "previousId": "sato", "userId": "sato-2"})
    web.post("/v1/group", {"messageId": "g3", "userId": "sato-2", "groupId": AZURE})
    web.post("/v1/track", {"messageId": "m2", "userId": "sato", "event": "product.login"})
    assert [(each.source_id, each.contact_id) for each in records_of(story.system, AZURE)] == [("m2", "sato-2")]


def test_whoever_takes_a_new_name_stays_where_he_belongs(story: Story, web: Web) -> None:
    web.post("/v1/group", {"messageId": "g1", "userId": "sato", "groupId": AZURE})
    web.post("/v1/alias", {"messageId": "a1", "previousId": "sato", "userId": "sato-2"})
    web.post("/v1/alias", {"messageId": "a2", "previousId": "sato-2", "userId": "sato-3"})
    for number, name in enumerate(("sato", "sato-2", "sato-3")):
        web.post("/v1/track", {"messageId": f"m{number}", "userId": name, "event": "product.login"})
    assert [(each.source_id, each.contact_id) for each in records_of(story.system, AZURE)] == [("m0", "sato-3"), ("m1", "sato-3"), ("m2", "sato-3")]
    web.post("/v1/alias", {"messageId": "a3", "previousId": "sato-3", "userId": "sato"})
    assert web.post("/v1/track", {"messageId": "m9", "userId": "sato", "event": "product.login"}).status_code == 200, "a circle ends somewhere"


def test_posthogs_events_say_the_same(story: Story, web: Web) -> None:
    groups = {"$groups": {"company": AZURE}}
    batch = [
        {"uuid": "p1", "event": "$pageview", "distinct_id": "sato", "properties": {"$current_url": "x", "page": "home", **groups}},
        {"uuid": "p2", "event": "flow published", "distinct_id": "sato", "properties": groups, "timestamp": "2026-04-07T00:30:00Z"},
        {"uuid": "p3", "event": "$identify", "distinct_id": "sato", "properties": {"$anon_distinct_id": "b1", "$set": {"email": "s@a.example"}}},
        {
            "uuid": "p4",
            "event": "$groupidentify",
            "distinct_id": "x",
            "properties": {"$group_key": AZURE, "$group_type": "company", "$group_set": {"name": "青空"}},
        },
        {"uuid": "p5", "event": "$create_alias", "distinct_id": "sato", "properties": {"alias": "old"}},
        {"event": "", "distinct_id": "sato"},
    ]
    answer = web.post("/batch/", {"api_key": KEY, "batch": batch}, key=None).json()
    assert (answer["accepted"], [each["index"] for each in answer["refused"]]) == (5, [5])
    assert [each.event or each.field for each in records_of(story.system, AZURE)] == [
        "product.page",
        "product.flow_published",
        "contact.email",
        "account.name",
    ]
    assert web.post("/capture/", {"api_key": KEY, "event": "login", "properties": {"distinct_id": "old"}}, key=None).json()["accepted"] == 1
    assert records_of(story.system, AZURE)[-1].contact_id == "sato"


def test_an_event_is_answered_at_once_and_a_finished_step_counts(story: Story, web: Web) -> None:
    story.given(a_customer())
    story.heard("2026-04-07 10:00")
    web.post("/v1/track", track("product.login"))
    web.come_to_rest()
    assert ("popup-next-action", "pending") in {(rule, state) for rule, state, _ in story.states()}


def test_what_is_told_a_day_late_counts_but_nobody_is_answered_for_it(story: Story, web: Web) -> None:
    story.given(a_customer())
    story.heard("2026-04-07 10:00")
    web.post("/v1/track", track("product.login", timestamp="2026-04-05T00:00:00Z"))
    web.come_to_rest()
    assert story.touches() == []
    assert story.facts("2026-04-07 10:00")["next_step"] == "initial_settings"


WELCOME = """
  welcome: {trigger: {event: product.login}, when: [{next_step: set_up}], do: {send: mail, from: desk, template: mail/plain, lead_to: {setting: next_step}}}
"""


def test_a_touch_for_a_worker_is_rung_for(tmp_path: Path) -> None:
    story = Story(tmp_path, workspace=a_workspace(tmp_path / "workspace", rules=WELCOME, order="push: [welcome]"))
    story.clock.set(at("2026-04-07 10:00"))
    a_key(story.system, next(iter(story.system.workspace.settings.sources)))
    story.given(a_customer())
    story.heard("2026-04-07 10:00")
    web = Web(story.system)
    web.post("/v1/track", track("product.login", userId="tanaka"))
    web.come_to_rest()
    assert web.rung == {"mail": [story.touch().id]}
    story.close()


def test_a_ledger_that_is_away_asks_to_come_again(story: Story, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    assert web.post("/v1/track", track()).status_code == 200
    with story.system.ledger.write() as connection:
        connection.execute(text("ALTER TABLE tail RENAME TO tail_away"))
    away = web.post("/v1/track", track(message="m2"))
    assert (away.status_code, away.headers["Retry-After"]) == (503, "5")
    with story.system.ledger.write() as connection:
        connection.execute(text("ALTER TABLE tail_away RENAME TO tail"))
    assert web.post("/v1/track", track(message="m2")).json()["accepted"] == 1, "nothing of it had been kept"


def test_more_at_once_than_can_be_done_are_asked_to_come_again(story: Story) -> None:
    web = Web(story.system, at_most=0)
    busy = web.post("/v1/track", track())
    assert (busy.status_code, busy.headers["Retry-After"]) == (429, "1")
    assert records_of(story.system, AZURE) == []


def test_a_message_that_was_refused_may_come_again_when_it_is_mended(story: Story, web: Web) -> None:
    assert web.post("/v1/track", track("注文")).status_code == 400
    assert web.post("/v1/track", track("Order")).json()["accepted"] == 1
    assert web.post("/v1/track", track("Order")).json()["repeated"] == 1


def test_two_traits_of_one_name_are_both_kept(story: Story, web: Web) -> None:
    web.post("/v1/group", {"messageId": "g1", "userId": "sato", "groupId": AZURE, "traits": {"hiresPlanned": 1, "hires_planned": 2}})
    kept = [(each.field or each.event, each.value or each.properties) for each in records_of(story.system, AZURE)]
    assert kept == [("account.hires_planned", "1"), ("account.described", '{"hires_planned":2}')]


def test_a_key_none_of_whose_sources_is_declared_any_more_keeps_everything_aside(story: Story, web: Web) -> None:
    with story.system.ledger.write() as connection:
        connection.execute(text("UPDATE api_keys SET sources = 'gone'"))
    identified = {"type": "identify", "messageId": "i1", "userId": "sato", "traits": {"email": "a@b.example"}, **HERE}
    told = web.post("/v1/batch", {"batch": [track(), identified]}).json()
    assert [each["reason"] for each in told["refused"]] == ["foreign_prefix", "foreign_prefix"]


def test_a_product_may_keep_its_own_names(story: Story, tmp_path: Path) -> None:
    named = Story(tmp_path / "named")
    named.change_rules(
        "rules/workspace.yaml", "max_age: 36h, events: [product]}", "max_age: 36h, events: [product], names: {面接予約: product.interview_booked}}"
    )
    a_key(named.system)
    Web(named.system).post("/v1/track", track("面接予約"))
    assert [each.event for each in records_of(named.system, AZURE)] == ["product.interview_booked"]
    named.close()


def test_the_sources_of_what_came_in_count_as_heard(story: Story, web: Web) -> None:
    web.post("/v1/track", track())
    with story.system.ledger.read() as connection:
        assert ledger_records.newest_in_tail(connection, story.clock.now()) == {"product": at("2026-04-07 09:30")}


def test_the_page_for_developers_is_true(story: Story, web: Web) -> None:
    page = (ROOT / "docs/events.md").read_text(encoding="utf-8")
    example = json.loads(page.partition("-d '")[2].partition("'}}'")[0].partition("'\n```")[0])
    assert web.post("/v1/track", example).json()["accepted"] == 1
    (record,) = records_of(story.system, "c-2001")
    assert (record.event, record.occurred_at) == ("product.interview_booked", at("2026-04-07 09:30"))
    told = {int(status) for row in re.findall(r"^\| ([\d, ]+) \|", page, re.MULTILINE) for status in row.split(",")}
    described = web.ask("GET", "/openapi.json").json()["paths"]["/v1/track"]["post"]["responses"]
    assert told == {int(status) for status in described}


def test_ops_see_what_waits_for_an_account_and_what_was_refused(story: Story, web: Web, capsys: pytest.CaptureFixture[str]) -> None:
    web.post("/v1/track", {"messageId": "m1", "userId": "nobody-knows", "event": "product.login"})
    web.post("/v1/track", track("注文"))
    place = ["-w", str(ROOT), "--state", str(story.config.state_folder)]
    assert main([*place, "--lang", "ja", "ops", "status"]) == 0
    told = capsys.readouterr().out
    assert "どのアカウントの方かまだわからないメッセージが 1 件" in told
    assert re.search(r"product .* 1 ", told)
