"""the first schema

Revision ID: 0001
Revises: 
"""

from alembic import op
import sqlalchemy as sa


revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('access_request',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('requester', sa.Text(), nullable=False),
    sa.Column('place', sa.Text(), nullable=False),
    sa.Column('role', sa.Text(), nullable=False),
    sa.Column('duration', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('origin', sa.Text(), nullable=False),
    sa.Column('held', sa.Text(), nullable=False),
    sa.Column('invites', sa.Boolean(), nullable=False),
    sa.Column('rule', sa.Text(), nullable=False),
    sa.Column('needed', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('lapses_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('status', sa.Text(), nullable=False),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('settled_by', sa.Text(), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_access_request')),
    sa.UniqueConstraint('origin', name=op.f('uq_access_request_origin'))
    )
    with op.batch_alter_table('access_request', schema=None) as batch_op:
        batch_op.create_index('ix_access_request_lapses_at', ['lapses_at'], unique=False, sqlite_where=sa.text("status = 'pending'"), postgresql_where=sa.text("status = 'pending'"))
        batch_op.create_index('ix_access_request_requester', ['requester', 'created_at'], unique=False)
        batch_op.create_index('uq_access_request_pending', ['requester', 'place', 'role'], unique=True, sqlite_where=sa.text("status = 'pending'"), postgresql_where=sa.text("status = 'pending'"))

    op.create_table('audit',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('event', sa.Text(), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('detail', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit'))
    )
    with op.batch_alter_table('audit', schema=None) as batch_op:
        batch_op.create_index('ix_audit_subject', ['subject'], unique=False)

    op.create_table('job',
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('lane', sa.Text(), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('generation', sa.Integer(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('lease_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('lease_token', sa.Text(), nullable=True),
    sa.Column('last_error', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_job'))
    )
    with op.batch_alter_table('job', schema=None) as batch_op:
        batch_op.create_index('ix_job_due_at', ['due_at'], unique=False)
        batch_op.create_index('uq_job_lane_leased', ['lane'], unique=True, sqlite_where=sa.text('lease_token IS NOT NULL'), postgresql_where=sa.text('lease_token IS NOT NULL'))

    op.create_table('meta',
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('value', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_meta'))
    )
    op.create_table('receipt',
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('audience', sa.Text(), nullable=False),
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('ts', sa.Text(), nullable=False),
    sa.Column('drawn', sa.Text(), nullable=False),
    sa.Column('failed', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('subject', 'audience', name=op.f('pk_receipt'))
    )
    op.create_table('roster',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('read_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_roster'))
    )
    op.create_table('standing',
    sa.Column('person', sa.Text(), nullable=False),
    sa.Column('place', sa.Text(), nullable=False),
    sa.Column('account', sa.Text(), nullable=True),
    sa.Column('noted', sa.Boolean(), nullable=False),
    sa.Column('prior', sa.Text(), nullable=False),
    sa.Column('prior_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_seen', sa.Text(), nullable=False),
    sa.Column('unanswered', sa.Text(), nullable=False),
    sa.Column('others', sa.Text(), nullable=True),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('drift', sa.Text(), nullable=False),
    sa.Column('last_end_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('person', 'place', name=op.f('pk_standing'))
    )
    with op.batch_alter_table('standing', schema=None) as batch_op:
        batch_op.create_index('ix_standing_account', ['account', 'place'], unique=False)

    op.create_table('access_grant',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('person', sa.Text(), nullable=False),
    sa.Column('place', sa.Text(), nullable=False),
    sa.Column('role', sa.Text(), nullable=False),
    sa.Column('approvers', sa.Text(), nullable=False),
    sa.Column('invites', sa.Boolean(), nullable=False),
    sa.Column('rule', sa.Text(), nullable=False),
    sa.Column('issued_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('status', sa.Text(), nullable=False),
    sa.Column('activated_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('over_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_by', sa.Text(), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('stuck', sa.Text(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['id'], ['access_request.id'], name=op.f('fk_access_grant_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_access_grant'))
    )
    with op.batch_alter_table('access_grant', schema=None) as batch_op:
        batch_op.create_index('ix_access_grant_ends_at', ['ends_at'], unique=False, sqlite_where=sa.text("status IN ('issued', 'active') AND ends_at IS NOT NULL"), postgresql_where=sa.text("status IN ('issued', 'active') AND ends_at IS NOT NULL"))
        batch_op.create_index('ix_access_grant_open', ['person', 'place'], unique=False, sqlite_where=sa.text("status IN ('issued', 'active', 'ending')"), postgresql_where=sa.text("status IN ('issued', 'active', 'ending')"))

    op.create_table('decision',
    sa.Column('request_id', sa.Text(), nullable=False),
    sa.Column('approver', sa.Text(), nullable=False),
    sa.Column('approved', sa.Boolean(), nullable=False),
    sa.Column('comment', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['request_id'], ['access_request.id'], name=op.f('fk_decision_request_id')),
    sa.PrimaryKeyConstraint('request_id', 'approver', name=op.f('pk_decision'))
    )


def downgrade() -> None:
    op.drop_table('decision')
    with op.batch_alter_table('access_grant', schema=None) as batch_op:
        batch_op.drop_index('ix_access_grant_open', sqlite_where=sa.text("status IN ('issued', 'active', 'ending')"), postgresql_where=sa.text("status IN ('issued', 'active', 'ending')"))
        batch_op.drop_index('ix_access_grant_ends_at', sqlite_where=sa.text("status IN ('issued', 'active') AND ends_at IS NOT NULL"), postgresql_where=sa.text("status IN ('issued', 'active') AND ends_at IS NOT NULL"))

    op.drop_table('access_grant')
    op.drop_table('standing')
    op.drop_table('roster')
    op.drop_table('receipt')
    op.drop_table('meta')
    with op.batch_alter_table('job', schema=None) as batch_op:
        batch_op.drop_index('uq_job_lane_leased', sqlite_where=sa.text('lease_token IS NOT NULL'), postgresql_where=sa.text('lease_token IS NOT NULL'))
        batch_op.drop_index('ix_job_due_at')

    op.drop_table('job')
    with op.batch_alter_table('audit', schema=None) as batch_op:
        batch_op.drop_index('ix_audit_subject')

    op.drop_table('audit')
    with op.batch_alter_table('access_request', schema=None) as batch_op:
        batch_op.drop_index('uq_access_request_pending', sqlite_where=sa.text("status = 'pending'"), postgresql_where=sa.text("status = 'pending'"))
        batch_op.drop_index('ix_access_request_requester')
        batch_op.drop_index('ix_access_request_lapses_at', sqlite_where=sa.text("status = 'pending'"), postgresql_where=sa.text("status = 'pending'"))

    op.drop_table('access_request')
