"""The clients that products have already, as they come from the package index, against the served door. None is patched."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import posthog
import pytest
import rudderstack.analytics.client as rudderstack
import segment.analytics.client as segment
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.builders import AZURE, at
from tests.story import ROOT, Story
from tests.web.door import KEY, a_key, records_of, served

HAPPENED = 30
GROUPS = {"company": AZURE}


class LostReply:
    """Does what is asked, but the first answer gets lost: the client reads a 503 and says it all again."""

    def __init__(self, app: ASGIApp) -> None:
        self._app, self.requests = app, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.requests += scope["type"] == "http"
        first = self.requests == 1

        async def answer(message: Message) -> None:
            lost = first and message["type"] == "http.response.start"
            await send({**message, "status": 503} if lost else message)

        await self._app(scope, receive, answer if scope["type"] == "http" else send)


def of_segment(url: str, **more: Any) -> None:
    client = segment.Client(KEY, host=url, upload_interval=0.05, **more)
    client.identify("sato", {"email": "sato@aozora.example.jp"}, context={"groupId": AZURE})
    client.group("sato", AZURE, {"name": "株式会社青空"})
    for number in range(HAPPENED):
        client.track("sato", "Interview Booked", {"interview": f"i{number}"})
    client.page("sato", "settings", "home", {"page": "home"})
    client.screen("sato", "settings", "home", {"page": "home"})
    client.alias("sato", "sato-2")
    client.flush()
    client.join()


def of_rudderstack(url: str) -> None:
    client = rudderstack.Client(KEY, host=url)
    client.identify("sato", {"email": "sato@aozora.example.jp"})
    client.group("sato", AZURE, {"name": "株式会社青空"})
    for number in range(HAPPENED):
        client.track("sato", "Interview Booked", {"interview": f"i{number}"})
    client.page("sato", "settings", "home", {"page": "home"})
    client.screen("sato", "settings", "home", {"page": "home"})
    client.alias("sato", "sato-2")
    client.flush()
    client.join()


def of_posthog(url: str) -> None:
    client = posthog.Posthog(KEY, host=url, flush_interval=0.05, disable_geoip=True, enable_exception_autocapture=False)
    client.set(distinct_id="sato", properties={"email": "sato@aozora.example.jp"})
    client.group_identify("company", AZURE, {"name": "株式会社青空"}, distinct_id="sato")
    client.capture("settings viewed", distinct_id="sato", properties={"page": "home"}, groups=GROUPS)
    for number in range(HAPPENED):
        client.capture("Interview Booked", distinct_id="sato", properties={"interview": f"i{number}"}, groups=GROUPS)
    client.alias("sato", "sato-2")
    client.flush()
    client.shutdown()


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    story = Story(tmp_path, workspace=ROOT)
    story.clock.set(at("2026-04-07 10:00"))
    a_key(story.system)
    yield story
    story.close()


@pytest.mark.parametrize(
    "tell",
    [of_segment, of_rudderstack, of_posthog, lambda url: of_segment(url, gzip=True)],
    ids=["segment", "rudderstack", "posthog", "segment, packed"],
)
def test_every_event_of_a_client_is_there_once_though_its_first_answer_was_lost(
    story: Story, tell: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "backoff")
    with served(story.system, LostReply) as url:
        tell(url)
    story.clock.set(at("2100-01-01 00:00"))  # the clients told it by their own clock
    found = records_of(story.system, AZURE)
    booked = [each for each in found if each.event == "product.interview_booked"]
    assert len(booked) == HAPPENED
    assert len({each.properties for each in booked}) == HAPPENED
    assert {each.contact_id for each in booked} <= {"sato", "sato-2"}
    told = {each.field: each.value for each in found if each.field is not None}
    assert told == {"contact.email": "sato@aozora.example.jp", "account.name": "株式会社青空"}
