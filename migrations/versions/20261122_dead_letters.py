"""Dead letters: events that the log's table would not take, kept with the reason."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0010"
down_revision = "0001"

MYSQL = ("mysql", "mariadb")
OPTIONS = {
    f"{dialect}_{name}": value
    for dialect in MYSQL
    for name, value in {
        "engine": "InnoDB",
        "charset": "utf8mb4",
        "collate": "utf8mb4_unicode_ci",
    }.items()
}


def ascii_text(
    kind: type[mysql.VARCHAR] | type[mysql.MEDIUMTEXT], *size: int
) -> sa.types.TypeEngine:
    return kind(*size, charset="ascii", collation="ascii_bin")


def upgrade() -> None:
    op.create_table(
        "dead_letters",
        sa.Column(
            "interaction_id",
            sa.LargeBinary(16).with_variant(sa.BINARY(16), *MYSQL),
            nullable=False,
        ),
        sa.Column(
            "user_pseudonym", sa.String(32).with_variant(ascii_text(mysql.VARCHAR, 32), *MYSQL)
        ),
        sa.Column(
            "died_at", sa.DateTime().with_variant(mysql.DATETIME(fsp=3), *MYSQL), nullable=False
        ),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column(
            "reason",
            sa.Text().with_variant(
                mysql.TEXT(charset="utf8mb4", collation="utf8mb4_unicode_ci"), *MYSQL
            ),
            nullable=False,
        ),
        sa.Column(
            "event", sa.Text().with_variant(ascii_text(mysql.MEDIUMTEXT), *MYSQL), nullable=False
        ),
        sa.PrimaryKeyConstraint("interaction_id", name="pk_dead_letters"),
        sa.Index("ix_dead_letters_user_pseudonym", "user_pseudonym"),
        **OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("dead_letters")
