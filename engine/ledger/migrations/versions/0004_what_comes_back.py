"""What came back by mail"""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('returns',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('touch_id', sa.String(length=40), nullable=False),
    sa.Column('kind', sa.String(length=10), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('address', sa.Text(), nullable=False),
    sa.Column('domain', sa.Text(), nullable=False),
    sa.Column('report', sa.Text(), nullable=False),
    sa.Column('status', sa.String(length=12), nullable=True),
    sa.Column('said', sa.Text(), nullable=False),
    sa.Column('writer', sa.Text(), nullable=True),
    sa.Column('subject', sa.Text(), nullable=True),
    sa.Column('text', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_returns'))
    )
    op.create_index('ix_returns_at', 'returns', ['at'], unique=False)
    op.create_index('ix_returns_touch', 'returns', ['touch_id'], unique=False)
    op.create_index('ix_returns_address', 'returns', ['address', 'at'], unique=False)


def downgrade() -> None:
    op.drop_table('returns')
