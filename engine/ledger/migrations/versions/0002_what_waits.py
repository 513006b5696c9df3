"""What waits is found by its own indexes, however much of it there is"""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

WAITING = sa.text("state = 'pending'")


def upgrade() -> None:
    for name, columns in (('ix_touches_waiting', ['channel', 'due_at', 'id']), ('ix_touches_deadline', ['state', 'deadline', 'id'])):
        op.create_index(name, 'touches', columns, sqlite_where=WAITING, postgresql_where=WAITING)


def downgrade() -> None:
    for name in ('ix_touches_deadline', 'ix_touches_waiting'):
        op.drop_index(name, 'touches')
