"""API keys as hashed rows, and who has changed them."""

from alembic import op
from sqlalchemy import Column

from migrations.columns import DOCUMENT, INTEGER, MOMENT, UUID, code
from migrations.statements import create

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    create(
        "api_keys",
        Column("key_id", code(16), primary_key=True),
        Column("key_hash", code(64), nullable=False),
        Column("tenant", code(64), nullable=False),
        Column("scopes", code(120), nullable=False),
        Column("created_at", MOMENT, nullable=False),
        Column("expires_at", MOMENT),
        Column("revoked_at", MOMENT),
        Column("changes", INTEGER, nullable=False),
    )
    create(
        "key_audit",
        Column("audit_id", UUID, primary_key=True),
        Column("done_at", MOMENT, nullable=False),
        Column("actor", code(128), nullable=False),
        Column("action", code(32), nullable=False),
        Column("tenant", code(64)),
        Column("subject", code(64)),
        Column("details", DOCUMENT, nullable=False),
        index=("done_at",),
    )


def downgrade() -> None:
    op.drop_table("key_audit")
    op.drop_table("api_keys")
