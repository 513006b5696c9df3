"""The same statement on ClickHouse, in process: it says what DuckDB and the function say, and only with the settings of the dialect table."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from chdb.session import Session
from sqlglot import exp

from engine.records.lake import SCHEMA
from engine.rulebook import dialects

from .comparison import Engine, differences_of, records_of, told
from .rules import compiled, random_rules
from .worlds import World, random_world

WORLDS, ACCOUNTS = range(1, 24, 6), 40  # far apart, for the zones and stale sources go round
LARGE = {"max_query_size": 10**7, "max_ast_elements": 10**6, "max_threads": 1}  # room for long statements, and not for more than one core
KINDS = {"string": "String", "int64": "Int64"}
ALWAYS = {"source", "source_id", "account_id", "occurred_at", "known_at"}  # on a server these are no Nullable columns


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    opened = Session(str(tmp_path_factory.mktemp("clickhouse")))
    for name, value in LARGE.items():
        opened.query(f"SET {name} = {value}")
    yield opened
    opened.close()


def in_clickhouse(session: Session, world: World, folder: Path) -> Engine:
    """ClickHouse with the world's records under the name the statement reads."""
    file = folder / f"{world.seed}.parquet"
    pyarrow.parquet.write_table(records_of(world), file)
    session.query("DROP TABLE IF EXISTS records")
    columns = ", ".join(f"{each.name} {KINDS[str(each.type)] if each.name in ALWAYS else f'Nullable({KINDS[str(each.type)]})'}" for each in SCHEMA)
    session.query(f"CREATE TABLE records ({columns}) ENGINE = Memory")
    session.query(f"INSERT INTO records SELECT * FROM file('{file}', Parquet)")

    def run(query: exp.Select) -> list[dict[str, Any]]:
        found = session.query(dialects.sql_text(query, "clickhouse"), "Arrow")
        return pa.ipc.open_file(pa.BufferReader(found.bytes())).read_all().to_pylist()

    return run


@pytest.mark.long
def test_clickhouse_and_the_design_agree_on_every_account(session: Session, tmp_path: Path) -> None:
    for seed in WORLDS:
        world, rules = random_world(seed, ACCOUNTS), random_rules(seed)
        found = differences_of(in_clickhouse(session, world, tmp_path), world, rules, compiled(rules))
        assert not found, told(world, rules, found)


def test_without_its_settings_clickhouse_takes_what_is_missing_for_nothing(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(dialects.SETTINGS, "clickhouse", dict.fromkeys(dialects.SETTINGS["clickhouse"], 0))
    world, rules = random_world(WORLDS[0], ACCOUNTS), random_rules(WORLDS[0])
    assert differences_of(in_clickhouse(session, world, tmp_path), world, rules, compiled(rules))
