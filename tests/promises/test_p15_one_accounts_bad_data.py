"""P15: one account's bad data fails one touch, with a reason a person understands; its neighbours' mails go out.

The real night and the real dispatch with one bad account among many: fields that are missing, 5 MB long, turned around, or hold line ends and commands.
"""

from collections.abc import Sequence

import pytest

from engine.messages import say_detail
from engine.records.record import Record
from tests.builders import a_contact, a_record, a_stalled_customer
from tests.channels.strict import read
from tests.inbox import Inbox
from tests.promises.conftest import Tell
from tests.promises.scale import scaled
from tests.story import Story

NEIGHBOURS = scaled(24, 10_000) - 1
BAD = "bad"
BODY = "templates/mail/initial-settings/body.txt"
FIVE_MEGABYTES = "株" * (5_000_000 // 3)


def company(name: str) -> list[Record]:
    return [a_record("account.name", value=name, account=BAD, at="2026-03-25 10:00")]


def person(name: str) -> list[Record]:
    return a_contact(account=BAD, email="tanaka@bad.example.jp", name=name, at="2026-03-25 10:00")


def address(text: str) -> list[Record]:
    return a_contact(account=BAD, email=text, at="2026-03-25 10:00")


def kind(value: str) -> list[Record]:
    return [a_record("hearing.recruit_kind", value=value, account=BAD, at="2026-03-25 10:00")]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        pytest.param([], "is undefined", id="a field it never told"),
        pytest.param([*company(FIVE_MEGABYTES), *kind("new_grad")], "account.name が長すぎます(1,666,666 文字。200 文字まで)", id="a name of 5 MB"),
        pytest.param(
            [*company("株式会社\u202egnp.青空"), *kind("new_grad")],
            "account.name に、名前や文に使えない見えない文字 U+202E",
            id="a mark that turns the direction",
        ),
        pytest.param([*company("青空\u200f商事"), *kind("new_grad")], "U+200F", id="a right-to-left mark"),
        pytest.param([*company("青空\r\nBcc: evil@x.y"), *kind("new_grad")], "U+000D", id="a line end in a company's name"),
        pytest.param(
            [*person("田中\nBcc: evil@x.y"), *kind("new_grad")],
            "contact.name に、名前や文に使えない見えない文字 U+000A",
            id="a line end in a person's name",
        ),
        pytest.param([*company("青空\u2028商事"), *kind("new_grad")], "U+2028", id="a line separator"),
        pytest.param([*company("青空\x00商事"), *kind("new_grad")], "U+0000", id="NUL"),
        pytest.param([*address("tanaka@bad.example.jp, evil@x.y"), *kind("new_grad")], "メールアドレスではない", id="two addresses in one"),
        pytest.param(
            [*address("tanaka@bad.example.jp\r\nRCPT TO:<evil@x.y>"), *kind("new_grad")], "メールアドレスではない", id="a command in the address"
        ),
    ],
)
def test_bad_data_fails_one_touch_and_the_neighbours_go(story: Story, inbox: Inbox, bad: Sequence[Record], reason: str, reached: Tell) -> None:
    story.change_rules(BODY, '{{ recruit_kind | default("採用の種類ごと") }}', "{{ recruit_kind }}")
    neighbours = [f"acc{number:05}" for number in range(NEIGHBOURS)]
    for account in neighbours:
        story.given(a_stalled_customer(account), a_record("hearing.recruit_kind", value="new_grad", account=account))
    story.given(a_stalled_customer(BAD), *bad)
    story.nightly("2026-04-07 02:00")
    assert story.dispatch("2026-04-07 09:00") == {"sent": NEIGHBOURS, "failed": 1}
    (failed,) = story.touches(BAD)
    assert (failed.state, failed.reason) == ("failed", "unwritable")
    told = say_detail("ja", failed.detail or "")
    assert reason in told
    assert len(told) <= 400, "a reason is read by people"
    assert inbox.recipients() == [f"tanaka@{account}.example.jp" for account in neighbours]
    for mail in inbox.mails[:3]:
        assert "Bcc" not in read(mail.body).names
    reached(NEIGHBOURS + 1, "accounts", faults=1)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param('㈱髙橋・﨑製作所 <東京> & Co. "A"', id="signs of everyday names"),
        pytest.param("=?utf-8?q?a=0ABcc=3A_evil=40x=2Ey?=", id="what looks like an encoded header"),
        pytest.param("<script>alert(1)</script>", id="what looks like markup"),
        pytest.param("{{ 7 * 7 }}{% for x in done %}", id="what looks like a template"),
        pytest.param("株" * 200, id="the longest name"),
        pytest.param("👩‍👩‍👧‍👦 שלום مرحبا", id="letters of every direction"),
    ],
)
def test_strange_but_honest_names_are_written_to_as_they_are(story: Story, inbox: Inbox, name: str) -> None:
    story.given(a_stalled_customer(BAD), company(name))
    story.nightly("2026-04-07 02:00")
    assert story.dispatch("2026-04-07 09:00") == {"sent": 1}
    seen = read(inbox.mails[0].body)
    text, html = (text for _, text in seen.parts)
    assert text.startswith(name)
    assert "<script" not in html
    assert "Bcc" not in seen.names
