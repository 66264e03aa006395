"""what others changed

Revision ID: 0003
Revises: 0002
"""

from alembic import op
import sqlalchemy as sa


revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

WATCHED = sa.text("(noted OR unanswered <> '[]')")


def upgrade() -> None:
    # One by one: with `batch_alter_table` SQLite would copy the whole table.
    op.add_column('standing', sa.Column('fights', sa.Integer(), server_default='0', nullable=False))
    op.add_column('standing', sa.Column('overruled_at', sa.DateTime(timezone=True), nullable=True))
    op.create_index('ix_standing_watched', 'standing', ['person', 'place'], unique=False, sqlite_where=WATCHED, postgresql_where=WATCHED)
    op.create_index('ix_standing_last_end_at', 'standing', ['last_end_at'], unique=False)


def downgrade() -> None:
    op.drop_index('ix_standing_last_end_at', 'standing')
    op.drop_index('ix_standing_watched', 'standing')
    op.drop_column('standing', 'overruled_at')
    op.drop_column('standing', 'fights')
