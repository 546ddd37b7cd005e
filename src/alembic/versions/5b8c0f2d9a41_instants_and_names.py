"""Use timestamptz for every timestamp, add an index, and name the constraints by a convention.

The old timestamps have no time zone, so the upgrade reads them as UTC. The downgrade writes
timestamps in UTC. Both the upgrade and the downgrade keep every row.

Revision ID: 5b8c0f2d9a41
Revises: 97eeeb1ead54
Create Date: 2026-11-24 07:00:00
"""

import sqlalchemy as sa

from alembic import op

revision = "5b8c0f2d9a41"
down_revision = "97eeeb1ead54"
branch_labels = None
depends_on = None

STAMPS = [
    (table, name) for table in ("users", "track_points") for name in ("created_at", "updated_at")
]
TIMESTAMPS = [*STAMPS, ("track_points", "date")]
NAMES = [
    ("users", "users_pkey", "pk_users"),
    ("track_points", "track_points_pkey", "pk_track_points"),
]


def upgrade() -> None:
    for table, name in STAMPS:
        op.execute(f"UPDATE {table} SET {name} = now() AT TIME ZONE 'UTC' WHERE {name} IS NULL")
    for table, name in TIMESTAMPS:
        change_type(table, name, sa.DateTime(timezone=True), nullable=False)
    for table, old, new in NAMES:
        op.execute(f"ALTER TABLE {table} RENAME CONSTRAINT {old} TO {new}")
    op.drop_constraint("track_points_user_id_fkey", "track_points")
    op.create_foreign_key(
        "fk_track_points_user_id_users",
        "track_points", "users", ["user_id"], ["id"], ondelete="CASCADE",
    )  # fmt: skip
    op.create_index("ix_track_points_user_id", "track_points", ["user_id"])


def downgrade() -> None:
    op.drop_index("ix_track_points_user_id", "track_points")
    op.drop_constraint("fk_track_points_user_id_users", "track_points")
    op.create_foreign_key("track_points_user_id_fkey", "track_points", "users", ["user_id"], ["id"])
    for table, old, new in NAMES:
        op.execute(f"ALTER TABLE {table} RENAME CONSTRAINT {new} TO {old}")
    for table, name in TIMESTAMPS:
        change_type(table, name, sa.DateTime(), nullable=(table, name) in STAMPS)


def change_type(table: str, name: str, to: sa.DateTime, nullable: bool) -> None:
    using = f"{name} AT TIME ZONE 'UTC'"
    op.alter_column(table, name, type_=to, nullable=nullable, postgresql_using=using)
