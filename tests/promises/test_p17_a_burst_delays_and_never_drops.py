"""P17: a burst is delayed, and never dropped.

Many times more requests than may be at work come at once, again and again, while the customer's pages go on asking for their next action. Whoever
is told 200 is in the log, exactly once; whoever is told 429 is told when to come again, and does; every record that a rule waits for is judged.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import jwt
import pytest
from sqlalchemy import text

from engine.calendar import SECOND
from engine.pipeline.realtime import judge_dues
from engine.pipeline.visitors import popup_secret
from engine.rulebook.triggers import triggered
from tests.builders import a_customer, at
from tests.promises.conftest import Tell
from tests.promises.scale import scaled
from tests.story import ROOT, Story
from tests.web.door import KEY, Web, a_key

AT_WORK = 4
BURST = 10 * AT_WORK  # requests that come at the same moment
WAVES = scaled(5, 500)
COMPANIES = 10
TRIES = 200  # of one request, until it is taken


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    story = Story(tmp_path, workspace=ROOT)
    story.go_public(b"a secret of forty-eight letters, for these tests")
    story.given(*(a_customer(f"c{number}") for number in range(COMPANIES)))
    story.clock.set(at("2026-04-07 10:00"))
    story.heard("2026-04-07 10:00")
    a_key(story.system)
    a_key(story.system, secret="bk_for-the-pages", scopes=frozenset({"popup"}))
    yield story
    story.close()


def track(number: int) -> dict[str, object]:
    context = {"groupId": f"c{number % COMPANIES}"}
    return {"messageId": f"m{number}", "userId": "tanaka", "event": "product.login", "context": context, "timestamp": "2026-04-07T01:00:00Z"}


async def insist(client: httpx.AsyncClient, number: int) -> tuple[int, int]:
    """Send until it is taken, as clients do; (status, how often it was to come again)."""
    for again in range(TRIES):
        answer = await client.post("/v1/track", json=track(number), auth=(KEY, ""))
        if answer.status_code != 429:
            return answer.status_code, again
        assert int(answer.headers["Retry-After"]) >= 1
        await asyncio.sleep(0.01)
    return 429, TRIES


async def burst(web: Web, wave: int, token: str) -> tuple[list[tuple[int, int]], list[int]]:
    """One wave of requests at once, and the page that asks meanwhile."""
    transport = httpx.ASGITransport(web.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://banso", trust_env=False) as client:
        asked = [client.get("/v1/next-action", headers={"Authorization": f"Bearer {token}"}) for _ in range(AT_WORK)]
        sent = [insist(client, wave * BURST + number) for number in range(BURST)]
        taken, pages = await asyncio.gather(asyncio.gather(*sent), asyncio.gather(*asked))
        return list(taken), [page.status_code for page in pages]


def test_what_is_said_to_be_kept_is_kept_once_and_what_is_not_comes_again(story: Story, reached: Tell) -> None:
    now = story.clock.now() // SECOND
    claims = {"iss": "app-ages", "sub": "tanaka", "account": "c0", "iat": now, "exp": now + 600}
    token = jwt.encode(claims, popup_secret(story.system, "app-ages"), "HS256")
    web, delayed = Web(story.system, at_most=AT_WORK), 0
    for wave in range(WAVES):
        taken, pages = asyncio.run(burst(web, wave, token))
        assert {status for status, _ in taken} == {200}
        assert set(pages) == {200}, "pages have places of their own"
        delayed += sum(again for _, again in taken)
    web.come_to_rest()
    number = WAVES * BURST
    with story.system.ledger.read() as connection:
        kept = connection.scalars(text("SELECT source_id FROM tail WHERE event = 'product.login'")).all()
    assert sorted(kept) == sorted(f"m{each}" for each in range(number)), "none is lost, none is there twice"
    assert delayed > 0, "more came than could be at work"
    story.clock.set(at("2026-04-07 10:10"))
    judge_dues(story.system)
    with story.system.ledger.read() as connection:
        waiting = connection.scalar(text("SELECT count(*) FROM dues WHERE done_at IS NULL AND due_at <= :now"), {"now": story.clock.now()})
        judged = connection.scalar(text("SELECT count(*) FROM dues WHERE done_at IS NOT NULL"))
    rules = len(list(triggered(story.system.workspace, "product.login", {})))
    assert (waiting, judged) == (0, number * rules), "every login was judged by the rules that wait for one, at once or by the sweep"
    reached(number, "events", faults=delayed)
