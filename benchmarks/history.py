"""A simulated quarter for the benchmarks: companies of the example workspace, multiplied into as many accounts as asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from engine.calendar import instant_of
from engine.config import Config
from engine.pipeline.compact import compact
from engine.pipeline.load import Origin, load
from engine.pipeline.system import Records, System
from engine.simulator import World
from engine.testing import HandClock

ROOT = Path(__file__).parents[1]
DATA = Path(__file__).parent / "data"
START, END = date(2026, 1, 5), datetime(2026, 4, 9, 1, 50, tzinfo=ZoneInfo("Asia/Tokyo"))
NIGHT = instant_of(datetime(2026, 4, 9, 2, 0, tzinfo=ZoneInfo("Asia/Tokyo")))
COMPANIES = 2_000


def quiet(_what: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


def ready_system(companies: int = COMPANIES, workspace: Path = ROOT) -> System:
    """The example workspace, or another with the same sources, over a quarter of simulated companies; made once and kept."""
    state = DATA / (f"quarter-{companies}" if workspace == ROOT else f"quarter-{companies}-{workspace.name}")
    logs = DATA / f"quarter-{companies}" / "logs"
    system = System(Config(workspace=workspace, state=state), HandClock(instant_of(END)))
    if not (state / "complete").is_file():
        if not logs.is_dir():
            world = World(seed=7, companies=companies, start=START)
            world.advance(END)
            world.export(logs)
        load(system, [], Origin(logs, {}), quiet)
        compact(system, quiet)
        (state / "complete").touch()
    return system


class Multiplied(System):
    """A system whose records are those of each company, `times` times under other names, held in memory."""

    times: int = 1

    @contextmanager
    def records(self, buckets: list[str] | None = None, accounts: list[str] | None = None, *, exact: bool = False) -> Iterator[Records]:
        with super().records(buckets, accounts, exact=exact) as found:
            columns = "* REPLACE (account_id || '-' || copy AS account_id)"
            found.duck.execute(f"CREATE TEMP TABLE many AS SELECT {columns} FROM records, range({self.times}) AS copies(copy)")
            found.duck.execute("ALTER TABLE many DROP COLUMN copy")
            found.duck.execute("CREATE OR REPLACE TEMP VIEW records AS SELECT * FROM many")
            yield found


def multiplied(system: System, accounts: int) -> Multiplied:
    """The same system with about so many accounts."""
    many = Multiplied(system.config, system.clock)
    many.times = max(accounts // COMPANIES, 1)
    return many
