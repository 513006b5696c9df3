"""A kind of mail may be refused by itself: suppressions say which"""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None

SHORT, LONG = sa.String(length=10), sa.String(length=80)


def upgrade() -> None:
    with op.batch_alter_table('suppressions') as table:
        table.alter_column('kind', existing_type=SHORT, type_=LONG, existing_nullable=False)


def downgrade() -> None:
    op.execute("DELETE FROM suppressions WHERE kind LIKE 'kind:%'")
    with op.batch_alter_table('suppressions') as table:
        table.alter_column('kind', existing_type=LONG, type_=SHORT, existing_nullable=False)
