"""Files and batches of the batch lane, and the lines of these."""

from alembic import op
from sqlalchemy import BigInteger, Column

from migrations.columns import DOCUMENT, INTEGER, MOMENT, UUID, WORDS, code
from migrations.statements import create

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    create(
        "files",
        Column("file_id", UUID, primary_key=True),
        Column("tenant", code(64), nullable=False),
        Column("purpose", code(16), nullable=False),
        Column("name", WORDS, nullable=False),
        Column("bytes", BigInteger, nullable=False),
        Column("created_at", MOMENT, nullable=False),
        Column("expires_at", MOMENT, nullable=False),
        index=["tenant", "expires_at"],
    )
    create(
        "batches",
        Column("batch_id", UUID, primary_key=True),
        Column("tenant", code(64), nullable=False),
        Column("key_id", code(16), nullable=False),
        Column("endpoint", code(48), nullable=False),
        Column("status", code(16), nullable=False),
        Column("input_file_id", UUID, nullable=False),
        Column("output_file_id", UUID),
        Column("error_file_id", UUID),
        Column("created_at", MOMENT, nullable=False),
        Column("expires_at", MOMENT, nullable=False),
        Column("in_progress_at", MOMENT),
        Column("finalizing_at", MOMENT),
        Column("completed_at", MOMENT),
        Column("failed_at", MOMENT),
        Column("expired_at", MOMENT),
        Column("cancelling_at", MOMENT),
        Column("cancelled_at", MOMENT),
        Column("total", INTEGER, nullable=False),
        Column("completed", INTEGER, nullable=False),
        Column("failed", INTEGER, nullable=False),
        Column("labels", DOCUMENT),
        Column("errors", DOCUMENT),
        Column("output_ttl_s", INTEGER, nullable=False),
        Column("fence", INTEGER, nullable=False),
        Column("leased_until", MOMENT, nullable=False),
        index=["tenant", "status", "input_file_id"],
    )
    create(
        "batch_lines",
        Column("batch_id", UUID, primary_key=True),
        Column("place", INTEGER, primary_key=True, autoincrement=False),
        Column("number", INTEGER, nullable=False),
        Column("custom_id", WORDS, nullable=False),
        Column("position", BigInteger, nullable=False),
        Column("length", INTEGER, nullable=False),
        Column("user_pseudonym", code(32)),
        Column("due_at", MOMENT, nullable=False),
        Column("leased_until", MOMENT, nullable=False),
        Column("fence", INTEGER, nullable=False),
        Column("tries", INTEGER, nullable=False),
        index=["user_pseudonym"],
    )
    create(
        "batch_results",
        Column("batch_id", UUID, primary_key=True),
        Column("number", INTEGER, primary_key=True, autoincrement=False),
        Column("custom_id", WORDS),
        Column("outcome", code(16), nullable=False),
        Column("result", DOCUMENT),
        Column("user_pseudonym", code(32)),
        index=["user_pseudonym"],
    )


def downgrade() -> None:
    for name in ("batch_results", "batch_lines", "batches", "files"):
        op.drop_table(name)
