"""A kind of mail may be refused by itself: suppressions say which"""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == 'postgresql':  # SQLite keeps texts of any length
        op.alter_column('suppressions', 'kind', type_=sa.String(length=80))


def downgrade() -> None:
    if op.get_bind().dialect.name == 'postgresql':
        op.execute("DELETE FROM suppressions WHERE kind LIKE 'kind:%'")
        op.alter_column('suppressions', 'kind', type_=sa.String(length=10))
