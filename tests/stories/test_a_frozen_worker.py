"""A worker that is frozen between `sending` and the final dot, and wakes when others have done its work."""

from dataclasses import dataclass, field

from engine.calendar import MINUTE, SECOND
from engine.channels.letter import InTime, Letter, Reply, Transport
from engine.channels.mail.evidence import Seen
from engine.channels.mail.transport import SmtpTransport
from engine.pipeline.dispatch import dispatch
from engine.pipeline.reconcile import Reconciled, reconcile
from engine.pipeline.sweep import sweep
from tests.builders import a_stalled_customer
from tests.faults.parts import OneHand
from tests.inbox import Inbox
from tests.story import Story

HALF_AN_HOUR = 30 * MINUTE


@dataclass
class Freezing:
    """A connection whose process stands still before it hands over, while the world goes on."""

    story: Story
    relay: Transport
    meanwhile: list[Reconciled] = field(default_factory=list)

    def offer(self, letter: Letter) -> Reply | None:
        return self.relay.offer(letter)

    def hand_over(self, letter: Letter, in_time: InTime) -> Reply:
        self.story.clock.advance(HALF_AN_HOUR)
        self.meanwhile.append(reconcile(self.story.system, [Nothing(self.story)]))
        sweep(self.story.system, lambda _channel, _ids: None)
        self.meanwhile.append(reconcile(self.story.system, [Nothing(self.story)]))
        self.story.sweep_and_send()
        return self.relay.hand_over(letter, in_time)

    def close(self) -> None:
        self.relay.close()


@dataclass
class Nothing:
    """A relay's log that is complete and knows of no letter."""

    story: Story

    def look(self, _message_ids: object) -> Seen:
        return Seen(frozenset(), 0, self.story.clock.now())


def test_it_lets_its_letter_be(story: Story, inbox: Inbox) -> None:
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    story.heard("2026-04-07 08:59")
    worker = story.worker()
    worker.hands = OneHand()
    frozen = Freezing(story, SmtpTransport(inbox.url))
    worker._transports["mail", 0] = frozen
    story.clock.set(story.touch().due_at + SECOND)
    counts = dispatch(worker, [story.touch().id])
    worker.close()
    assert frozen.meanwhile == [Reconciled(), Reconciled(absent=1)], "the sweep called it unknown, and the evidence not sent"
    assert set(inbox.times_taken().values()) == {1}
    assert (story.touch().state, story.touch().attempt) == ("sent", 2)
    assert counts["unknown"] == 1, "what became of it is another's word"
