"""What exactly was found, as it is kept beside a reason: `word:value:value`, in no human language. The sentences stand in the catalogue."""

from urllib.parse import unquote


def detail(word: str, *values: object) -> str:
    """A word that the catalogue knows as `detail.WORD`, with its values; a colon within a value is escaped, so that `parts_of` reads it back."""
    return ":".join([word, *(str(value).replace("%", "%25").replace(":", "%3A") for value in values)])


def parts_of(text: str) -> tuple[str, list[str]]:
    """The word of a detail and its values."""
    word, *values = text.split(":")
    return word, [unquote(value) for value in values]
