"""Alembic at work: brings the tables to the newest form. Loaded only when a ledger is not in it yet."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(connection: Connection) -> None:
    """Run the migrations that are missing, inside the connection's transaction."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def newest() -> tuple[str, ...]:
    """The newest form as the migrations tell it."""
    return tuple(ScriptDirectory(str(MIGRATIONS)).get_heads())


def revisions() -> frozenset[str]:
    """Every form that the migrations know."""
    return frozenset(script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions())
