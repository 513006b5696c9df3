"""What comes back by mail: the bytes of a message → a bounce, a complaint, a person's reply or an automatic answer, and of which touch it speaks.

Nothing here believes anything: whether a tag is ours, and what a report may change, is for whoever asked.
"""

from engine.returns.automatic import is_automatic
from engine.returns.bounce import bounce_of
from engine.returns.complaint import complaint_of
from engine.returns.mime import LARGEST, Aside, Message, Unreadable, read_message
from engine.returns.old import old_bounce_of
from engine.returns.reply import reply_of
from engine.returns.told import About, Kind, Returned, about_of

__all__ = ["LARGEST", "About", "Aside", "Kind", "Returned", "Unreadable", "returned"]


def returned(raw: bytes, recipient: str = "") -> Returned:
    """What a message is; `recipient` is the address it came to, as its envelope says. Raises Unreadable, and nothing else whatever the bytes."""
    try:
        return _told(read_message(raw), recipient)
    except Unreadable:
        raise
    except Exception as error:  # what strangers send must stop nobody, whatever this code overlooked
        raise Unreadable(Aside.BROKEN, type(error).__name__) from error


def _told(message: Message, recipient: str) -> Returned:
    about = about_of(message, recipient)
    return (
        complaint_of(message, about)
        or bounce_of(message, about)
        or old_bounce_of(message, about)
        or (Returned("automatic", message.id, about) if is_automatic(message) else None)
        or reply_of(message, about)
    )
