"""Create two indexes on points: by user and id, and by user and date.

Without the indexes on (user_id, id) and (user_id, date), the query for a page of points reads all
points of the user. If the table of points is large and in use, first create the indexes with CREATE
INDEX CONCURRENTLY (test165).

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
