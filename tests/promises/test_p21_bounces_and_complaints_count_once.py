"""P21: bounces and complaints count once, whoever tells them and however often, and a forged report changes nothing.

A letter goes out for each message of a corpus in the shapes of Postfix, Exchange, Gmail, Yahoo Japan, docomo, au and Exim, of feedback loops, people and
robots. Forged reports come first: by guessed tags, the tag of another letter, the Message-ID alone. Then each message comes by a mailbox drop, by LMTP
and by a signed webhook, in drawn order and again after 30 days, among messages of 20 MB, parts within parts and headers without end. On SQLite and
PostgreSQL; what is suppressed, recorded and kept aside is then counted.
"""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import pytest

from engine.calendar import SECOND
from engine.pipeline.feedback import feedback_secret
from engine.pipeline.maildrop import take_drop
from engine.pipeline.returns import EVENTS, Arrived, take_mail
from engine.returns import LARGEST
from engine.wire.signature import headers_of
from tests.builders import a_stalled_customer, at
from tests.inbox import Inbox
from tests.promises.conftest import Tell
from tests.promises.scale import scaled
from tests.returns.corpus import BAD, KNOWN, Sent
from tests.returns.posted import FORGERIES, aside, asked, forged, letters, new_message, set_up, suppressed, told
from tests.story import Story
from tests.web.door import Web, a_key

COPIES = scaled(1, 20)  # letters of each shape
STOPS = {"hard": "bounced", "complaint": "opted_out"}
REPORTS = {name: shape for name, shape in KNOWN.items() if shape.kind in {"hard", "soft", "policy", "complaint"}}
Door = Callable[[Sent | None, bytes], None]


def doors_of(story: Story) -> list[Door]:
    """A mailbox drop, LMTP, and a signed webhook, through which a message about a letter comes."""
    drop, web, secret = story.folder / "drop", Web(story.system), feedback_secret(story.system, "app-ever")

    def by_drop(_: Sent | None, raw: bytes) -> None:
        new_message(drop, "message", raw)
        assert sum(take_drop(story.system).values()) == 1
        assert list((drop / "new").iterdir()) == []

    def by_lmtp(sent: Sent | None, raw: bytes) -> None:
        take_mail(story.system, raw, Arrived("lmtp", sent.verp if sent is not None else ""))

    def by_webhook(sent: Sent | None, raw: bytes) -> None:
        signed = headers_of([secret], "m", story.clock.now() // SECOND, raw)
        answer = web.ask("POST", "/v1/feedback", content=raw, headers={"Content-Type": "message/rfc822", **signed})
        assert answer.status_code == (413 if len(raw) > LARGEST else 200), answer.text
        if answer.status_code == 413:
            by_lmtp(sent, raw)  # whoever is refused there must come by another door, to be kept aside

    return [by_drop, by_lmtp, by_webhook]


def changed(story: Story) -> list[object]:
    """Everything that a report can change."""
    tables = ("suppressions", "pauses", "returns", "tail", "touches")
    return [sorted(map(repr, asked(story, f"SELECT * FROM {table}"))) for table in tables]


@pytest.fixture
def sent(on_both: Story, inbox: Inbox) -> Mapping[tuple[str, int], Sent]:
    """A letter went out for each message of the corpus."""
    set_up(on_both, mail_drop=on_both.folder / "drop")
    a_key(on_both.system, secret="whatever", scopes=frozenset({"feedback"}))
    names = [(name, copy) for name in KNOWN for copy in range(COPIES)]
    on_both.given(*(a_stalled_customer(f"c{number:04d}") for number in range(len(names))))
    on_both.nightly("2026-04-07 02:00")
    assert on_both.dispatch("2026-04-07 11:31") == Counter(sent=len(names))
    known = letters(inbox)
    return {name: known[f"tanaka@c{number:04d}.example.jp"] for number, name in enumerate(names)}


def test_bounces_and_complaints_count_once_and_forged_ones_not_at_all(on_both: Story, sent: Mapping[tuple[str, int], Sent], reached: Tell) -> None:
    draw = random.Random(21)
    doors = doors_of(on_both)
    forgeries = _forge(on_both, doors, sent, draw)
    messages: list[tuple[Sent | None, bytes]] = [(letter, KNOWN[name].of(letter)) for (name, _), letter in sent.items()]
    messages += [(None, raw) for _, raw in BAD.values()]
    came = 0
    for when in ("2026-04-07 12:00", "2026-04-07 12:05", "2026-05-07 12:00"):
        on_both.clock.set(at(when))
        draw.shuffle(messages)
        for letter, raw in messages:
            draw.choice(doors)(letter, raw)
            came += 1
        _is_as_it_should(on_both, sent, forgeries)
    reached(came, "messages that came back")
    reached(forgeries, "forged reports", faults=forgeries + 3 * len(BAD))


def _forge(story: Story, doors: Sequence[Door], sent: Mapping[tuple[str, int], Sent], draw: random.Random) -> int:
    """Each report about somebody else's letter, by each way to forge one; returns how many."""
    before, victims, number = changed(story), list(sent.values()), 0
    for shape in REPORTS.values():
        for how in FORGERIES:
            victim, own = draw.sample(victims, 2)
            false = forged(victim, own.verp, how=how)
            number += 1
            draw.choice(doors)(false, shape.of(false, number))
            take_mail(story.system, shape.of(false, number), Arrived("lmtp", false.verp))
    assert changed(story) == before
    assert aside(story) == Counter(unproven=number)
    return number


def _is_as_it_should(story: Story, sent: Mapping[tuple[str, int], Sent], forgeries: int) -> None:
    kinds = [(letter, KNOWN[name].kind) for (name, _), letter in sent.items()]
    assert suppressed(story) == sorted((letter.to, STOPS[kind]) for letter, kind in kinds if kind in STOPS)
    assert Counter(told(story)) == Counter(EVENTS[kind] for _, kind in kinds if kind in EVENTS)
    assert Counter(dict(asked(story, "SELECT kind, count(*) FROM returns GROUP BY kind"))) == Counter(kind for _, kind in kinds)
    assert aside(story) == Counter(reason for reason, _ in BAD.values()) + Counter(unproven=forgeries)
    assert asked(story, "SELECT DISTINCT state FROM touches WHERE channel = 'mail'") == [("sent",)]
