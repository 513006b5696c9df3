"""Signed reports over HTTP: who is believed, and what becomes of what is said."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from engine.calendar import SECOND
from engine.pipeline.feedback import feedback_secret
from engine.pipeline.keys import revoke_key
from engine.wire.signature import BadSignature, headers_of, secret_of, sign, verify
from tests.builders import AZURE, a_stalled_customer
from tests.inbox import Inbox
from tests.returns.corpus import BAD, KNOWN, Sent
from tests.returns.posted import aside, asked, letters, set_up, suppressed, told
from tests.story import Story
from tests.web.door import Web, a_key

TANAKA = f"tanaka@{AZURE}.example.jp"


class Provider:
    """A mail provider that signs with the secrets of these keys."""

    def __init__(self, story: Story, *names: str) -> None:
        self.story, self.web = story, Web(story.system)
        self.secrets = [feedback_secret(story.system, name) for name in names]

    def says(self, body: Any, *, report: str = "msg_1", late: int = 0, kind: str = "application/json", **headers: str) -> httpx.Response:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        signed = headers_of(self.secrets, report, self.story.clock.now() // SECOND - late, raw)
        return self.web.ask("POST", "/v1/feedback", content=raw, headers={"Content-Type": kind, **signed, **headers})


@pytest.fixture
def story(story: Story) -> Iterator[Story]:
    set_up(story)
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    story.dispatch("2026-04-07 11:31")
    for name in ("esp1", "esp2"):
        a_key(story.system, secret=f"whatever-{name}", scopes=frozenset({"feedback"}))
    return story


@pytest.fixture
def sent(story: Story, inbox: Inbox) -> Sent:
    return letters(inbox)[TANAKA]


def bounced(sent: Sent, **more: str) -> dict[str, Any]:
    return {"type": "mail.bounced", "timestamp": "2026-04-07T03:00:00Z", "data": {"message_id": sent.message_id, "status": "5.1.1", **more}}


def complained(sent: Sent) -> dict[str, Any]:
    return {"type": "mail.complained", "data": {"message_id": sent.envelope + "@example.jp", "reason": "abuse"}}


def test_a_signed_bounce_is_believed_once(story: Story, sent: Sent) -> None:
    provider = Provider(story, "app-esp1")
    said = bounced(sent, recipient=TANAKA, reason="550 no such user")
    assert [provider.says(said, report=report).json()["result"] for report in ("m1", "m1", "m2")] == ["kept", "repeated", "repeated"]
    assert suppressed(story) == [(TANAKA, "bounced")]
    assert told(story) == {"mail.bounced": 1}
    assert asked(story, "SELECT used_at IS NOT NULL FROM api_keys WHERE name = 'app-esp1'") == [(1,)]


def test_a_signed_complaint_stops_all_mail(story: Story, sent: Sent) -> None:
    assert Provider(story, "app-esp1").says(complained(sent)).json() == {"success": True, "result": "kept", "reason": None}
    assert suppressed(story) == [(TANAKA, "opted_out")]


def test_a_letter_of_somebody_else_changes_nothing(story: Story, sent: Sent) -> None:
    foreign = Sent(TANAKA, "", f"<{sent.envelope}@other.example>", "", "")
    answer = Provider(story, "app-esp1").says(bounced(foreign))
    assert (answer.status_code, answer.json()["result"], answer.json()["reason"]) == (200, "aside", "not_ours")
    assert suppressed(story) == []


def test_a_whole_message_is_proven_by_its_own_tag_and_not_by_who_passed_it_on(story: Story, sent: Sent) -> None:
    """Whoever passes mail on to us signs that it came, not that it is true."""
    provider = Provider(story, "app-esp1")
    shape = KNOWN["Postfix: no such user"]
    untagged = shape.of(Sent(sent.to, "cs@example.jp", sent.message_id, sent.envelope, ""))
    assert provider.says(untagged, kind="message/rfc822").json() == {"success": True, "result": "aside", "reason": "unproven"}
    assert provider.says(shape.of(sent), kind="message/rfc822; x=y").json()["result"] == "kept"
    assert provider.says(BAD["parts within parts"][1], kind="message/rfc822").json()["reason"] == "too_deep"
    assert aside(story) == {"unproven": 1, "too_deep": 1}


def test_two_secrets_are_good_while_one_takes_the_others_place(story: Story, sent: Sent) -> None:
    assert Provider(story, "app-esp1", "app-esp2").says(bounced(sent)).status_code == 200
    revoke_key(story.system, "app-esp1")
    assert Provider(story, "app-esp1").says(bounced(sent)).status_code == 401
    assert Provider(story, "app-esp1", "app-esp2").says(bounced(sent)).json()["result"] == "repeated"


@pytest.mark.parametrize(
    ("spoilt", "reason"),
    [
        ({"late": 301}, "out_of_time"),
        ({"late": -301}, "out_of_time"),
        ({"webhook-signature": ""}, "not_signed"),
        ({"webhook-signature": "v1,AAAA v1a,BBBB é"}, "not_ours"),
        ({"webhook-timestamp": "now"}, "not_signed"),
        ({"webhook-timestamp": "9" * 30}, "out_of_time"),
        ({"webhook-id": "other"}, "not_ours"),
    ],
    ids=["replayed later", "from the future", "not signed", "signed by others", "no time", "a time beyond all", "another id"],
)
def test_what_is_not_vouched_for_changes_nothing(story: Story, sent: Sent, spoilt: dict[str, Any], reason: str) -> None:
    spoilt = {name: value.encode() if isinstance(value, str) and not value.isascii() else value for name, value in spoilt.items()}
    answer = Provider(story, "app-esp1").says(bounced(sent), **spoilt)
    assert (answer.status_code, answer.json()["detail"]["reason"]) == (401, reason)
    assert (suppressed(story), aside(story)) == ([], {})


def test_a_body_that_was_changed_on_its_way_is_refused(story: Story, sent: Sent) -> None:
    raw = json.dumps(bounced(sent)).encode()
    signed = headers_of([feedback_secret(story.system, "app-esp1")], "m1", story.clock.now() // SECOND, raw)
    answer = Web(story.system).ask("POST", "/v1/feedback", content=raw.replace(b"5.1.1", b"5.1.2"), headers=signed)
    assert answer.json()["detail"]["reason"] == "not_ours"


def test_a_key_for_events_signs_nothing(story: Story, sent: Sent) -> None:
    a_key(story.system, secret="bk_events")
    assert Provider(story, "app-ents").says(bounced(sent)).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        b"no json",
        b"[]",
        {"type": "mail.opened", "data": {}},
        {"type": "mail.bounced", "data": []},
        {"type": "mail.bounced", "data": {"message_id": 7, "status": "5.1.1"}},
        {"type": "mail.bounced", "data": {"message_id": "<x@y>", "status": "5.1.1"}},
        {"type": "mail.bounced", "data": {"message_id": "<" + "a" * 32 + "@example.jp>", "status": "550"}},
        {"type": "mail.bounced", "data": {"message_id": "<" + "a" * 32 + "@example.jp>", "status": "2.0.0"}},
        {"type": "mail.complained", "data": {"message_id": "<" + "a" * 32 + "@example.jp>", "reason": "x" * 20_000}},
    ],
)
def test_what_is_no_report_is_told_to_whoever_sent_it(story: Story, body: Any) -> None:
    answer = Provider(story, "app-esp1").says(body)
    assert answer.status_code == 400
    assert answer.json()["detail"]["message"]


def test_more_than_can_be_kept_is_refused_and_nothing_is_said_to_be_kept_that_is_not(story: Story, sent: Sent) -> None:
    provider = Provider(story, "app-esp1")
    assert provider.says(b"x" * 20_000_001).status_code == 413
    with story.system.ledger.write() as connection:
        connection.execute(text("ALTER TABLE suppressions RENAME TO away"))
    answer = provider.says(bounced(sent))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    with story.system.ledger.write() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO suppressions"))
    assert provider.says(bounced(sent)).json()["result"] == "kept"


def test_the_description_names_every_answer(story: Story) -> None:
    described = Web(story.system).ask("GET", "/openapi.json").json()["paths"]["/v1/feedback"]["post"]
    assert set(described["responses"]) >= {"200", "400", "401", "408", "413", "429", "503", "507"}
    assert set(described["requestBody"]["content"]) == {"application/json", "message/rfc822"}


# --- the signature itself ---------------------------------------------------------------------------------------------


def test_a_signature_is_that_of_the_specification() -> None:
    """The example of Standard Webhooks' own libraries."""
    body = b'{"test": 2432232314}'
    signature = sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.binary(min_size=24, max_size=64), st.binary(max_size=100), st.integers(0, 10**11))
def test_what_one_signs_the_other_takes(key: bytes, body: bytes, now: int) -> None:
    secret = secret_of(key)
    headers = headers_of([secret_of(b"old" * 10), secret], "m", now, body)
    assert verify([secret], headers, body, now + 300) == "m"
    with pytest.raises(BadSignature):
        verify([secret], headers, body + b" ", now)
    with pytest.raises(BadSignature):
        verify([secret_of(key + b"x")], headers, body, now)


def test_a_secret_is_made_from_ours_and_the_name(story: Story, tmp_path: Path) -> None:
    first, second = (feedback_secret(story.system, name) for name in ("app-esp1", "app-esp2"))
    assert first != second
    assert len(base64.b64decode(first.removeprefix("whsec_"))) == 32
