"""The sentence that `banso new` puts into a letter for its author to replace: a letter that still holds it is not written yet."""

from engine.messages import LANGUAGES, say
from engine.workspace.model import MailSource, NoteSource

SENTENCES = ("new.reason", "new.note")


def placeholder_files(source: MailSource | NoteSource) -> list[str]:
    """The files of a template that still hold such a sentence."""
    parts = {".md": source.text} if isinstance(source, NoteSource) else {"/body.mjml": source.mjml, "/body.txt": source.text}
    return [f"templates/{source.name}{suffix}" for suffix, text in parts.items() if _holds_one(text)]


def _holds_one(text: str) -> bool:
    return any(say(language, key) in text for language in LANGUAGES for key in SENTENCES)
