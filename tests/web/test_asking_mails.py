"""Mails that ask by buttons: the button opens a page, the page keeps the answer, and the rules know it at once."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.channels.mail.tags import ANSWER, REFUSAL, tag
from tests.builders import AZURE, a_record, a_stalled_customer
from tests.inbox import Inbox
from tests.story import ROOT, Story
from tests.web.door import Web, records_of

SECRET = b"a secret of forty-eight letters, for these tests"
JAPANESE = {"Accept-Language": "ja"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
READY = "準備できている"


@pytest.fixture
def story(tmp_path: Path, inbox: Inbox) -> Iterator[Story]:
    """On 18 May the company's guidance begins in twenty business days, and it is asked how its preparations go."""
    story = Story(tmp_path, workspace=ROOT, smtp_url=inbox.url)
    story.go_public(SECRET)
    begins = a_record("hearing.guidance_start", value="2026-06-15", at="2026-04-01 10:00")
    story.given(a_stalled_customer(AZURE, since="2026-04-01 10:20"), begins)
    story.nightly("2026-05-18 02:00")
    story.dispatch("2026-05-18 11:31")
    yield story
    story.close()


def buttons(inbox: Inbox) -> dict[str, str]:
    """Answer → its path, as the letter's text tells it."""
    (mail,) = inbox.mails
    html = mail.message.get_body(("html",))
    found = re.findall(r"https://u\.example\.jp(/a/[0-9a-f.]+\?say=(\w+))", mail.text)
    assert html is not None
    assert all(path in html.get_content() for path, _ in found), "text and HTML offer the same"
    return {value: path for path, value in found}


def post(web: Web, path: str, field: str, value: str) -> tuple[int, str]:
    answer = web.ask("POST", path.partition("?")[0], data={"field": field, "value": value}, headers=JAPANESE)
    return answer.status_code, answer.text


def heard(story: Story) -> list[tuple[str | None, str | None]]:
    return [(each.field, each.value) for each in records_of(story.system, AZURE) if each.field is not None and each.field.startswith("hearing.")]


def test_the_button_chooses_and_only_the_page_sends(story: Story, inbox: Inbox) -> None:
    found, web = buttons(inbox), Web(story.system)
    assert list(found) == ["ready", "partly", "late", "changed"]
    for method in ("GET", "HEAD"):
        assert {web.ask(method, path).status_code for path in found.values()} == {200}
    assert heard(story) == [], "whoever only looks, a scanner of mailboxes for one, answers nothing"
    page = web.ask("GET", found["late"], headers=JAPANESE)
    assert re.findall(r'value="(\w+)" required checked', page.text) == ["late"]
    assert READY in page.text
    assert "example.jp" not in page.text, "nothing on the page tells who it is for"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_an_answer_is_known_to_the_very_next_night(story: Story, inbox: Inbox) -> None:
    path, web = buttons(inbox)["late"], Web(story.system)
    status, page = post(web, path, "hearing.readiness", "late")
    assert (status, "ご回答ありがとうございました" in page) == (200, True)
    assert heard(story) == [("hearing.readiness", "late")]
    assert [each.event for each in records_of(story.system, AZURE)][-1] == "mail.answered"
    assert story.facts("2026-05-18 11:32")["readiness"] == "late"
    story.nightly("2026-05-19 02:00")
    assert story.decisions(slot="2026-05-19")["readiness-late-call"][0] == "won"


def test_one_answer_leads_to_one_more_question(story: Story, inbox: Inbox) -> None:
    path, web = buttons(inbox)["changed"], Web(story.system)
    status, page = post(web, path, "hearing.readiness", "changed")
    assert (status, "案内開始予定日" in page, 'type="date"' in page) == (200, True, True)
    status, page = post(web, path, "hearing.guidance_start", "7月上旬")
    assert (status, "ご回答ありがとうございました" in page) == (200, True)
    facts = story.facts("2026-05-18 11:32")
    assert (facts["readiness"], facts["readiness_answer"]) == ("open", "changed")
    assert heard(story)[-1][0] == "hearing.guidance_start"


def test_the_last_answer_counts_and_a_double_click_is_one(story: Story, inbox: Inbox) -> None:
    path, web = buttons(inbox)["ready"], Web(story.system)
    for _ in range(2):
        post(web, path, "hearing.readiness", "ready")
    assert heard(story) == [("hearing.readiness", "ready")]
    story.clock.set(story.clock.now() + 60_000_000)
    post(web, path, "hearing.readiness", "partly")
    assert story.facts("2026-05-18 11:34")["readiness_answer"] == "partly"


@pytest.mark.parametrize(
    ("field", "value"),
    [("hearing.readiness", "perhaps"), ("hearing.readiness", ""), ("hearing.will", "apply"), ("", ""), ("hearing.guidance_start", "いつか")],
)
def test_what_is_no_answer_is_asked_again_and_nothing_is_kept(story: Story, inbox: Inbox, field: str, value: str) -> None:
    status, page = post(Web(story.system), buttons(inbox)["ready"], field, value)
    assert (status, "読み取れませんでした" in page) == (400, True)
    assert heard(story) == []


def test_a_forged_or_old_link_keeps_nothing(story: Story, inbox: Inbox) -> None:
    path, web = buttons(inbox)["ready"], Web(story.system)
    touch = path.removeprefix("/a/").partition(".")[0]
    forged = [f"/a/{touch}.{'0' * 32}", f"/a/{touch}.{tag(SECRET, REFUSAL, touch)}", f"/a/{'f' * 32}.{tag(SECRET, ANSWER, touch)}", "/a/日本語"]
    assert {post(web, each, "hearing.readiness", "ready")[0] for each in forged} == {410}
    story.clock.set(story.clock.now() + 61 * 86_400_000_000)
    status, page = post(web, path, "hearing.readiness", "ready")
    assert (status, "受付は終了しました" in page) == (410, True)
    assert heard(story) == []


def test_a_rule_that_does_not_ask_any_more_says_so(story: Story, inbox: Inbox, tmp_path: Path) -> None:
    path = buttons(inbox)["ready"]
    space = tmp_path / "another"
    for folder in ("rules", "templates"):
        shutil.copytree(ROOT / folder, space / folder)
    rules = (space / "rules" / "push.yaml").read_text(encoding="utf-8")
    silent = re.sub(r"\n +(save_to|follow_up): .*", "", rules)
    assert silent != rules
    (space / "rules" / "push.yaml").write_text(silent, encoding="utf-8")
    story.config = story.config.model_copy(update={"workspace": space})
    story.restart()
    assert Web(story.system).ask("GET", path).status_code == 410


def test_without_a_public_address_the_mail_asks_for_a_reply_instead(tmp_path: Path, inbox: Inbox) -> None:
    story = Story(tmp_path, workspace=ROOT, smtp_url=inbox.url)
    begins = a_record("hearing.guidance_start", value="2026-06-15", at="2026-04-01 10:00")
    story.given(a_stalled_customer(AZURE, since="2026-04-01 10:20"), begins)
    story.nightly("2026-05-18 02:00")
    story.dispatch("2026-05-18 11:31")
    (mail,) = inbox.mails
    assert "/a/" not in mail.text
    assert "このメールにひと言ご返信ください" in mail.text
    story.close()
