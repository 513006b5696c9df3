"""Reports of mail providers over HTTP: who signed them, and what becomes of them.

The signature says who speaks. Of a report in our own form that is whoever knows the truth; of a whole message it is only whoever passed it on,
so that what such a message says must be proven as if it had come by mail.
"""

import hmac
from collections.abc import Mapping

from engine.calendar import SECOND
from engine.errors import refuse
from engine.ledger import keys as ledger_keys
from engine.pipeline.postal import deployment_of
from engine.pipeline.returns import Arrived, Fate, take_mail, take_report
from engine.pipeline.system import System
from engine.wire.body import parsed
from engine.wire.signature import BadSignature, secret_of, verify

SCOPE = "feedback"
MESSAGE = "message/rfc822"


def feedback_secret(system: System, name: str) -> str:
    """What a provider signs with (`whsec_…`). It is made from ours and the key's name, so nothing of it is stored. Raises BansoError E634."""
    secret = deployment_of(system.config).secret
    if secret is None:
        raise refuse("E634", "BANSO_SECRET_FILE", name=f"key new --scope {SCOPE}")
    return secret_of(hmac.digest(secret, f"feedback\0{name}".encode(), "sha256"))


def take_feedback(system: System, headers: Mapping[str, str], body: bytes) -> Fate:
    """Raises BadSignature, BadBody, Unreadable where the sender did something wrong, StoreError where nothing can be kept."""
    name, report_id = _signed(system, headers, body)
    door = f"http:{name}"
    if headers.get("content-type", "").partition(";")[0].strip().lower() == MESSAGE:
        return take_mail(system, body, Arrived(door))
    return take_report(system, parsed(body), report_id, Arrived(door, vouched=True))


def _signed(system: System, headers: Mapping[str, str], body: bytes) -> tuple[str, str]:
    """The key that signed, of those in force, and the id of the report. Two may be in force while one takes the other's place."""
    now = system.clock.now()
    with system.ledger.read() as connection:
        names = [key.name for key in ledger_keys.keys_in_force(connection, now) if SCOPE in key.scopes]
    problem = BadSignature("not_ours", "no key for feedback is in force")
    for name in names:
        try:
            report_id = verify([feedback_secret(system, name)], headers, body, now // SECOND)
        except BadSignature as error:
            problem = error
            continue
        with system.ledger.write() as connection:
            ledger_keys.mark_used(connection, name, now)
        return name, report_id
    raise problem
