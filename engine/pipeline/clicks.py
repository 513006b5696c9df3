"""Clicks on the link of a mail: the receiver is sent on whatever happens, and that a person came by is a record of the account."""

import json
import logging

from engine.calendar import HOUR, SECOND
from engine.channels.mail.tags import clicked_touch
from engine.ledger import touches as ledger_touches
from engine.ledger.dues import Due
from engine.ledger.open import StoreError
from engine.pipeline.postal import deployment_of
from engine.pipeline.realtime import take_in
from engine.pipeline.system import System
from engine.records.record import Record
from engine.touches.touch import Touch
from engine.wire.machines import Machine

log = logging.getLogger("banso.clicks")
AT_ONCE = 10 * SECOND  # who opens a link so soon after the mail was taken is a gateway that looks into it
CLICKED, SCANNED = "mail.clicked", "mail.scanned"


def touch_clicked(system: System, token: str, url: str) -> str | None:
    """The id of the touch whose mail holds this link; None where the link is not ours."""
    secret = deployment_of(system.config).secret
    return None if secret is None else clicked_touch(secret, token, url)


def keep_click(system: System, touch_id: str, machine: Machine | None) -> list[list[Due]]:
    """Keep it, once an hour; returns the rules to judge now. What a machine did is kept as an event that no rule counts. Nothing is raised."""
    now = system.clock.now()
    try:
        with system.ledger.write() as connection:
            touch = ledger_touches.get_touch(connection, touch_id)
            record = None if touch is None else _record(touch, machine, now)
            return [] if record is None else take_in(connection, system.workspace, [record], now)
    except StoreError as problem:
        log.warning("a click was not kept: %s", problem)
        return []


def _record(touch: Touch, machine: Machine | None, now: int) -> Record:
    taken = touch.sent_at or touch.begun_at  # of a letter of which nobody can tell, only when it went out is known
    why = machine or ("at_once" if taken is None or now - taken < AT_ONCE else None)
    event = CLICKED if why is None else SCANNED
    said = {"touch": touch.id, "rule": touch.rule, **({"why": why} if why else {})}
    identity = f"{touch.id}:{event}:{now // HOUR}"
    return Record("banso", identity, touch.account_id, now, 0, touch.contact_id, event, properties=json.dumps(said, ensure_ascii=False))
