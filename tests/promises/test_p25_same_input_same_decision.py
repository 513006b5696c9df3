"""P25: the same input gives the same decisions, with the same reasons, wherever and whenever it is decided.

A crowd is decided and written to night by night, twice on SQLite with one thread and with three, with batches of another size and records that
arrived in another order, and once on PostgreSQL; decision logs and touches must be equal to the byte.
"""

import json
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from random import Random

import pytest

from engine.pipeline import matched
from engine.records.record import Record
from tests.crowd import a_crowd, a_crowds_workspace
from tests.promises.conftest import Tell
from tests.promises.scale import scaled
from tests.story import Story

ACCOUNTS = scaled(30, 1_000)
NIGHTS = scaled(4, 31)
SEED = 25


def log(story: Story, *, records: list[list[Record]], threads: int) -> bytes:
    """All decisions and touches after so many nights with mornings between them; the row numbers that a ledger gave are its own."""
    story.config = story.config.model_copy(update={"duckdb_threads": threads})
    story.restart()
    story.given(*records)
    for number in range(NIGHTS):
        day = date(2026, 4, 6) + timedelta(days=number)
        story.nightly(f"{day} 02:00")
        story.dispatch(f"{day} 10:00")
    rows = [story.all_decisions(), [{**asdict(touch), "arrival": None} for touch in story.touches()]]
    story.close()
    return json.dumps(rows, ensure_ascii=False).encode()


def test_a_month_replayed_is_the_same_month(tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch, reached: Tell) -> None:
    workspace = a_crowds_workspace(tmp_path / "workspace")
    crowd = a_crowd(Random(SEED), ACCOUNTS)
    first = log(Story(tmp_path / "first", workspace=workspace), records=crowd, threads=1)
    monkeypatch.setattr(matched, "BATCH", 7)
    shuffled = Random(1).sample(crowd, len(crowd))
    assert log(Story(tmp_path / "again", workspace=workspace), records=shuffled, threads=3) == first
    assert log(Story(tmp_path / "server", workspace=workspace, ledger_url=postgres_url), records=crowd, threads=2) == first
    decisions, touches = json.loads(first)
    assert min(len(decisions), len(touches)) > ACCOUNTS
    reached(2 * len(decisions), "decisions replayed", seeds=1)
