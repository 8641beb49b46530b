"""The behaviour log: one row a finished request."""

import sqlalchemy as sa
from alembic import op

from gateway.log.schema.columns import TABLE_OPTIONS, UtcTime, UuidBytes, code, unicode_text

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "interactions",
        sa.Column("interaction_id", UuidBytes, nullable=False),
        sa.Column("parent_interaction_id", UuidBytes),
        sa.Column("asked_at", UtcTime, nullable=False),
        sa.Column("kind", code(16), nullable=False),
        sa.Column("tenant", code(64), nullable=False),
        sa.Column("user_pseudonym", code(32)),
        sa.Column("session_id", code(32)),
        sa.Column("request_id", code(64), nullable=False),
        sa.Column("image_digest", code(64)),
        sa.Column("image_format", code(8)),
        sa.Column("image_width", sa.Integer),
        sa.Column("image_height", sa.Integer),
        sa.Column("image_bytes", sa.Integer),
        sa.Column("question", unicode_text()),
        sa.Column("language", code(8)),
        sa.Column("answer", unicode_text()),
        sa.Column("outcome", code(16), nullable=False),
        sa.Column("error_code", code(32)),
        sa.Column("finish_reason", code(16)),
        sa.Column("cache", code(8)),
        sa.Column("model_revision", code(64)),
        sa.Column("prompt_tokens", sa.Integer),
        sa.Column("completion_tokens", sa.Integer),
        sa.Column("identify_ms", sa.Double),
        sa.Column("screen_ms", sa.Double),
        sa.Column("look_up_ms", sa.Double),
        sa.Column("first_text_ms", sa.Double),
        sa.Column("total_ms", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("interaction_id", name="pk_interactions"),
        sa.Index("ix_interactions_asked_at", "asked_at"),
        sa.Index("ix_interactions_image_digest", "image_digest"),
        sa.Index("ix_interactions_session_id", "session_id"),
        **TABLE_OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("interactions")
