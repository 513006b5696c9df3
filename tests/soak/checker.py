"""What truly happened, told from the relay's journal and the rows of the ledger alone: nothing of the product is asked or imported."""

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pysqlite3.dbapi2

LIVE = frozenset({"pending", "claimed", "sending", "unknown"})
OWN = "<watch-"  # letters that the soak itself sends through the relay begin so


def rows_of(url: str, query: str) -> list[tuple[Any, ...]]:
    """Plain SQL on a ledger, by its SQLAlchemy URL."""
    if url.startswith("sqlite:///"):  # by the one SQLite of this process: another's closing a file would drop the locks of the first
        with closing(pysqlite3.dbapi2.connect(url.removeprefix("sqlite:///"), timeout=60)) as connection:
            return connection.execute(query).fetchall()
    with psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://")) as postgres:
        return postgres.execute(query.encode()).fetchall()


@dataclass(frozen=True)
class Truth:
    """A count at one moment. `lost`: at rest and not taken, or said to be sent and not taken; `doubled`: copies beyond the first."""

    decided: int
    states: dict[str, int]
    taken: int  # letters, each counted once
    lost: int
    doubled: int
    unknown: int
    unknown_taken: int
    ever_unknown: int
    later: int
    cut: int
    wrong: Sequence[str]  # everything else that must not be


def count(url: str, journal: Path) -> Truth:
    """Hold the two against each other."""
    verbs: dict[str, Counter[str]] = {"taken": Counter(), "later": Counter(), "cut": Counter()}
    bodies: dict[str, set[str]] = {}
    for line in journal.read_text(encoding="ascii").splitlines():
        verb, message_id, *digest = line.split(" ")
        if not message_id.startswith(OWN):
            verbs[verb][message_id] += 1
            bodies.setdefault(message_id, set()).update(digest)
    taken = verbs["taken"]
    touches = rows_of(url, "SELECT id, message_id, state FROM touches")
    kept = dict(rows_of(url, "SELECT t.message_id, m.sha256 FROM messages m JOIN touches t ON t.id = m.touch_id"))
    told = Counter(name for (name,) in rows_of(url, "SELECT source_id FROM tail WHERE source = 'banso'"))
    states = Counter(state for _, _, state in touches)
    unknown = [message_id for _, message_id, state in touches if state == "unknown"]
    wrong = [f"taken, but of no touch: {each}" for each in taken.keys() - {message_id for _, message_id, _ in touches}]
    wrong += [f"not the bytes that the ledger keeps: {each}" for each, digests in bodies.items() if each in taken and digests != {kept.get(each)}]
    wrong += [f"{state}, and taken: {name}" for name, message_id, state in touches if taken[message_id] and state not in LIVE | {"sent"}]
    wrong += [
        f"{told[f'{name}:sent']} records of sending what is {state}: {name}"
        for name, _, state in touches
        if told[f"{name}:sent"] != (state == "sent")
    ]
    return Truth(
        decided=len(touches),
        states=dict(states),
        taken=len(taken),
        lost=sum(1 for _, message_id, state in touches if state not in LIVE and not taken[message_id]),
        doubled=sum(times - 1 for times in taken.values()),
        unknown=len(unknown),
        unknown_taken=sum(1 for each in unknown if taken[each]),
        ever_unknown=sum(1 for name in told if name.endswith(":unknown")),
        later=verbs["later"].total(),
        cut=verbs["cut"].total(),
        wrong=wrong,
    )


def disagreements(truth: Truth, states: dict[str, int], unknown: str) -> list[str]:
    """Where the product's own counters, its states and the doctor's number of unknown touches, differ from the truth."""
    found = [f"states: {states} instead of {truth.states}"] if states != truth.states else []
    if states.get("sent", 0) != truth.taken - truth.unknown_taken:
        found.append(f"{states.get('sent', 0)} sent, {truth.taken} taken, of which {truth.unknown_taken} are unknown")
    return found + ([f"doctor: {unknown} unknown instead of {truth.unknown}"] if unknown != str(truth.unknown) else [])
