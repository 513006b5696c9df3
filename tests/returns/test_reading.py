"""What a message that came back is: by its form, within bounds, whatever the bytes."""

import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.returns import Returned, Unreadable, returned
from engine.returns.charsets import unworded
from engine.returns.mime import fields_of
from engine.returns.reply import new_text
from engine.returns.status import verdict_of
from tests.returns.corpus import BAD, KNOWN, Sent, Shape, jis, large, postfix

TOUCH = "0123456789abcdef" * 2
SENT = Sent(
    "tanaka@aozora.example.jp",
    f"bounce+{TOUCH}=0123456789abcdef@bounce.example.jp",
    f"<{TOUCH}@example.jp>",
    TOUCH,
    f"https://u.example.jp/u/{TOUCH}.{TOUCH}",
)
OF_THE_LIST = "Postfix: somebody of a list"  # whether the address is the letter's is asked where the letter is known


@pytest.mark.parametrize("name", KNOWN)
def test_each_shape_is_what_it_is_and_names_its_letter(name: str) -> None:
    found = returned(KNOWN[name].of(SENT))
    assert found.kind == ("hard" if name == OF_THE_LIST else KNOWN[name].kind)
    named = {tag[:32] for tag in found.about.tags} | {link[:32] for link in found.about.links} | {each[1:33] for each in found.about.message_ids}
    assert named == {TOUCH}
    if found.kind in {"hard", "soft", "policy", "complaint"}:
        assert found.about.tags or found.about.links


@pytest.mark.parametrize("name", [name for name, (reason, _) in BAD.items() if reason != "not_ours"])
def test_what_cannot_be_read_says_why(name: str) -> None:
    reason, raw = BAD[name]
    with pytest.raises(Unreadable) as problem:
        returned(raw)
    assert problem.value.reason == reason


def test_a_report_that_brings_twenty_megabytes_back_is_read() -> None:
    head, _, rest = KNOWN["Postfix: no such user"].of(SENT).partition(b"6L+R5pel")
    found = returned(head + b"A" * (19_999_000 - len(head) - len(rest)) + rest)
    assert (found.kind, found.status) == ("hard", "5.1.1")


def test_the_address_of_the_envelope_names_the_letter_alone() -> None:
    found = returned(b"From: a@b.example\r\n\r\nhi", SENT.verp)
    assert [tag[:32] for tag in found.about.tags] == [TOUCH]


@pytest.mark.parametrize(
    ("status", "said", "verdict"),
    [
        ("5.1.1", "", "hard"),
        ("5.1.3", "", "hard"),
        ("5.1.4", "", "soft"),
        ("5.1.7", "", "policy"),
        ("5.2.1", "", "hard"),
        ("5.2.2", "user unknown", "soft"),
        ("5.2.0", "no such user", "hard"),
        ("5.3.0", "553 User unknown, mailbox full", "soft"),
        ("5.3.4", "", "policy"),
        ("5.4.4", "", "hard"),
        ("5.4.1", "", "soft"),
        ("5.4.6", "routing loop", "soft"),
        ("5.5.0", "mailbox unavailable", "soft"),
        ("5.6.1", "", "policy"),
        ("5.7.1", "user unknown", "policy"),
        ("4.7.1", "greylisted", "policy"),
        ("4.1.1", "user unknown", "soft"),
        ("5.0.0", "存在しないアドレスです", "hard"),
        ("5.0.0", "blocked by policy: unknown user", "policy"),
    ],
)
def test_a_code_says_whether_the_address_is_none(status: str, said: str, verdict: str) -> None:
    assert verdict_of(status, said) == verdict


def test_what_a_person_wrote_is_kept_without_what_is_quoted() -> None:
    texts = {name: reply.text for name in KNOWN if (reply := returned(KNOWN[name].of(SENT)).reply) is not None}
    assert texts["reply, Gmail in Japanese"] == "承知しました。来週から使います。"
    assert texts["reply, Outlook in ISO-2022-JP"] == "ありがとうございます。\n電話をください。"
    assert texts["reply, a phone in Shift_JIS"] == "明日でお願いします"
    assert texts["reply, HTML alone"] == "了解&感謝"
    assert new_text("> 前\n下に書きます\n> 後") == "下に書きます"
    assert new_text("2026/04/07 10:31 採用管理 <cs@example.jp>:\n> 前\n下に書きます") == "下に書きます"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (f"=?ISO-2022-JP?B?{jis('次の')}?= =?utf-8?q?=E8=A8=AD=E5=AE=9A?= x", "次の設定 x"),
        ("=?utf-8?Q?a_b?=", "a b"),
        ("=?utf-8*ja?B?44GC?=", "あ"),
        ("=?idna?B?eG4tLWE=?=", "xn--a"),
        ("=?utf-8?B?A?=", "=?utf-8?B?A?="),
    ],
    ids=["words of two encodings", "underscore", "with a language", "an encoding that is not tried", "no base64"],
)
def test_encoded_words_of_a_subject_are_read(value: str, text: str) -> None:
    assert unworded(value) == text


def test_a_report_in_quoted_printable_is_read() -> None:
    text = postfix("5.1.1", "smtp; 550 5.1.1 User unknown").replace(
        "message/delivery-status\n", "message/delivery-status\nContent-Transfer-Encoding: quoted-printable\n"
    )
    before, mark, fields = text.partition("quoted-printable\n\n")
    report, boundary, after = fields.partition("\n\n--4TzQ")
    packed = quopri.encodestring(report.encode()).decode()
    assert returned(Shape("hard", before + mark + packed + boundary + after).of(SENT)).status == "5.1.1"


# --- whatever the bytes -----------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        *(b"\r\n", b"\n", b"\n\n", b"--b", b"--b--", b": ", b"=?utf-8?B?", b"=?=", b"\x00", b"\xff", b"\xe3\x81", b" ", b"\t", b";", b'"', b"\\"),
        *(b"Content-Type: multipart/mixed; boundary=b", b"Content-Type: multipart/report; report-type=delivery-status; boundary=b"),
        *(b"Content-Type: message/delivery-status", b"Content-Type: message/feedback-report", b"Content-Type: message/rfc822"),
        *(b"Content-Transfer-Encoding: base64", b"Content-Transfer-Encoding: quoted-printable", b"Content-Type: text/html; charset=idna"),
        *(b"Status: 5.1.1", b"Action: failed", b"Final-Recipient: rfc822;", b"Feedback-Type: abuse", b"From: MAILER-DAEMON@x", b"Message-ID: "),
        *(b"Hi. This is the x\nprogram at ", b"----- Transcript of session follows -----", SENT.verp.encode(), SENT.message_id.encode()),
    ]
)


def told(raw: bytes, recipient: str = "") -> Returned | str:
    """What it is, or why it is unreadable."""
    try:
        return returned(raw, recipient)
    except Unreadable as problem:
        return str(problem.reason)


@given(st.one_of(st.binary(max_size=2_000), st.lists(st.one_of(PIECES, st.binary(max_size=20)), max_size=60).map(b"".join)), st.text(max_size=80))
def test_any_bytes_are_something_or_unreadable(raw: bytes, recipient: str) -> None:
    found = told(raw, recipient)
    assert found != "broken", "what this code overlooked"
    assert isinstance(found, str) or found.id


@given(st.sampled_from(sorted(KNOWN)), st.data())
def test_a_message_that_was_spoilt_on_its_way_breaks_nothing(name: str, data: st.DataObject) -> None:
    raw = bytearray(KNOWN[name].of(SENT))
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 200))] = data.draw(st.one_of(PIECES, st.binary(max_size=30)))
        raw = raw or bytearray(b"x")
    assert told(bytes(raw)) != "broken"


def test_what_is_meant_to_take_long_does_not() -> None:
    """Each of these is read within its bounds; a quadratic step anywhere would keep the suite waiting for minutes."""
    for raw in (
        large(5_000_000, b"From: a@b.example\r\nContent-Type: text/plain\r\n\r\n" + b"<" * 200_000),
        b"From: a@b.example\r\nContent-Type: text/html\r\n\r\n" + b"<body" * 1_000_000,
        b"From: a@b.example\r\nSubject: " + b"=?utf-8?q?" * 6_000 + b"\r\n\r\n",
        b"From: a@b.example\r\nContent-Type: x/y" + b';a="' * 15_000 + b"\r\n\r\n",
        b"From: MAILER-DAEMON@x.example\r\n\r\nHi. This is the " + b"x" * 1_000_000,
        b"From: MAILER-DAEMON@x.example\r\n\r\n"
        b"This message was created automatically by mail delivery software permanent error\n" + b"  a@b\n    " * 50_000,
        b"From: a@b.example\r\nReferences: " + (b"<" + b"a" * 32 + b"@") * 1_500 + b"\r\n\r\n",
        b"From: a@b.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + b"\n--b " * 3_000_000,
    ):
        assert told(raw) != "broken"


def test_what_no_store_can_keep_is_left_out_of_headers() -> None:
    assert fields_of(b"Diagnostic-Code: smtp; 550 no\x00such user") == {"diagnostic-code": ["smtp; 550 nosuch user"]}
