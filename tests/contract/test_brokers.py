"""Every broker rings the same bell: a real worker process sends everything once and leaves when nothing is due."""

import pytest

from tests.builders import a_stalled_customer
from tests.inbox import Inbox
from tests.story import Story
from tests.worker import COMPLAINTS, start_worker

MAILS = 20
PATIENCE_SECONDS = 60


@pytest.mark.parametrize("broker", ["files", "Redis"])
def test_a_worker_sends_everything_once_and_leaves(story: Story, inbox: Inbox, request: pytest.FixtureRequest, broker: str) -> None:
    for number in range(MAILS):
        story.given(a_stalled_customer(f"c{number:02d}"))
    story.nightly("2026-04-07 02:00")
    story.heard("2026-04-07 09:00")
    settings = {"BROKER_URL": request.getfixturevalue("redis_url")} if broker == "Redis" else {}
    worker = start_worker(story, "2026-04-07T09:00", "--until-idle", **settings)
    ended, said = worker.wait(PATIENCE_SECONDS), (story.folder / COMPLAINTS).read_text(encoding="utf-8")
    assert ended == 0, said
    assert "Traceback" not in said
    assert (len(inbox.mails), set(inbox.times_taken().values())) == (MAILS, {1})
    assert {touch.state for touch in story.touches()} == {"sent"}
