"""The link of a mail goes by way of us: whoever has it arrives, a person's click is a record, a machine's visit counts for nothing."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from engine.channels.mail.tags import REFUSAL, tag
from tests.builders import AZURE, a_stalled_customer, at
from tests.inbox import Inbox
from tests.story import Story
from tests.web.door import Web, records_of

SECRET = b"a secret of forty-eight letters, for these tests"
PERSON = {"User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"}


@pytest.fixture
def story(tmp_path: Path, inbox: Inbox) -> Iterator[Story]:
    story = Story(tmp_path, smtp_url=inbox.url)
    story.change_rules("rules/workspace.yaml", "touch: mail.sent, ", "touch: mail.sent, record_clicks: true, ")
    story.go_public(SECRET)
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    story.dispatch("2026-04-07 11:31")
    yield story
    story.close()


def link(inbox: Inbox) -> str:
    """The path of the mail's one link, as its text and its HTML have it."""
    (mail,) = inbox.mails
    (path,) = re.findall(r"https://u\.example\.jp(/c/\S+)", mail.text)
    html = mail.message.get_body(("html",))
    assert html is not None
    assert path in html.get_content()
    assert "https://app.example.jp" not in mail.text, "there is no way around"
    return str(path)


def follow(story: Story, path: str, when: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    story.clock.set(at(when))
    answer = Web(story.system).ask(method, path, headers={**PERSON, **headers})
    return answer.status_code, answer.headers.get("location", "")


def told(story: Story) -> list[tuple[str | None, str | None]]:
    found = [each for each in records_of(story.system, AZURE) if each.event in {"mail.clicked", "mail.scanned"}]
    return [(each.event, json.loads(each.properties or "{}").get("why")) for each in found]


def test_a_person_arrives_where_the_mail_says_and_that_is_told_once_an_hour(story: Story, inbox: Inbox) -> None:
    path = link(inbox)
    for minute in (10, 11, 12):
        status, where = follow(story, path, f"2026-04-07 13:{minute}")
        assert (status, where.startswith("https://app.example.jp/")) == (302, True)
    assert told(story) == [("mail.clicked", None)]
    (record,) = [each for each in records_of(story.system, AZURE) if each.event == "mail.clicked"]
    (touch,) = story.touches()
    assert (record.contact_id, json.loads(record.properties or "{}")) == ("tanaka", {"touch": touch.id, "rule": "next-setting"})


@pytest.mark.parametrize(
    ("method", "headers", "when", "why"),
    [
        ("HEAD", {}, "2026-04-07 13:00", "head"),
        ("GET", {"User-Agent": "Mozilla/5.0 SafeLinks"}, "2026-04-07 13:00", "agent"),
        ("GET", {"Sec-Purpose": "prefetch;prerender"}, "2026-04-07 13:00", "prefetch"),
        ("GET", {}, "2026-04-07 11:31", "at_once"),
    ],
)
def test_a_machine_arrives_as_well_and_is_not_taken_for_the_customer(
    story: Story, inbox: Inbox, method: str, headers: dict[str, str], when: str, why: str
) -> None:
    assert follow(story, link(inbox), when, method, **headers)[0] == 302
    assert told(story) == [("mail.scanned", why)]
    follow(story, link(inbox), "2026-04-07 13:05")
    assert told(story)[-1] == ("mail.clicked", None), "the person behind the gateway still counts"


def test_nobody_is_sent_to_an_address_that_we_did_not_write(story: Story, inbox: Inbox) -> None:
    path = link(inbox)
    token = path.removeprefix("/c/").partition("?")[0]
    touch = token.partition(".")[0]
    evil = "https%3A%2F%2Fevil.example%2F"
    forged = [
        f"/c/{token}?to={evil}",
        f"/c/{touch}.{tag(SECRET, REFUSAL, touch)}?to={evil}",
        f"/c/{token}",
        f"/c/{touch}?to={evil}",
        "/c/日本語?to=x",
    ]
    assert [follow(story, each, "2026-04-07 13:00") for each in forged] == [(404, "")] * len(forged)
    assert told(story) == []


def test_while_nothing_can_be_kept_the_customer_still_arrives(story: Story, inbox: Inbox) -> None:
    path = link(inbox)
    with story.system.ledger.write() as connection:
        connection.execute(text("ALTER TABLE tail RENAME TO away"))
    assert follow(story, path, "2026-04-07 13:00")[0] == 302
    with story.system.ledger.write() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO tail"))
    assert told(story) == []


def test_without_being_asked_for_links_lead_straight_to_the_product(tmp_path: Path, inbox: Inbox) -> None:
    story = Story(tmp_path, smtp_url=inbox.url)
    story.go_public(SECRET)
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    story.dispatch("2026-04-07 11:31")
    (mail,) = inbox.mails
    assert ("https://app.example.jp/" in mail.text, "/c/" in mail.text) == (True, False)
    story.close()
