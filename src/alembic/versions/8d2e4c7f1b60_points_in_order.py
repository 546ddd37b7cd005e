"""Create indexes on the points of a user by id and by date.

Without indexes by id and by date, a page of a user's points reads all points of that user. If the
table of points is large and in use, create the indexes by CREATE INDEX CONCURRENTLY before the
migration (test165).

Revision ID: 8d2e4c7f1b60
Revises: 5b8c0f2d9a41
Create Date: 2026-11-25 17:00:00
"""

from alembic import op

revision = "8d2e4c7f1b60"
down_revision = "5b8c0f2d9a41"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in ("id", "date"):
        op.create_index(
            f"ix_track_points_user_id_{column}",
            "track_points",
            ["user_id", column],
            if_not_exists=True,
        )
    op.drop_index("ix_track_points_user_id", "track_points")


def downgrade() -> None:
    op.create_index("ix_track_points_user_id", "track_points", ["user_id"])
    for column in ("date", "id"):
        op.drop_index(f"ix_track_points_user_id_{column}", "track_points")
