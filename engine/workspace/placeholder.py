"""The sentences that `banso new` puts into a letter for its author to replace: a letter that still holds one is not written yet."""

from engine.messages import LANGUAGES, say
from engine.workspace.model import MailSource, NoteSource

SENTENCES = ("new.subject", "new.reason", "new.note")


def placeholder_files(source: MailSource | NoteSource) -> list[str]:
    """The files of a template that still hold such a sentence."""
    parts = _parts(source)
    return [f"templates/{source.name}{suffix}" for suffix, text in parts.items() if _holds_one(text)]


def _parts(source: MailSource | NoteSource) -> dict[str, str]:
    if isinstance(source, NoteSource):
        return {".md": source.text}
    return {"/subject.txt": source.subject, "/body.mjml": source.mjml, "/body.txt": source.text}


def _holds_one(text: str) -> bool:
    return any(say(language, key) in text for language in LANGUAGES for key in SENTENCES)
