"""which job is next

Revision ID: 0006
Revises: 0005
"""

from alembic import op
import sqlalchemy as sa


revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None

ACCESS = sa.text("kind = 'ensure'")
FAILED = sa.text("attempts > 0")


def upgrade() -> None:
    op.create_index('ix_job_access', 'job', ['due_at'], unique=False, sqlite_where=ACCESS, postgresql_where=ACCESS)
    op.create_index('ix_job_failed', 'job', ['kind', 'due_at'], unique=False, sqlite_where=FAILED, postgresql_where=FAILED)


def downgrade() -> None:
    op.drop_index('ix_job_failed', 'job')
    op.drop_index('ix_job_access', 'job')
