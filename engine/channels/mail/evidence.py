"""Evidence of what a relay did with letters of which nobody can tell, found by Message-ID.

That a letter is there is proof at once; that it is not proves something only where the evidence is complete over the time in question.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Protocol

from engine.calendar import instant_of
from engine.errors import BansoError, refuse


@dataclass(frozen=True)
class Seen:
    """The letters asked for that were certainly taken, and the instants from and until which everything that was taken is known."""

    taken: frozenset[str]
    since: int
    until: int


class Evidence(Protocol):
    """Who knows afterwards which letters were taken."""

    def look(self, message_ids: Collection[str]) -> Seen:
        """Raises BansoError E638 if it cannot be read."""
        ...


STAMP = re.compile(rb"^(\d{4}-\d\d-\d\dT\S+) ")
LINE = re.compile(rb"^\S+ \S+ \S*/(?P<part>cleanup|qmgr)\[\d+\]: (?P<queue>[0-9A-Za-z]+): (?P<rest>.*)")
MESSAGE_ID = re.compile(rb"message-id=(<[^<>\s]+>)")


@dataclass(frozen=True)
class PostfixLog:
    """Postfix's own log with times as RFC 3339, and the one before it as logrotate leaves it (`mail.log.1`).

    A letter is taken when the queue manager has made it active. The line of `cleanup` alone is no proof: it names the Message-ID before the
    final dot.
    """

    path: Path
    of_one: bool = False  # of several relays: then a letter that is absent may have gone through another

    def look(self, message_ids: Collection[str]) -> Seen:
        wanted = {each.encode() for each in message_ids}
        named, taken = dict[bytes, bytes](), set[str]()
        since, last = 0, b""
        for line in self._lines():
            if stamp := STAMP.match(line):
                since, last = since or _instant(stamp[1]), stamp[1]
            if (found := LINE.match(line)) is None:
                continue
            if (message_id := MESSAGE_ID.search(found["rest"])) and message_id[1] in wanted:
                named[found["queue"]] = message_id[1]
            elif found["part"] == b"qmgr" and found["queue"] in named:
                taken.add(named[found["queue"]].decode())
        return Seen(frozenset(taken), since, 0 if self.of_one else _instant(last))

    def _lines(self) -> Iterator[bytes]:
        older = self.path.with_name(f"{self.path.name}.1")
        try:
            for path in [older, self.path] if older.is_file() else [self.path]:
                with path.open("rb") as lines:
                    yield from lines
        except OSError as error:
            raise _unreadable(self.path, error.strerror or str(error)) from error


@dataclass(frozen=True)
class Journal:
    """A maildir that the relay or a rule of it fills with a copy of every letter, in order."""

    folder: Path

    def look(self, message_ids: Collection[str]) -> Seen:
        wanted, parser, taken = set(message_ids), BytesHeaderParser(), set[str]()
        letters = self._letters()
        try:
            arrived = [path.stat().st_mtime_ns // 1000 for path in letters]
            for path in letters:
                with path.open("rb") as letter:
                    taken.add(str(parser.parse(letter)["Message-ID"] or "").strip())
        except OSError as error:
            raise _unreadable(self.folder, error.strerror or str(error)) from error
        return Seen(frozenset(taken & wanted), min(arrived, default=0), max(arrived, default=0))

    def _letters(self) -> list[Path]:
        if not self.folder.is_dir():
            raise _unreadable(self.folder, "not a folder")
        return [path for name in ("new", "cur") if (self.folder / name).is_dir() for path in (self.folder / name).iterdir() if path.is_file()]


def _unreadable(path: Path, problem: str) -> BansoError:
    return refuse("E638", str(path), problem=problem)


def open_evidence(relay_log: Path | None, journal: Path | None, *, relays: int = 1) -> list[Evidence]:
    """What there is of evidence, best first. The log is that of one relay, the journal has every letter."""
    found: list[Evidence] = []
    if relay_log is not None:
        found.append(PostfixLog(relay_log, of_one=relays > 1))
    if journal is not None:
        found.append(Journal(journal))
    return found


def _instant(stamp: bytes) -> int:
    try:
        moment = datetime.fromisoformat(stamp.decode("ascii", "replace"))
    except ValueError:
        return 0
    return instant_of(moment) if moment.tzinfo else 0
