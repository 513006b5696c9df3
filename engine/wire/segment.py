"""The Segment HTTP specification: track, identify, group, page, screen, alias, and batches of them.

Source: the public specification of Segment's HTTP tracking API and of its common fields, which RudderStack's clients speak too.
"""

from collections.abc import Callable, Mapping
from typing import Any

from engine.records.intake import Reason
from engine.wire.form import BATCH, MANY, TEXT, Call, Form
from engine.wire.message import BadMessage, Message, Unreadable, clean, digest_of, id_of, object_of, text_of, time_of


def messages_of(call: str, body: Mapping[str, Any]) -> list[Message | BadMessage]:
    """The messages of a call (`batch`, or one of CALLS). Raises Unreadable for a batch that is no list."""
    if call != BATCH:
        return [_message(call, body)]
    batch = body.get(BATCH)
    if not isinstance(batch, list):
        raise Unreadable(Reason.STRUCTURE, "batch is no list of messages")
    shared = body.get("context")
    return [_of_batch(each, shared if isinstance(shared, dict) else {}) for each in batch]


def _of_batch(said: Any, shared: Mapping[str, Any]) -> Message | BadMessage:
    """A batch's context is that of all its messages; theirs goes before it."""
    if not isinstance(said, dict):
        return BadMessage(Reason.STRUCTURE, "a message of the batch is no object", text_of(said))
    own = said.get("context")
    context = {**shared, **own} if isinstance(own, dict) else own or shared
    return _message(str(said.get("type", "")), {**said, "context": context} if context else said)


def _message(call: str, said: Mapping[str, Any]) -> Message | BadMessage:
    if call not in CALLS:
        return BadMessage(Reason.STRUCTURE, f"type {call[:40]!r} is none of {', '.join(CALLS)}", text_of(said))
    try:
        return CALLS[call](said)
    except Unreadable as problem:
        return BadMessage(problem.reason, str(problem), text_of(said))


def _common(said: Mapping[str, Any]) -> dict[str, Any]:
    digest = digest_of(said)
    return {
        "id": id_of(said, "messageId") or f"content:{digest}",
        "digest": digest,
        "occurred_at": time_of(said, "timestamp", "originalTimestamp"),
        "user": id_of(said, "userId"),
        "anonymous": id_of(said, "anonymousId"),
        "account": id_of(object_of(said, "context"), "groupId"),
    }


def _track(said: Mapping[str, Any]) -> Message:
    name = said.get("event")
    if not isinstance(name, str) or not name.strip():
        raise Unreadable(Reason.NO_EVENT_OR_FIELD, "event: the name of what happened is missing")
    return Message(kind="event", event=clean(name.strip()), content=object_of(said, "properties"), **_common(said))


def _view(said: Mapping[str, Any], event: str) -> Message:
    """A page or a screen that was looked at; its name is a property."""
    named = {each: value for each in ("name", "category") if isinstance(value := said.get(each), str) and value}
    return Message(kind="event", event=event, content={**named, **object_of(said, "properties")}, **_common(said))


def _identify(said: Mapping[str, Any]) -> Message:
    """RudderStack's clients tell the traits in the context."""
    traits = object_of(said, "traits") or object_of(object_of(said, "context"), "traits")
    return Message(kind="contact", content=traits, **_common(said))


def _group(said: Mapping[str, Any]) -> Message:
    account = id_of(said, "groupId")
    if account is None:
        raise Unreadable(Reason.NO_ACCOUNT, "groupId: which account it is of is missing")
    return Message(kind="account", content=object_of(said, "traits"), **{**_common(said), "account": account})


def _alias(said: Mapping[str, Any]) -> Message:
    previous = id_of(said, "previousId")
    if previous is None or id_of(said, "userId") is None:
        raise Unreadable(Reason.STRUCTURE, "an alias has userId and previousId")
    return Message(kind="alias", previous=previous, **_common(said))


CALLS: Mapping[str, Callable[[Mapping[str, Any]], Message]] = {
    "track": _track,
    "identify": _identify,
    "group": _group,
    "page": lambda said: _view(said, "page"),
    "screen": lambda said: _view(said, "screen"),
    "alias": _alias,
}
NEEDS: Mapping[str, Mapping[str, str]] = {"track": {"event": TEXT}, "group": {"groupId": TEXT}, "alias": {"userId": TEXT, "previousId": TEXT}}
FORM = Form(
    messages_of,
    {
        BATCH: Call("/v1/batch", "A batch of messages of a client that speaks Segment", {BATCH: MANY}),
        **{name: Call(f"/v1/{name}", f"Segment's {name}", NEEDS.get(name, {})) for name in CALLS},
    },
)
