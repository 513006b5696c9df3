"""Answers that no person wrote: RFC 3834, and what robots said of themselves before and beside it."""

from engine.returns.mime import Message

PRECEDENCE = frozenset({"bulk", "junk", "auto_reply", "auto-reply"})  # `list` says where it was sent, not who wrote it
MARKS = ("x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-reply")
SUBJECTS = (
    "automatic reply:",
    "auto reply:",
    "autoreply:",
    "out of office:",
    "自動返信",
    "自動応答",
    "[自動返信",
    "【自動返信",
    "不在通知",
    "[不在通知",
    "【不在通知",
)
RECEIPT = "disposition-notification"  # RFC 8098: that it was opened, or deleted unread


def is_automatic(message: Message) -> bool:
    """Only what says so itself: a person's reply that was taken for a robot's would never be answered."""
    submitted = message.first("auto-submitted").partition(";")[0].strip().lower()
    return (
        submitted not in {"", "no"}
        or message.first("precedence").strip().lower() in PRECEDENCE
        or any(name in message.headers for name in MARKS)
        or (message.kind == "multipart/report" and message.parameters.get("report-type", "").lower() == RECEIPT)
        or message.first("return-path").strip() == "<>"
        or message.subject.strip().lower().startswith(SUBJECTS)
    )
