"""Alembic's entry: runs inside the transaction that `Ledger.migrate` opened."""

from alembic import context

from engine.ledger.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
