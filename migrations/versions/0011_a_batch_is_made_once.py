"""A batch is made once for an Idempotency-Key, also where its answer could not be kept."""

from sqlalchemy import Column

from migrations.columns import code
from migrations.statements import alter, undo_alter

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    alter("batches", add=[Column("request_digest", code(64))], unique=["request_digest"])


def downgrade() -> None:
    undo_alter("batches", drop=["request_digest"], index=["request_digest"])
