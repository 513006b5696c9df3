"""The example workspace, served, and the product's pages beside it on another origin."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.ledger.keys import Key
from engine.pipeline.keys import add_key
from engine.pipeline.visitors import popup_secret
from tests.browser.product import Product, running_product, token_of
from tests.browser.stand_in import StandIn, running_stand_in
from tests.builders import AZURE, a_customer, at
from tests.story import ROOT, Story
from tests.web.door import KEY, a_key, records_of, served
from web.script import tag

NOW = "2026-04-07 10:00"
PUBLIC = "https://u.example.jp"


@dataclass
class Deployment:
    """banso and the product, both running. `url` is where banso is."""

    story: Story
    product: Product
    url: str

    @property
    def tag(self) -> str:
        """What `banso popup tag` prints, at this machine's address."""
        return tag(PUBLIC).replace(PUBLIC, self.url)

    def page(self, **more: Any) -> str:
        """A page of the product with the tag on it; returns its address."""
        return self.product.shows(self.url, head=self.tag, **more)

    def happens(self, event: str, *, account: str = AZURE, **properties: object) -> None:
        """The product's server tells it, and has its answer."""
        told = {"event": event, "userId": "tanaka", "context": {"groupId": account}, "properties": properties, "messageId": secrets.token_hex(8)}
        assert httpx.post(f"{self.url}/v1/track", json=told, auth=(KEY, "")).status_code == 200

    def look(self, account: str = AZURE) -> Any:
        """What a page without a script would be told."""
        headers = {"Authorization": f"Bearer {token_of(self.story.system, account=account)}"}
        return httpx.get(f"{self.url}/v1/next-action", headers=headers, timeout=30).json()["action"]

    def awake(self) -> None:
        """The first question of a process takes longer than a page waits for an answer."""
        assert self.look() is None

    def events(self) -> list[str]:
        """What the popup told, in order."""
        return [each.event or f"{each.field}={each.value}" for each in records_of(self.story.system, AZURE) if each.source in {"banso", "hearing"}]


@pytest.fixture
def product() -> Iterator[Product]:
    with running_product() as product:
        yield product


@pytest.fixture
def deployed(tmp_path: Path, product: Product) -> Iterator[Callable[..., Deployment]]:
    """deployed(workspace=…): Tanaka of Aozora is signed in to the product."""
    stories: list[Any] = []

    def start(workspace: Path = ROOT) -> Deployment:
        story = Story(tmp_path, workspace=workspace)
        (tmp_path / "secret").write_text(secrets.token_hex(32), encoding="utf-8")
        story.config = story.config.model_copy(update={"secret_file": tmp_path / "secret", "origins": product.url})
        story.restart()
        story.clock.set(at(NOW))
        add_key(story.system, popup_secret(story.system, "app"), Key("app", frozenset({"popup"}), (), at(NOW), "tanaka"))
        a_key(story.system)
        story.given(a_customer())
        story.heard(NOW)
        product.gives("/banso-token", lambda: token_of(story.system))
        door = served(story.system)
        stories.append((story, door))
        deployment = Deployment(story, product, door.__enter__())
        deployment.awake()
        return deployment

    yield start
    for story, door in stories:
        door.__exit__(None, None, None)
        story.close()


@pytest.fixture
def deployment(deployed: Callable[..., Deployment]) -> Deployment:
    return deployed()


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with running_stand_in() as stand_in:
        yield stand_in
