"""Create the tables of users and track points.

Revision ID: 97eeeb1ead54
Revises:
Create Date: 2023-06-18 12:00:00
"""

import sqlalchemy as sa

from alembic import op

revision = "97eeeb1ead54"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("username", sa.String(), nullable=False),
        *stamps(),
        sa.PrimaryKeyConstraint("id", name="users_pkey"),
    )
    op.create_table(
        "track_points",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("lat", sa.Float(), nullable=False),
        sa.Column("lon", sa.Float(), nullable=False),
        sa.Column("date", sa.DateTime(), nullable=False),
        *stamps(),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="track_points_user_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="track_points_pkey"),
    )


def stamps() -> list[sa.Column[object]]:
    return [
        sa.Column(name, sa.DateTime(), server_default=sa.func.now(), nullable=True)
        for name in ("created_at", "updated_at")
    ]


def downgrade() -> None:
    op.drop_table("track_points")
    op.drop_table("users")
