"""PostHog's capture API: single events and batches, with its `$` events for persons and groups.

Source: the public description of PostHog's `/batch/` and `/capture/` calls.
"""

from collections.abc import Mapping
from typing import Any

from engine.records.intake import Reason
from engine.wire.form import BATCH, MANY, TEXT, Call, Form
from engine.wire.message import BadMessage, Message, Unreadable, clean, digest_of, id_of, object_of, text_of, time_of

ACCOUNTS = ("account", "company", "organization", "organisation")  # group types that mean the customer's account, before any other
VIEWS = {"$pageview": "page", "$screen": "screen"}
OF_THE_PERSON = ("$set_once", "$set")


def messages_of(call: str, body: Mapping[str, Any]) -> list[Message | BadMessage]:
    """The messages of a call: `batch`, or one event. Raises Unreadable for a batch that is no list."""
    if call != BATCH:
        return [_message(body)]
    batch = body.get(BATCH)
    if not isinstance(batch, list):
        raise Unreadable(Reason.STRUCTURE, "batch is no list of events")
    return [_message(each) for each in batch]


def _message(said: Any) -> Message | BadMessage:
    if not isinstance(said, dict):
        return BadMessage(Reason.STRUCTURE, "an event of the batch is no object", text_of(said))
    try:
        return _read(said)
    except Unreadable as problem:
        return BadMessage(problem.reason, str(problem), text_of(said))


def _read(said: Mapping[str, Any]) -> Message:
    event, properties, digest = said.get("event"), object_of(said, "properties"), digest_of(said)
    if not isinstance(event, str) or not event.strip():
        raise Unreadable(Reason.NO_EVENT_OR_FIELD, "event: the name of what happened is missing")
    common: dict[str, Any] = {
        "id": id_of(said, "uuid") or id_of(properties, "$insert_id") or f"content:{digest}",
        "digest": digest,
        "occurred_at": time_of(said, "timestamp"),
        "user": id_of(said, "distinct_id") or id_of(properties, "distinct_id"),
        "account": _account(object_of(properties, "$groups")),
    }
    if event in {"$identify", "$set"}:
        traits = {name: value for each in OF_THE_PERSON for name, value in {**object_of(said, each), **object_of(properties, each)}.items()}
        return Message(kind="contact", anonymous=id_of(properties, "$anon_distinct_id"), content=traits, **common)
    if event == "$groupidentify":
        account = id_of(properties, "$group_key")
        if account is None:
            raise Unreadable(Reason.NO_ACCOUNT, "$group_key: which group it is of is missing")
        return Message(kind="account", content=object_of(properties, "$group_set"), **{**common, "account": account})
    if event == "$create_alias":
        previous = id_of(properties, "alias")
        if previous is None:
            raise Unreadable(Reason.STRUCTURE, "an alias has distinct_id and alias")
        return Message(kind="alias", previous=previous, **common)
    return Message(kind="event", event=VIEWS.get(event, clean(event.strip())), content=properties, **common)


def _account(groups: Mapping[str, Any]) -> str | None:
    return id_of(groups, *(name for name in ACCOUNTS if name in groups), *sorted(groups))


FORM = Form(
    messages_of,
    {
        BATCH: Call("/batch/", "A batch of events of a PostHog client", {BATCH: MANY}),
        "capture": Call("/capture/", "One event of a PostHog client", {"event": TEXT}),
    },
)
