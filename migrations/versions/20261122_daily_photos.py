"""Roll-up: which photos are asked about, by day."""

import sqlalchemy as sa
from alembic import op

from gateway.log.schema.columns import TABLE_OPTIONS, code, daily_columns

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    op.create_table(
        "daily_photos",
        *daily_columns(("uploads", "asked", "questions", "sessions"), image_digest=code(64)),
        sa.Column("image_format", code(8)),
        sa.Column("image_width", sa.Integer),
        sa.Column("image_height", sa.Integer),
        sa.Index("ix_daily_photos_image_digest", "image_digest"),
        **TABLE_OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("daily_photos")
