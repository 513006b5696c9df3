"""A mailbox drop (Maildir): messages in `new/` are taken, and go to `cur/` when what they say is committed. Taking one twice changes nothing."""

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from engine.errors import refuse
from engine.ledger.open import StoreError
from engine.pipeline.returns import Arrived, Fate, set_aside, take_mail
from engine.pipeline.room import room_of
from engine.pipeline.system import System
from engine.returns import LARGEST, Aside

log = logging.getLogger("banso.returns")
AT_ONCE = 500  # messages of one look; the next takes the rest
HEAD = 4_000  # bytes that are read of a message that is too large
SEEN = ":2,S"


def take_drop(system: System) -> Counter[str]:
    """Take what lies in BANSO_MAIL_DROP, oldest name first; returns how many by what became of them. Raises BansoError E672 where there is no Maildir.

    While the disk is nearly full everything stays where it is.
    """
    folder, taken = system.config.mail_drop, Counter[str]()
    if folder is None or room_of(system.config).is_low:
        return taken
    for path in _waiting(folder):
        fate = _taken(system, path, "maildir")
        if fate is not None:
            taken[fate.word] += 1
            _put_by(folder, path)
    return taken


def take_files(system: System, paths: list[Path]) -> Iterator[tuple[Path, Fate]]:
    """Messages by hand: each file, each file of a folder, and each new one of a Maildir. They stay where they are. Raises BansoError E673."""
    for path in paths:
        for each in _within(path):
            try:
                yield each, _take(system, each, "file")
            except OSError as problem:
                raise refuse("E673", str(each), problem=problem.strerror or str(problem)) from problem


def _within(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    inside = path / "new" if (path / "new").is_dir() else path
    return sorted(each for each in inside.iterdir() if each.is_file() and not each.name.startswith("."))


def _waiting(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in (folder / "new").iterdir() if not path.name.startswith("."))[:AT_ONCE]
    except OSError as problem:
        raise refuse("E672", "BANSO_MAIL_DROP", value=folder, problem=problem.strerror or str(problem)) from problem


def _taken(system: System, path: Path, door: str) -> Fate | None:
    """None for what cannot be read, or was taken by somebody else just now: it is looked at again."""
    try:
        return _take(system, path, door)
    except FileNotFoundError:
        return None
    except OSError as problem:
        log.warning("a message of the mailbox drop cannot be read: %s", problem)
        return None
    except StoreError:
        raise
    except Exception:  # whatever a message brings about: those behind it are read all the same
        log.exception("a message of the mailbox drop is kept aside")
        return set_aside(system, path.read_bytes()[:HEAD], Arrived(door), Aside.BROKEN)


def _take(system: System, path: Path, door: str) -> Fate:
    with path.open("rb") as file:
        if path.stat().st_size > LARGEST:
            return set_aside(system, file.read(HEAD), Arrived(door), Aside.TOO_LARGE)
        raw = file.read(LARGEST + 1)
    return take_mail(system, raw, Arrived(door))


def _put_by(folder: Path, path: Path) -> None:
    try:
        path.rename(folder / "cur" / (path.name.partition(":2,")[0] + SEEN))
    except OSError as problem:  # what was said is kept; the next look finds it again and changes nothing
        log.warning("a message of the mailbox drop stays in new/: %s", problem)
