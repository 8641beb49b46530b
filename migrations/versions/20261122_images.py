"""Uploads: whose a stored photo is, and until when it is kept."""

import sqlalchemy as sa
from alembic import op

from gateway.log.schema.columns import TABLE_OPTIONS, UtcTime, UuidBytes, code

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "images",
        sa.Column("image_id", UuidBytes, nullable=False),
        sa.Column("tenant", code(64), nullable=False),
        sa.Column("session_id", code(32)),
        sa.Column("image_digest", code(64), nullable=False),
        sa.Column("image_format", code(8), nullable=False),
        sa.Column("image_width", sa.Integer, nullable=False),
        sa.Column("image_height", sa.Integer, nullable=False),
        sa.Column("image_bytes", sa.Integer, nullable=False),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("expires_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("image_id", name="pk_images"),
        sa.Index("ix_images_expires_at", "expires_at"),
        sa.Index("ix_images_session_id", "session_id"),
        **TABLE_OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("images")
