"""What the threads of a worker process are at, so that one that is stuck cannot hide behind those that go on."""

from dataclasses import dataclass, field
from typing import Any

from celery import bootsteps

from engine.calendar import SECOND
from engine.clock import Clock

CONSUMER, SWEEPER = "consumer", "sweeper"
COMES_ROUND_SECONDS = 1.0
BUSY_SECONDS = 30.0  # whoever has not come round for longer is told of; a consumer that waits for messages comes round within ten


@dataclass
class Rounds:
    """Since when each thread has been at what it does, on the clock that never goes back, so that no jump of the other makes anybody seem stuck."""

    clock: Clock
    _since: dict[str, float] = field(default_factory=dict)

    def begin(self, thread: str) -> None:
        """It goes on to something new."""
        self._since[thread] = self.clock.monotonic()

    def rest(self, thread: str) -> None:
        """It waits because it was told to, for however long."""
        self._since.pop(thread, None)

    def busy_since(self) -> int | None:
        """The instant since which the slowest thread is at the same thing; None while all of them came round a moment ago."""
        now = self.clock.monotonic()
        seconds = max((now - since for since in list(self._since.values())), default=0.0)
        return self.clock.now() - int(seconds * SECOND) if seconds > BUSY_SECONDS else None


def comes_round(rounds: Rounds) -> type[bootsteps.StartStopStep]:
    """A part of Celery's consumer that tells when its loop comes round: by the loop's own timer, or where it has none, before each look for messages.

    A consumer that cannot reach its broker does not come round either.
    """

    class ComesRound(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
        def start(self, consumer: Any) -> None:
            rounds.begin(CONSUMER)
            look = consumer.perform_pending_operations

            def begin_and_look() -> None:
                rounds.begin(CONSUMER)
                look()

            consumer.perform_pending_operations = begin_and_look

        def stop(self, consumer: Any) -> None:
            consumer.__dict__.pop("perform_pending_operations", None)

        def register_with_event_loop(self, _consumer: Any, hub: Any) -> None:
            hub.call_repeatedly(COMES_ROUND_SECONDS, rounds.begin, CONSUMER)

    return ComesRound
