"""The headers of advertising and of service mail, and what a deployment adds to them."""

import pytest

from engine.channels.deployment import Deployment
from engine.channels.mail.tags import BOUNCE, REFUSAL, bounce_address, refusal_url, touch_of
from engine.workspace.model import Workspace
from tests.channels.strict import ADDR, read
from tests.channels.writing import TOUCH, as_service, the_workspace, with_imprint, with_sender, write

SECRET = b"0123456789abcdef" * 2
CLICK = Deployment(public_url="https://u.example.jp", secret=SECRET)
MAILTO = "mailto:unsubscribe@example.jp"
OWN = f"https://u.example.jp/u/{TOUCH}."
ADVERTISING = ["List-Unsubscribe", "List-Unsubscribe-Post", "List-Id", "Feedback-ID"]


def test_advertising_can_be_refused_and_sorted() -> None:
    seen = read(write(deployment=CLICK).body)
    clicked, _, mailed = str(seen["List-Unsubscribe"]).partition(", ")
    assert clicked.startswith(f"<{OWN}")
    assert mailed == f"<{MAILTO}>"
    assert seen["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert str(seen["List-Id"]).endswith(".example.jp>")
    assert seen["Auto-Submitted"] == "auto-generated"


def test_one_click_is_only_offered_where_there_is_something_to_click_on() -> None:
    """RFC 8058: without an https address the header would promise what nobody keeps."""
    seen = read(write().body)
    assert "List-Unsubscribe-Post" not in seen.names
    assert seen["List-Unsubscribe"] == f"<{MAILTO}>"


@pytest.mark.parametrize(
    ("workspace", "deployment", "https"),
    [
        pytest.param(the_workspace(), CLICK, 1, id="mailto in the imprint"),
        pytest.param(with_imprint(refuse="https://example.jp/refuse"), CLICK, 1, id="a page in the imprint, which one click replaces"),
        pytest.param(with_imprint(refuse="https://example.jp/refuse"), Deployment(), 1, id="a page in the imprint alone"),
        pytest.param(the_workspace(), Deployment(public_url="https://u.example.jp"), 0, id="no secret"),
    ],
)
def test_there_is_at_most_one_https_address_to_refuse_at(workspace: Workspace, deployment: Deployment, https: int) -> None:
    seen = read(write(workspace, deployment).body)
    assert str(seen["List-Unsubscribe"]).count("<https://") == https
    assert ("List-Unsubscribe-Post" in seen.names) == deployment.refuses_by_click


def test_service_mail_has_no_list_headers() -> None:
    seen = read(write(as_service(the_workspace()), CLICK).body)
    assert [name for name in seen.names if name in ADVERTISING] == []
    assert seen["Auto-Submitted"] == "auto-generated"


def test_the_reader_refuses_where_the_header_says() -> None:
    """The link at the end of the text and the button of the mail program are the same."""
    seen = read(write(deployment=CLICK).body)
    address = str(seen["List-Unsubscribe"]).partition(",")[0].strip("<>")
    assert all(address in text for _, text in seen.parts)


def test_no_header_tells_who_the_customer_is() -> None:
    seen = read(write(deployment=CLICK).body)
    told = " ".join(str(seen[name]) for name in ADVERTISING)
    assert all(word not in told for word in ("aozora", "tanaka", "青空", "田中"))


def test_answers_go_to_a_mailbox_that_is_read() -> None:
    assert read(write(with_sender(reply_to="desk@example.jp")).body)["Reply-To"][1] == "desk@example.jp"
    assert "Reply-To" not in read(write().body).names


# --- where bounces go -------------------------------------------------------------------------------------------------


def test_a_bounce_names_its_touch_and_nobody_else_can_make_it() -> None:
    letter = write(deployment=Deployment(secret=SECRET, bounce_domain="bounce.example.jp"))
    assert ADDR.match(letter.sender.encode())
    local = letter.sender.partition("@")[0]
    assert len(local) <= 64
    assert touch_of(SECRET, BOUNCE, local.removeprefix("bounce+")) == TOUCH
    assert letter.sender not in letter.body.decode()
    assert write().sender == "cs@example.jp"


@pytest.mark.parametrize("purpose", [BOUNCE, REFUSAL])
def test_a_tag_is_ours_or_it_is_nothing(purpose: str) -> None:
    other = {BOUNCE: REFUSAL, REFUSAL: BOUNCE}[purpose]
    token = {
        BOUNCE: bounce_address(SECRET, "b.jp", TOUCH).partition("@")[0].removeprefix("bounce+"),
        REFUSAL: refusal_url(SECRET, "https://u.jp/", TOUCH).removeprefix("https://u.jp/u/"),
    }[purpose]
    assert touch_of(SECRET, purpose, token) == TOUCH
    forged = (
        token[:-1] + ("0" if token[-1] != "0" else "1"),
        "f" + token[1:],
        token[:-1],
        token + "0",
        "",
        TOUCH,
        TOUCH + ".",
        token.upper(),
        token + "é",
    )
    assert [touch_of(SECRET, purpose, each) for each in forged] == [None] * len(forged)
    assert touch_of(SECRET, other, token) is None
    assert touch_of(b"another secret of many bytes .....", purpose, token) is None
