"""Receivers who want some mails and not others: the page of refusal lets them choose, and the rules keep to it from that moment on."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import AZURE, a_record, a_stalled_customer, at
from tests.inbox import Inbox
from tests.story import Story
from tests.web.door import Web, records_of

SECRET = b"a secret of forty-eight letters, for these tests"
KINDS = "mail_kinds: {setup: {label: 設定の進め方}, help: {label: お困りごとのご案内}}\n\n"
JAPANESE = {"Accept-Language": "ja"}


@pytest.fixture
def story(tmp_path: Path, inbox: Inbox) -> Iterator[Story]:
    """One mail of the kind `setup` went out; errors call for one of the kind `help`."""
    story = Story(tmp_path, smtp_url=inbox.url)
    story.change_rules("rules/workspace.yaml", "product_url: ", f"{KINDS}product_url: ")
    story.change_rules(
        "rules/push.yaml", "template:\n        by: next_step\n        initial", "kind: setup\n      template:\n        by: next_step\n        initial"
    )
    story.change_rules("rules/push.yaml", "template: mail/support-guide", "kind: help, template: mail/support-guide")
    story.go_public(SECRET)
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    story.dispatch("2026-04-07 11:31")
    yield story
    story.close()


def link(inbox: Inbox) -> str:
    return str(inbox.mails[0].message["List-Unsubscribe"]).partition(",")[0].strip("<>").removeprefix("https://u.example.jp")


def choose(web: Web, path: str, *wanted: str) -> str:
    return web.ask("POST", path, data={"answer": "choose", "want": list(wanted)}, headers=JAPANESE).text


def told(story: Story) -> list[str | None]:
    return [each.event for each in records_of(story.system, AZURE) if (each.event or "").startswith("mail.") and each.event != "mail.sent"]


def test_the_page_shows_every_kind_and_what_is_wanted_now(story: Story, inbox: Inbox) -> None:
    page = Web(story.system).ask("GET", link(inbox), headers=JAPANESE).text
    assert re.findall(r'value="(\w+)"( checked)?> (.+)</label>', page) == [
        ("setup", " checked", "設定の進め方"),
        ("help", " checked", "お困りごとのご案内"),
    ]
    assert (told(story), "配信を停止する" in page) == ([], True)


def test_a_kind_left_out_is_sent_no_more_and_the_others_are(story: Story, inbox: Inbox) -> None:
    page = choose(Web(story.system), link(inbox), "help")
    assert "受け取るメールの設定を保存しました" in page
    assert re.findall(r'value="(\w+)"( checked)?>', page)[:2] == [("setup", ""), ("help", " checked")]
    assert told(story) == ["mail.kind_refused"]
    story.nightly("2026-04-14 02:00")
    assert story.decisions(slot="2026-04-14")["next-setting"] == ("gated", "opted_out", "mail_kind:setup")
    story.given(*(a_record("product.setting_error", at=f"2026-04-15 1{hour}:00") for hour in range(3)))
    story.nightly("2026-04-16 02:00")
    assert story.decisions(slot="2026-04-16")["support-guide"][0] == "won"
    story.dispatch("2026-04-16 11:31")
    assert len(inbox.mails) == 2


def test_a_mail_on_its_way_is_stopped_by_a_choice_of_the_last_moment(story: Story, inbox: Inbox) -> None:
    story.nightly("2026-04-14 02:00")
    choose(Web(story.system), link(inbox), "help")
    assert story.dispatch("2026-04-14 11:31") == {"dropped": 1}
    assert [each[1:] for each in story.states()][-1:] == [("dropped", "opted_out")]


def test_what_is_chosen_again_comes_again_and_said_twice_it_is_told_once(story: Story, inbox: Inbox) -> None:
    web, path = Web(story.system), link(inbox)
    for _ in range(2):
        choose(web, path, "help")
    story.clock.set(at("2026-04-07 12:00"))
    choose(web, path, "setup", "help", "invented")
    assert told(story) == ["mail.kind_refused", "mail.kind_wanted"]
    story.nightly("2026-04-14 02:00")
    assert story.decisions(slot="2026-04-14")["next-setting"][0] == "won"


def test_one_click_of_a_mail_program_still_refuses_all(story: Story, inbox: Inbox) -> None:
    web, path = Web(story.system), link(inbox)
    web.ask("POST", path, content="List-Unsubscribe=One-Click", headers={"Content-Type": "application/x-www-form-urlencoded"})
    page = web.ask("GET", path, headers=JAPANESE).text
    assert ("もう一度受け取る" in page, 'type="checkbox"' in page) == (True, False)
    assert told(story) == ["mail.opted_out"]
