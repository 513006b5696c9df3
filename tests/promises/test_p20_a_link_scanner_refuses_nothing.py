"""P20: a link scanner cannot unsubscribe anyone, and a person needs one click.

Real letters go out; their links are then opened by crowds of scanners (GET, HEAD, guessed and forged tokens), before and between the posts of
mailbox providers (RFC 8058, both forms, from any address, many at once). Only posts may change anything, once for each address, and the very next
mail is not sent.
"""

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from engine.channels.mail.tags import BOUNCE, tag
from tests.builders import a_stalled_customer, at
from tests.inbox import Inbox
from tests.promises.conftest import Tell
from tests.promises.scale import scaled
from tests.story import Story
from tests.web.door import served

CUSTOMERS = scaled(12, 500)
LOOKS = scaled(40, 2_000)  # of scanners, at each link
POSTS = 5
SECRET = secrets.token_hex(32).encode()
SCANNERS = (
    {"User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) SafeLinks"},
    {"User-Agent": "Barracuda Sentinel (EE)", "X-Forwarded-For": "203.0.113.9"},
    {"User-Agent": "GoogleImageProxy", "Purpose": "prefetch", "Sec-Purpose": "prefetch;prerender"},
)
ONE_CLICK = "List-Unsubscribe=One-Click"
FORMS = (
    {"content": ONE_CLICK, "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
    {"files": {"List-Unsubscribe": (None, "One-Click")}},
    {"content": ONE_CLICK, "headers": {"Content-Type": "application/x-www-form-urlencoded", "X-Forwarded-For": "198.51.100.7"}},
)


@pytest.fixture
def story(tmp_path: Path, inbox: Inbox) -> Iterator[Story]:
    story = Story(tmp_path, smtp_url=inbox.url)
    story.go_public(SECRET)
    story.given(*(a_stalled_customer(f"c{number:03d}") for number in range(CUSTOMERS)))
    story.nightly("2026-04-07 02:00")
    story.dispatch("2026-04-07 11:31")
    yield story
    story.close()


def links(inbox: Inbox) -> dict[str, str]:
    """Address → the path of its link of refusal, as its letter tells it: the first of two, without a word of who it is."""
    found = {}
    for mail in inbox.mails:
        first = str(mail.message["List-Unsubscribe"]).partition(",")[0].strip("<>")
        assert first.startswith("https://u.example.jp/u/")
        assert first in mail.text, "a person finds the same link in the text"
        found[mail.to[0]] = first.removeprefix("https://u.example.jp")
    return found


def refusals(story: Story) -> list[str]:
    with story.system.ledger.read() as connection:
        return list(connection.scalars(text("SELECT address FROM suppressions WHERE kind = 'opted_out' AND lifted_at IS NULL ORDER BY address")))


def told(story: Story, event: str) -> int:
    with story.system.ledger.read() as connection:
        return int(connection.scalar(text("SELECT count(*) FROM tail WHERE event = :event"), {"event": event}) or 0)


def test_only_a_post_refuses_and_it_does_so_at_once_and_once(story: Story, inbox: Inbox, reached: Tell) -> None:
    paths = links(inbox)
    assert len(paths) == CUSTOMERS
    with served(story.system) as url, httpx.Client(base_url=url) as client, ThreadPoolExecutor(8) as crowd:

        def look(number: int, path: str) -> httpx.Response:
            return client.request("HEAD" if number % 3 == 0 else "GET", path, headers=SCANNERS[number % len(SCANNERS)])

        looked = [crowd.submit(look, number, path) for path in paths.values() for number in range(LOOKS)]
        assert {each.result().status_code for each in looked} == {200}
        assert (refusals(story), told(story, "mail.opted_out")) == ([], 0), "whoever only looks changes nothing"

        first, *others = sorted(paths)
        posts = [(address, number) for address in others for number in range(POSTS)]
        answers = [crowd.submit(client.post, paths[address], **FORMS[number % len(FORMS)]) for address, number in posts]  # type: ignore[arg-type]  # of several kinds
        looks = [crowd.submit(look, number, paths[first]) for number in range(LOOKS)]
        assert {each.result().status_code for each in answers} == {200}, "and never a redirect"
        assert {each.result().status_code for each in looks} == {200}
    assert refusals(story) == others
    assert told(story, "mail.opted_out") == len(others), "each is told once in the log of its account"
    assert story.nightly("2026-04-14 02:00").won == 1
    story.dispatch("2026-04-14 11:31")
    assert inbox.recipients().count(first) == 2
    assert [inbox.recipients().count(address) for address in others] == [1] * len(others), "none of them was written to again"
    reached(len(looked) + len(looks), "looks of scanners", faults=len(looked) + len(looks))
    reached(len(posts), "posts")


def test_a_forged_link_changes_nothing(story: Story, inbox: Inbox, reached: Tell) -> None:
    token = next(iter(links(inbox).values())).rpartition("/")[2]
    touch, _, found = token.partition(".")
    other = story.touches()[-1].id
    forged = [
        f"{touch}.{'0' * len(found)}",
        f"{other if other != touch else story.touches()[0].id}.{found}",
        f"{touch}.{found[:-1]}",
        f"{touch}.{tag(SECRET, BOUNCE, touch)}",
        f"{'f' * 32}.{found}",
        touch,
        f"{touch}.{found}0",
        "日本語",
        "a" * 10_000,
    ]
    with served(story.system) as url, httpx.Client(base_url=url) as client:
        assert [client.post(f"/u/{each}", content=ONE_CLICK).status_code for each in forged] == [404] * len(forged)
    assert refusals(story) == []
    reached(len(forged), "forged links")


def test_a_person_may_change_her_mind_and_every_page_says_where_she_is(story: Story, inbox: Inbox) -> None:
    path = next(iter(links(inbox).values()))
    japanese = {"Accept-Language": "ja,en;q=0.8"}
    with served(story.system) as url, httpx.Client(base_url=url, headers=japanese) as client:
        asked = client.get(path)
        assert "メールの配信を停止しますか" in asked.text
        assert "まだ何も変更していません" in asked.text
        assert (asked.headers["Cache-Control"], asked.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
        assert "default-src 'none'" in asked.headers["Content-Security-Policy"]
        assert "example.jp" not in asked.text, "nothing on the page tells who it is for"
        assert "配信を停止しました" in client.post(path, data={"answer": "refuse"}).text
        assert "配信を停止しました" in client.get(path).text
        story.clock.set(at("2026-04-07 12:00"))
        assert "配信を再開しました" in client.post(path, data={"answer": "resume"}).text
        assert refusals(story) == []
        assert "停止しますか" in client.get(path).text
        assert client.get("/page.css").headers["Content-Type"].startswith("text/css")
        assert "Stop receiving" in client.get(path, headers={"Accept-Language": "en-US"}).text
    assert (told(story, "mail.opted_out"), told(story, "mail.opted_in")) == (1, 1)


def test_a_wish_that_cannot_be_kept_is_not_said_to_be(story: Story, inbox: Inbox) -> None:
    path = next(iter(links(inbox).values()))
    with story.system.ledger.write() as connection:
        connection.execute(text("ALTER TABLE suppressions RENAME TO away"))
    with served(story.system) as url, httpx.Client(base_url=url) as client:
        answer = client.post(path, content=ONE_CLICK)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        with story.system.ledger.write() as connection:
            connection.execute(text("ALTER TABLE away RENAME TO suppressions"))
        assert client.post(path, content=ONE_CLICK).status_code == 200
    assert len(refusals(story)) == 1
