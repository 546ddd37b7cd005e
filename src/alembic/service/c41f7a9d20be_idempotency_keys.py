"""Create the table of idempotency keys in the schema `service`, which env.py has created.

Revision ID: c41f7a9d20be
Revises:
Create Date: 2026-11-24 14:50:00
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from alembic import op

revision = "c41f7a9d20be"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("request", sa.String(), nullable=False),
        sa.Column("answer", JSONB(), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_idempotency_keys")),
        schema="service",
    )
    op.create_index(
        op.f("ix_service_idempotency_keys_created_at"),
        "idempotency_keys",
        ["created_at"],
        schema="service",
    )


def downgrade() -> None:
    op.drop_table("idempotency_keys", schema="service")
