"""Counterfoils: what stays in the state folder, outside the database, of every letter before it is handed over, numbered by the ledger's own count.

A ledger whose count is behind the newest counterfoil was restored from a backup, and the counterfoils beyond its count name exactly the letters
that may have gone out since. Numbers are committed first and written here second: a crash in between leaves the ledger ahead, which says nothing.
"""

import itertools
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.calendar import DAY
from engine.touches.touch import State, Touch

FILE_BYTES = 16_000_000  # after which a new file is begun
KEPT = 35 * DAY  # no touch waits longer, and no backup that is older is of use
ENDS_WITH = 4096  # bytes of a file's end that are read for its newest number
NUMBER = re.compile(rb'\n\{"n": (\d+)')
LEFT_OUT = frozenset({"fold", "address", "reply", "reason", "detail", "state", "sent_at", "ended_at"})  # addresses stay in the ledger


@dataclass(frozen=True)
class Kept:
    """The letters numbered beyond a count, each as it was when it was last begun; `whole` unless older counterfoils than these are gone."""

    touches: Sequence[Touch]
    whole: bool


@dataclass(frozen=True)
class Counterfoils:
    """Files named after the first number in them. Every line begins with a line end, so that one a full disk cut short spoils no other."""

    folder: Path

    def newest(self) -> int:
        """The highest number written down; 0 if there is none. Ask before the ledger is asked, for its count only grows."""
        for path in reversed(self._files()):
            for read in (_end_of, Path.read_bytes):  # the whole file only where its end holds no number
                if numbers := NUMBER.findall(read(path)):
                    return max(int(each) for each in numbers)
        return 0

    def keep(self, number: int, now: int, touches: Sequence[Touch] = ()) -> None:
        """Write a number down, with the letters begun under it. Raises OSError, and then none of them may be handed over."""
        told = [{"n": number, "at": now, "touch": _plain(touch)} for touch in touches] or [{"n": number, "at": now}]
        content = b"".join(b"\n" + json.dumps(each, ensure_ascii=False).encode() for each in told)
        self.folder.mkdir(parents=True, exist_ok=True)
        files = self._files()
        if not files or files[-1].stat().st_size > FILE_BYTES:
            files.append(self.folder / f"{number:020d}.jsonl")
        file = os.open(files[-1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            if os.write(file, content) != len(content):
                raise OSError(f"{files[-1]}: written in part")
        finally:
            os.close(file)

    def beyond(self, number: int) -> Kept:
        """What was begun under higher numbers than this."""
        found: dict[str, Touch] = {}
        for line in (line for path in self._files() for line in _lines(path)):
            if line["n"] > number and "touch" in line:
                found[line["touch"]["id"]] = Touch(**{**line["touch"], "state": State.SENDING, "address": None, "fold": ""})
        first = self._files()[:1]
        return Kept(list(found.values()), whole=bool(first) and int(first[0].stem) <= number + 1)

    def forget(self, now: int) -> None:
        """Delete files whose successor is older than what is kept."""
        files = self._files()
        for path, following in itertools.pairwise(files):
            first = next(_lines(following), None)
            if first is None or first["at"] >= now - KEPT:
                return
            path.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("*.jsonl"))


def _end_of(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - ENDS_WITH, 0))
        return file.read()


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for line in file:
            try:
                found = json.loads(line)
            except ValueError:  # blank, or cut short
                continue
            if isinstance(found, dict):
                yield found


def _plain(touch: Touch) -> dict[str, object]:
    return {name: value for name, value in vars(touch).items() if name not in LEFT_OUT}
