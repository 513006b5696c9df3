"""Every channel writes a letter to one person, the same each time, whose header says what we mean and nothing that a name says."""

from dataclasses import replace
from email import policy
from email.parser import BytesParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.channels import CHANNELS
from engine.channels.letter import Channel, Letter, Occasion, Unwritable
from engine.channels.mail.message import checked_address
from engine.decision.recipient import Recipient
from engine.facts.fold import fold_records
from engine.rulebook.python import compile_python
from engine.workspace.load import load_workspace
from engine.workspace.model import MailSource, Workspace
from tests.builders import a_stalled_customer, a_touch, at
from tests.story import SPACE

NOW = at("2026-04-07 09:00")
HEADERS = {
    "mail": [
        *("From", "To", "Subject", "Date", "Message-ID"),
        *("List-Unsubscribe", "List-Id", "Feedback-ID", "Auto-Submitted", "MIME-Version", "Content-Type"),
    ],
}
EVIL = (
    "x\r\nBcc: evil@x.y",
    "x\nBcc: evil@x.y\n\nbody",
    "x\u2028Bcc: evil@x.y",
    "=?utf-8?q?a=0ABcc=3A_evil=40x=2Ey?=",
    "=?utf-8?b?YQpCY2M6IGV2aWxAeC55?=",
    '"evil" <evil@x.y>, ',
    "evil@x.y,",
    "株式会社青空\x00\x1b[31m",
    "\u202eexe.pdf",
)
NAMES = st.one_of(st.sampled_from(EVIL), st.text(max_size=120), st.text(alphabet='=?utf-8qb_0ABc:@<>,;"\\\r\n \u2028株青', max_size=60))
RELAYED = [name for name, channel in CHANNELS.items() if channel.delivery == "relayed"]
EACH_CHANNEL = pytest.mark.parametrize("name", RELAYED)


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    """The example, with one mail whose subject is made of names."""
    loaded = load_workspace(SPACE, frozenset(CHANNELS))
    old = loaded.mails["mail/initial-settings"]
    named = MailSource(old.name, "{{ account.name }}{{ contact.name or '' }}", old.mjml, old.text)
    return replace(loaded, templates={**loaded.templates, old.name: named})


@pytest.fixture(scope="module")
def channels(workspace: Workspace) -> dict[str, Channel]:
    return {name: channel(workspace) for name, channel in CHANNELS.items() if name in RELAYED}


@pytest.fixture(scope="module")
def occasion(workspace: Workspace) -> Occasion:
    fold = fold_records(a_stalled_customer(), NOW, workspace.plan.needs, workspace.zone)
    answer = compile_python(workspace.plan, workspace.zone, workspace.business).answer(fold, NOW, frozenset())
    return Occasion(a_touch(), answer, fold, Recipient("tanaka", "tanaka@aozora.example.jp", "田中", None), NOW)


def renamed(occasion: Occasion, company: str, person: str) -> Occasion:
    name = (NOW, "sfa", "1", company, None)
    return replace(occasion, fold=replace(occasion.fold, name=name), recipient=replace(occasion.recipient, name=person))


def guarded(letter: Letter, name: str) -> None:
    """The header has our fields and no other, one recipient, and lines that every server takes."""
    head, _, body = letter.body.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert [line.partition(b":")[0].decode() for line in lines if not line.startswith(b" ")] == HEADERS[name]
    assert all(len(line) <= 998 and line.isascii() for line in lines)
    assert b"\r" not in letter.body.replace(b"\r\n", b"")
    assert b"\n" not in letter.body.replace(b"\r\n", b"")
    assert body
    message = BytesParser(policy=policy.default).parsebytes(letter.body)
    assert message.keys() == HEADERS[name]
    assert [address.addr_spec for address in message["To"].addresses] == ["tanaka@aozora.example.jp"]
    assert [address.addr_spec for address in message["From"].addresses] == ["cs@example.jp"]
    assert not [character for value in message.values() for character in str(value) if character in "\r\n\u2028\u2029\x00"]


@EACH_CHANNEL
def test_it_is_documented(name: str) -> None:
    assert CHANNELS[name].__doc__


@EACH_CHANNEL
def test_it_writes_a_letter_to_the_one_recipient(channels: dict[str, Channel], occasion: Occasion, name: str) -> None:
    letter = channels[name].write(occasion)
    assert (letter.touch_id, letter.address, letter.sender) == ("t1", "tanaka@aozora.example.jp", "cs@example.jp")
    guarded(letter, name)


@EACH_CHANNEL
def test_a_letter_written_twice_is_the_same_to_the_last_byte(
    channels: dict[str, Channel], workspace: Workspace, occasion: Occasion, name: str
) -> None:
    assert channels[name].write(occasion) == channels[name].write(occasion) == CHANNELS[name](workspace).write(occasion)


@EACH_CHANNEL
@settings(max_examples=60)
@given(company=NAMES, person=NAMES)
@example(company=EVIL[0], person=EVIL[3])
@example(company=EVIL[2], person=EVIL[1])
def test_no_name_can_add_a_header_or_a_recipient(channels: dict[str, Channel], occasion: Occasion, name: str, company: str, person: str) -> None:
    try:
        letter = channels[name].write(renamed(occasion, company, person))
    except Unwritable:
        return  # a name with marks that no name has is told, not mended
    guarded(letter, name)


@EACH_CHANNEL
@pytest.mark.parametrize("subject", EVIL)
def test_no_subject_can_add_a_header_or_a_recipient(workspace: Workspace, occasion: Occasion, name: str, subject: str) -> None:
    mail = workspace.mails["mail/initial-settings"]
    evil = replace(workspace, templates={**workspace.templates, mail.name: replace(mail, subject=subject)})
    guarded(CHANNELS[name](evil).write(occasion), name)


@pytest.mark.parametrize(
    "address",
    [
        *(
            "a@x.y, evil@x.y",
            "a@x.y\r\nRCPT TO:<evil@x.y>",
            "<a@x.y>",
            "a@x.y\n",
            "a b@x.y",
            "a@x",
            "@x.y",
            "a@x..y",
            "",
            "a@x.y>",
            '"a"@x.y',
            "ａ@x.y",
        ),
        "a" * 65 + "@x.y",
        "a@" + "x" * 251 + ".y",
    ],
)
def test_what_is_not_one_plain_address_is_written_to_by_nobody(channels: dict[str, Channel], occasion: Occasion, address: str) -> None:
    with pytest.raises(Unwritable):
        checked_address(address)
    for channel in channels.values():
        with pytest.raises(Unwritable):
            channel.write(replace(occasion, recipient=replace(occasion.recipient, address=address)))


@EACH_CHANNEL
def test_a_value_that_is_missing_fails_the_letter(workspace: Workspace, occasion: Occasion, name: str) -> None:
    """Never a mail with a hole where a word should be."""
    mail = workspace.mails["mail/initial-settings"]
    holed = replace(workspace, templates={**workspace.templates, mail.name: replace(mail, text="{{ guidance_start }}までに")})
    with pytest.raises(Unwritable):
        CHANNELS[name](holed).write(occasion)
