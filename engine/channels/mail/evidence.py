"""Evidence of what a relay did with letters of which nobody can tell, found by Message-ID.

That a letter is there is proof at once; that it is not proves something only where the evidence is complete past the time in question.
"""

import re
from collections.abc import Collection
from datetime import datetime
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Protocol

from engine.calendar import instant_of
from engine.errors import refuse


class Evidence(Protocol):
    """Who knows afterwards which letters were taken."""

    def taken(self, message_ids: Collection[str]) -> set[str]:
        """Those of the Message-IDs that were certainly taken."""
        ...

    def complete_until(self) -> int:
        """The instant up to which everything that was taken is known."""
        ...


LINE = re.compile(rb"^(?P<at>\d{4}-\d\d-\d\dT\S+) \S+ \S*/(?P<part>cleanup|qmgr)\[\d+\]: (?P<queue>[0-9A-Za-z]+): (?P<rest>.*)")
MESSAGE_ID = re.compile(rb"message-id=(<[^<>\s]+>)")


class PostfixLog:
    """Postfix's own log with times as RFC 3339: a letter is taken when the queue manager has made it active.

    The line of `cleanup` alone is no proof: it names the Message-ID before the final dot.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def taken(self, message_ids: Collection[str]) -> set[str]:
        wanted = {each.encode() for each in message_ids}
        named: dict[bytes, bytes] = {}
        found: set[str] = set()
        for line in self._lines():
            if (message_id := MESSAGE_ID.search(line["rest"])) and message_id[1] in wanted:
                named[line["queue"]] = message_id[1]
            elif line["part"] == b"qmgr" and line["queue"] in named:
                found.add(named[line["queue"]].decode())
        return found

    def complete_until(self) -> int:
        newest = 0
        for line in self._lines():
            newest = max(newest, _instant(line["at"].decode()))
        return newest

    def _lines(self) -> list[re.Match[bytes]]:
        try:
            raw = self.path.read_bytes()
        except OSError as error:
            raise refuse("E638", str(self.path), problem=error.strerror or str(error)) from error
        return [found for line in raw.splitlines() if (found := LINE.match(line))]


class Journal:
    """A maildir that the relay or a rule of it fills with a copy of every letter."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def taken(self, message_ids: Collection[str]) -> set[str]:
        wanted, parser = set(message_ids), BytesHeaderParser()
        found: set[str] = set()
        for path in self._letters():
            with path.open("rb") as letter:
                found.add(str(parser.parse(letter)["Message-ID"] or "").strip())
        return found & wanted

    def complete_until(self) -> int:
        """Copies come in order, so whatever was taken before the newest of them is there."""
        return max((path.stat().st_mtime_ns // 1000 for path in self._letters()), default=0)

    def _letters(self) -> list[Path]:
        if not self.folder.is_dir():
            raise refuse("E638", str(self.folder), problem="not a folder")
        return [path for name in ("new", "cur") if (self.folder / name).is_dir() for path in (self.folder / name).iterdir() if path.is_file()]


def open_evidence(relay_log: Path | None, journal: Path | None) -> list[Evidence]:
    """What there is of evidence, best first."""
    found: list[Evidence] = []
    if relay_log is not None:
        found.append(PostfixLog(relay_log))
    if journal is not None:
        found.append(Journal(journal))
    return found


def _instant(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0
    return instant_of(moment) if moment.tzinfo else 0
