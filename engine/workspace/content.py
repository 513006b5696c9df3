"""The files of a workspace as bytes, and the hash that names them."""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

TESTS = "tests"  # below rules/; what they expect changes no decision
CONTENT = {".yaml", ".sql", ".csv", ".mjml", ".txt", ".md"}


def relative(path: Path, root: Path) -> str:
    return str(path.relative_to(root))


def read_content(root: Path) -> dict[str, bytes]:
    """Every file that belongs to a workspace, by its path below the root, in order."""
    above = len(root.parts)
    return {str(Path(*path.parts[above:])): path.read_bytes() for path in sorted(_places(root)) if path.is_file()}


def _places(root: Path) -> Iterator[Path]:
    """A running system looks for changes all the time, so that the walk is done by the cheapest means."""
    for top in ("rules", "templates"):
        for folder, below, names in os.walk(root / top):
            if top == "rules" and TESTS in below and Path(folder) == root / top:
                below.remove(TESTS)
            yield from (path for name in names if (path := Path(folder, name)).suffix in CONTENT)


def signature(root: Path) -> int:
    """A number that changes when any file of the workspace is written, made, moved or taken away; far cheaper than to read them all."""
    seen = [(str(path), *_stamp(path)) for path in _places(root)]
    return hash(tuple(sorted(seen)))


def _stamp(path: Path) -> tuple[int, ...]:
    """`ctime` moves with every change, even one that puts the old time of writing back."""
    try:
        found = path.stat()
    except OSError:  # it went away while one looked
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def names_in_tests(root: Path) -> frozenset[str]:
    """Every name that stands in a test below rules/tests."""
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in sorted((root / "rules" / TESTS).rglob("*.yaml")))
    return frozenset(name for text in texts for name in re.findall(r"[a-z][a-z0-9-]*", text))


def content_hash(root: Path) -> str:
    """SHA-256 over every file of `rules/` and `templates/`: its path and bytes."""
    return hash_of(read_content(root))


def hash_of(content: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, raw in content.items():
        digest.update(f"{name}\0{len(raw)}\0".encode() + raw)
    return digest.hexdigest()
