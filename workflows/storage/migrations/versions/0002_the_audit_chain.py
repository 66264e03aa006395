"""the audit chain

Revision ID: 0002
Revises: 0001

Rows that are there already get a salt and a digest (without a key: the migration has none); the
sealer seals them afterwards like any other. What a digest covers is written down here once more, so
that this file stays what it was when `domain.chain` moves on.
"""

import hashlib
import json
import secrets

from alembic import op
import sqlalchemy as sa


revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

PAGE = 1000
AT = {
    'sqlite': 'at',
    'postgresql': "replace(to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US AD'), ' AD', '')",
}


def upgrade() -> None:
    # One by one: with `batch_alter_table` SQLite would copy the whole table.
    op.add_column('audit', sa.Column('salt', sa.Text(), server_default='', nullable=False))
    op.add_column('audit', sa.Column('digest', sa.Text(), server_default='', nullable=False))
    op.add_column('audit', sa.Column('seq', sa.Integer(), nullable=True))
    op.add_column('audit', sa.Column('prev', sa.Text(), nullable=True))
    op.add_column('audit', sa.Column('hash', sa.Text(), nullable=True))
    op.add_column('audit', sa.Column('key', sa.Text(), nullable=True))
    op.create_index('uq_audit_seq', 'audit', ['seq'], unique=True)
    _digest_what_is_there(op.get_bind())


def _digest_what_is_there(connection: sa.Connection) -> None:
    page = sa.text(
        f"SELECT id, {AT[connection.dialect.name]}, actor, event, subject, detail FROM audit"
        " WHERE id > :after ORDER BY id LIMIT :page"
    )
    store = sa.text('UPDATE audit SET salt = :salt, digest = :digest WHERE id = :id')
    after = -1
    while rows := connection.execute(page, {'after': after, 'page': PAGE}).all():
        after = rows[-1][0]
        connection.execute(store, [_digested(id, *told) for id, *told in rows])


def _digested(id: int, *told: str) -> dict[str, object]:
    salt = secrets.token_hex(16)
    covered = json.dumps(['wandb-access audit row 1', salt, *told], separators=(',', ':'))
    return {'id': id, 'salt': salt, 'digest': hashlib.sha256(covered.encode()).hexdigest()}


def downgrade() -> None:
    op.drop_index('uq_audit_seq', 'audit')
    for column in ('key', 'hash', 'prev', 'seq', 'digest', 'salt'):
        op.drop_column('audit', column)
