"""P28: deploys lose nothing, double nothing and leave nothing of which nobody can tell.

Real workers and schedulers are told to leave (SIGTERM) one after the other while letters go out, and others take their places; and the ledger is
brought to a newer form under load. Of old code beside new code only the half that exists is tried: today's code on a ledger with a further
migration of the kind that is allowed (new columns, tables, indexes), workers that ran before it and workers that start after it.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

from engine.ledger.migrate import MIGRATIONS
from engine.ledger.open import open_ledger
from tests.promises.conftest import Tell
from tests.promises.morning import Morning
from tests.promises.scale import scaled
from tests.soak.run import LEDGERS, Order
from tests.soak.servers import Manners

RESTARTS = scaled(3, 60)
EACH = 15  # letters between two restarts
MANNERS = Manners(pace=0.1)
ROLLING = {"BANSO_LEASE_SECONDS": "60"}  # what a worker did not let go would stay held, and be seen

Begin = Callable[[Order], Morning]


def _replace_one(morning: Morning, kind: str = "worker") -> None:
    """Whoever has something in hand is told to leave; it ends what it is at and lets everything go."""
    seen: list[int] = []  # of one look: a moment later nothing may be in hand
    morning.until(lambda: seen.extend(morning.fleet.at_work(kind)) or seen)
    pid = seen[0]
    assert morning.fleet.tell_to_leave(pid) == 0
    assert morning.held_by(pid) == []
    assert morning.rows(f"SELECT name FROM workers WHERE name LIKE '%-{pid}-%'") == [], "it said farewell"


def _nothing_is_amiss(morning: Morning, touches: int) -> None:
    morning.until_all_is_sent()
    outcome = morning.over()
    assert outcome.wrong == []
    assert outcome.after_storm is not None
    assert outcome.after_storm.states == {"sent": touches}
    assert outcome.after_storm.ever_unknown == 0
    assert not outcome.acts["worker left"] + outcome.acts["scheduler left"]


@pytest.mark.parametrize(("ledger", "broker"), LEDGERS[: scaled(1, 2)])
def test_workers_are_replaced_one_after_the_other_under_load(begun: Begin, ledger: str, broker: str, reached: Tell) -> None:
    touches = EACH * (RESTARTS + 2) + 40
    morning = begun(Order(touches, ledger=ledger, broker=broker, schedulers=1, manners=MANNERS))
    morning.begin(ROLLING)
    for number in range(RESTARTS):
        morning.until_taken(EACH * (number + 1))
        _replace_one(morning)
    _replace_one(morning, "scheduler")
    _nothing_is_amiss(morning, touches)
    reached(touches, "touches", seeds=1)
    reached(RESTARTS + 1, "restarts")


NEXT = '''"""The next version's"""

import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{newest}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("touches", sa.Column("of_the_next", sa.Text()))
    op.add_column("workers", sa.Column("of_the_next", sa.Text()))
    op.create_table("of_the_next", sa.Column("id", sa.BigInteger(), primary_key=True))
    op.create_index("ix_of_the_next", "touches", ["of_the_next", "due_at"])
'''


def _upgrade(morning: Morning, folder: Path) -> None:
    """As the first process of the next version does when it starts."""
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    ((newest,),) = morning.rows("SELECT version_num FROM alembic_version")
    (folder / "versions/9999_next.py").write_text(NEXT.format(newest=newest), encoding="utf-8")
    config = Config()
    config.set_main_option("script_location", str(folder))
    ledger = open_ledger(morning.story.config.ledger)
    with ledger.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    ledger.close()
    assert morning.rows("SELECT version_num FROM alembic_version") == [("9999",)]


@pytest.mark.parametrize(("ledger", "broker"), LEDGERS)
def test_a_ledger_takes_its_next_form_under_load_and_todays_code_goes_on(
    begun: Begin, tmp_path: Path, ledger: str, broker: str, reached: Tell
) -> None:
    touches = 120
    morning = begun(Order(touches, ledger=ledger, broker=broker, manners=MANNERS))
    morning.begin(ROLLING)
    morning.until_taken(EACH)
    _upgrade(morning, tmp_path / "next")
    morning.until_taken(2 * EACH)
    _replace_one(morning)  # today's code starts on a form that it does not know
    _replace_one(morning)
    _nothing_is_amiss(morning, touches)
    assert "newer" in (tmp_path / "processes.log").read_text(encoding="utf-8"), "it says so"
    reached(touches, "touches", seeds=1)
    reached(1, "migrations under load")
