"""A deployment that gets back what its mails bring about: with a secret, a domain for bounces and a public address."""

import secrets
from collections import Counter
from pathlib import Path

from sqlalchemy import text

from engine.pipeline.returns import Arrived, Fate, take_mail
from tests.inbox import Inbox
from tests.returns.corpus import KNOWN, Sent
from tests.story import Story

FORGERIES = ("guessed tag", "tag of another letter", "Message-ID alone")
SECRET = secrets.token_hex(32).encode()


def set_up(story: Story, **more: object) -> None:
    """From here on mails of the story carry tags."""
    path = story.folder / "secret"
    path.write_bytes(SECRET)
    settings = {"public_url": "https://u.example.jp/", "bounce_domain": "bounce.example.jp", "secret_file": path, **more}
    story.config = story.config.model_copy(update=settings)
    story.restart()


def letters(inbox: Inbox) -> dict[str, Sent]:
    """What went out, by whom it went to."""
    return {mail.to[0]: Sent.of(mail) for mail in inbox.mails}


def comes_back(story: Story, shape: str, sent: Sent, *, number: int = 0, door: str = "maildir", recipient: str = "") -> Fate:
    return take_mail(story.system, KNOWN[shape].of(sent, number), Arrived(door, recipient))


def asked(story: Story, statement: str) -> list[tuple[object, ...]]:
    with story.system.ledger.read() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def suppressed(story: Story) -> list[tuple[object, ...]]:
    return asked(story, "SELECT address, kind FROM suppressions WHERE lifted_at IS NULL ORDER BY address, kind")


def told(story: Story) -> Counter[str]:
    """How often each record of what came back is in the log, moved or not."""
    events = ("mail.bounced", "mail.complained", "mail.replied", "mail.auto_replied")
    return Counter(str(event) for (event,) in asked(story, "SELECT event FROM tail") if event in events)


def aside(story: Story) -> Counter[str]:
    return Counter(str(reason) for (reason,) in asked(story, "SELECT reason FROM quarantine WHERE source = 'mail'"))


def new_message(folder: Path, name: str, raw: bytes) -> None:
    """As a mail server delivers into a Maildir."""
    for each in ("tmp", "new", "cur"):
        (folder / each).mkdir(parents=True, exist_ok=True)
    (folder / "tmp" / name).write_bytes(raw)
    (folder / "tmp" / name).rename(folder / "new" / name)


def forged(sent: Sent, other: str, *, how: str) -> Sent:
    """What somebody makes up who knows the letter, but not its tag."""
    verp, refuse = f"bounce+{sent.envelope}={'0' * 16}@bounce.example.jp", f"https://u.example.jp/u/{sent.envelope}.{'0' * 32}"
    if how == "tag of another letter":
        tag = other.partition("=")[2]
        return Sent(sent.to, f"bounce+{sent.envelope}={tag}", sent.message_id, sent.envelope, refuse)
    if how == "Message-ID alone":
        return Sent(sent.to, "cs@example.jp", sent.message_id, sent.envelope, "https://u.example.jp/unsubscribe")
    return Sent(sent.to, verp, sent.message_id, sent.envelope, refuse)
