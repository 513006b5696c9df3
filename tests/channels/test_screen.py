"""Who may be written to from here: nobody unless asked for, then those on a list, then everybody."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from engine.channels.mail.screen import Delivery, allowed_of, open_transport
from engine.config import Config
from engine.errors import BansoError
from tests.builders import a_stalled_customer
from tests.inbox import Inbox
from tests.story import Story

ALLOWED = "Tanaka@ACC1.example.jp, @acc2.example.jp acc3.example.jp"


@pytest.mark.parametrize(
    ("mode", "address", "reached"),
    [
        pytest.param("dry-run", "tanaka@acc1.example.jp", False, id="a dry run reaches nobody, listed or not"),
        pytest.param("allow-list", "tanaka@acc1.example.jp", True, id="an address on the list"),
        pytest.param("allow-list", "TANAKA@ACC1.EXAMPLE.JP", True, id="however it is written"),
        pytest.param("allow-list", "sato@acc1.example.jp", False, id="somebody else there"),
        pytest.param("allow-list", "sato@acc2.example.jp", True, id="anybody of a domain"),
        pytest.param("allow-list", "sato@acc3.example.jp", True, id="a domain without its @"),
        pytest.param("allow-list", "sato@mail.acc2.example.jp", False, id="a domain below is another one"),
        pytest.param("allow-list", "sato@xacc2.example.jp", False, id="a domain that ends alike"),
        pytest.param("production", "anybody@anywhere.example", True, id="in production everybody"),
    ],
)
def test_who_is_reached(mode: str, address: str, reached: bool) -> None:
    assert Delivery(mode, "smtp://relay", allowed_of(ALLOWED)).reaches(address) == reached


def sent_with(story: Story, **settings: str) -> dict[str, str]:
    """Three companies' mails under these settings: account → what became of it."""
    story.config = story.config.model_copy(update=settings)
    story.restart()
    story.given(*[a_stalled_customer(f"acc{number}") for number in (1, 2, 4)])
    story.nightly("2026-04-07 02:00")
    assert story.dispatch("2026-04-07 09:00") == {"sent": 3}
    return {touch.account_id: touch.reply or "" for touch in story.touches()}


def outbox(story: Story) -> set[str]:
    return {path.stem for path in (story.config.state_folder / "outbox").glob("*.eml")}


def test_a_relay_alone_sends_nothing(story: Story, inbox: Inbox) -> None:
    """Whoever tries the product on real data and a real relay must not mail his customers by it."""
    replies = sent_with(story, delivery=Config.model_fields["delivery"].default)
    assert inbox.mails == []
    assert len(outbox(story)) == 3
    assert all(reply.startswith("送っていません(BANSO_DELIVERY=dry-run)") and ".eml" in reply for reply in replies.values())


def test_a_list_lets_those_on_it_through_and_keeps_the_others(story: Story, inbox: Inbox) -> None:
    replies = sent_with(story, delivery="allow-list", allow=ALLOWED)
    assert inbox.recipients() == ["tanaka@acc1.example.jp", "tanaka@acc2.example.jp"]
    assert outbox(story) == {touch.id for touch in story.touches("acc4")}
    assert replies["acc1"].startswith("250")
    assert replies["acc4"].startswith("送っていません(この宛先は BANSO_ALLOW にありません)")


def test_production_sends_everything(story: Story, inbox: Inbox) -> None:
    sent_with(story, delivery="production")
    assert len(inbox.mails) == 3
    assert outbox(story) == set()


@pytest.mark.parametrize(
    ("delivery", "code"),
    [
        pytest.param(Delivery("production", None), "E632", id="production without a relay"),
        pytest.param(Delivery("allow-list", None, frozenset({"a@x.y"})), "E632", id="a list without a relay"),
        pytest.param(Delivery("allow-list", "smtp://relay"), "E633", id="an empty list"),
        pytest.param(Delivery("dry-run", "http://relay"), "E630", id="no relay's address, even if nothing is sent"),
    ],
)
def test_settings_by_which_nothing_could_go_out_are_refused(delivery: Delivery, code: str, tmp_path: Path) -> None:
    with pytest.raises(BansoError) as caught:
        open_transport(delivery, tmp_path, "ja")
    assert [fault.code for fault in caught.value.faults] == [code]


def test_a_mode_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValidationError):
        Config(delivery="prod")
