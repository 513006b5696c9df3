"""The files a source reads: found below the data directory, known by their content, and cut to whole lines before DuckDB sees them."""

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from glob import has_magic
from os.path import normpath
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from engine.errors import Place, refuse
from engine.records.intake import FileState

CHUNK = 1 << 20
LONGEST_RECORD = 100  # lines; an open quote over more of them is a stray quote, not a record still being written
LINE_ENDS = (b"\n", b"\r")


def files_named(data: Path, pattern: str, place: Place) -> list[str]:
    """The files below `data` that a literal of a source's SQL names, sorted, relative to `data`.

    Raises E607 if it could name files elsewhere (links inside `data` are the operator's own business), E602 if there is none.
    """
    inside = normpath(pattern)
    if "://" in pattern or "\\" in pattern or PurePosixPath(inside).is_absolute() or inside.split("/")[0] in {"..", "~"}:
        raise refuse("E607", place, path=pattern)
    if (data / inside).is_file():
        return [inside]
    found = sorted(str(path.relative_to(data)) for path in data.glob(inside) if path.is_file()) if has_magic(inside) else []
    if not found:
        raise refuse("E602", place, path=pattern)
    return found


def state_of(data: Path, path: str) -> FileState:
    """The file's size, content hash and time of change. Raises E603 if it cannot be read."""
    with _reading(path), (data / path).open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        status = (data / path).stat()
    return FileState(path, status.st_size, digest, status.st_mtime_ns // 1000)


@contextmanager
def _reading(path: str) -> Iterator[None]:
    """Turns what may happen while a file is read into the fault that names it."""
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:  # a gzip without its end, with a wrong checksum, or none at all
        raise refuse("E603", path, problem=str(error)) from error


@contextmanager
def opened(file: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, unpacked if it is a gzip."""
    with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
        yield cast("BinaryIO", stream)


def whole_lines(data: Path, path: str, copy: Path, *, quoted: bool) -> tuple[Path, int | None]:
    """The file to read instead of `path`: itself, or if its last line has no end, a copy without it and that line's number.

    With `quoted`, lines inside quotes belong to the record that began before them. Raises E603 if the file is damaged.
    """
    file = data / path
    with _reading(path):
        if _last_byte(file) in {b"", *LINE_ENDS}:
            return file, None
        copy.parent.mkdir(parents=True, exist_ok=True)
        with opened(file) as source, gzip.open(copy, "wb", 1) if copy.suffix == ".gz" else copy.open("wb") as target:
            return copy, _copy_whole(source, cast("BinaryIO", target), quoted=quoted)


def check_readable(data: Path, path: str) -> None:
    """Raises E603 if a gzip is damaged anywhere; DuckDB would see it too, but only after it has given out rows."""
    with _reading(path):
        _last_byte(data / path)


def _last_byte(file: Path) -> bytes:
    with opened(file) as stream:
        if file.suffix != ".gz":
            stream.seek(max(file.stat().st_size - 1, 0))
        last = b""
        while chunk := stream.read(CHUNK):
            last = chunk[-1:]
        return last


def _copy_whole(source: BinaryIO, target: BinaryIO, *, quoted: bool) -> int:
    """Copy every record that ends; gives the line on which the unfinished one begins."""
    pending: list[bytes] = []
    is_open, written = False, 0
    for line in source:
        pending.append(line)
        is_open ^= quoted and line.count(b'"') % 2 == 1
        if line.endswith(b"\n") and not is_open:
            target.writelines(pending)
            written += len(pending)
            pending.clear()
    if len(pending) > LONGEST_RECORD:
        target.writelines(pending[:-1])
        return written + len(pending)
    return written + 1
