"""Each end of an attempt as one event of the log: ids and words of the code, never whom it went to or what was said."""

import logging
from collections.abc import Iterable

from engine.touches.touch import Touch

log = logging.getLogger("banso.touch")


def tell(ends: Iterable[tuple[Touch, str, str | None]]) -> None:
    """(touch, the state it is in now, why) of attempts that ended."""
    for touch, state, reason in ends:
        fields = {"touch": touch.id, "rule": touch.rule, "channel": touch.channel, "attempt": touch.attempt}
        log.info("touch.%s", state, extra={**fields, "state": state, "reason": reason})
