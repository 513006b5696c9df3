"""Who holds SQLite's write lock. PostgreSQL ends a session that sits on its transaction; on SQLite nobody does, and a frozen process stops all."""

from pathlib import Path

from engine.ledger.open import Ledger

LOCKS = Path("/proc/locks")  # Linux; elsewhere nobody is known to hold anything
WRITE_LOCK = 120  # the byte of the file beside the ledger that stands for the write lock (sqlite.org/walformat.html, section 2.3.1)


def lock_holder(ledger: Ledger) -> int | None:
    """The id of the process of this machine that is inside a writing transaction, if there is one and the system tells."""
    if not ledger.is_sqlite:
        return None
    try:
        inode = str(Path(f"{ledger.engine.url.database}-shm").stat().st_ino)
        held = [line.split() for line in LOCKS.read_text(encoding="ascii").splitlines()]
    except OSError:  # nobody has the ledger open, or this is no Linux
        return None
    return next((int(each[4]) for each in held if each[1:4] == ["POSIX", "ADVISORY", "WRITE"] and _is_ours(each, inode)), None)


def _is_ours(line: list[str], inode: str) -> bool:
    """Fields: number, kind, manner, mode, pid, device:inode, first byte, last byte or EOF; who waits has an arrow in the second."""
    _, found = line[5].rsplit(":", 1)
    last = WRITE_LOCK if line[7] == "EOF" else int(line[7])
    return found == inode and int(line[6]) <= WRITE_LOCK <= last
