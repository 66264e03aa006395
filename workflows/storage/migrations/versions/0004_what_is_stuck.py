"""what is stuck

Revision ID: 0004
Revises: 0003
"""

from alembic import op
import sqlalchemy as sa


revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

UNSETTLED = sa.text("status IN ('issued', 'ending')")
LEFTOVER = sa.text("drift = 'leftover'")


def upgrade() -> None:
    op.create_index('ix_access_grant_unsettled', 'access_grant', ['status'], unique=False, sqlite_where=UNSETTLED, postgresql_where=UNSETTLED)
    op.create_index('ix_standing_leftover', 'standing', ['last_end_at'], unique=False, sqlite_where=LEFTOVER, postgresql_where=LEFTOVER)


def downgrade() -> None:
    op.drop_index('ix_standing_leftover', 'standing')
    op.drop_index('ix_access_grant_unsettled', 'access_grant')
