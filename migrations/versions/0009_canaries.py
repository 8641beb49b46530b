"""Canaries: what was decided on which figures, weights of revisions, answers computed ahead."""

from alembic import op
from sqlalchemy import BigInteger, Column, inspect

from migrations.columns import DOCUMENT, INTEGER, MOMENT, UUID, code
from migrations.statements import alter, create, now, undo_alter

revision = "0009"
down_revision = "0008"

NEW_TABLES = ("canary_log", "canary_figures", "revision_weights", "warmed_answers")


def upgrade() -> None:
    create(
        "canary_log",
        Column("number", INTEGER, primary_key=True, autoincrement=False),
        Column("done_at", MOMENT, nullable=False, server_default=now()),
        Column("actor", code(64), nullable=False),
        Column("action", code(32), nullable=False),
        Column("details", DOCUMENT, nullable=False),
    )
    counted = ("requests", "failed", "computed", "slow", "votes", "down")
    create(
        "canary_figures",
        Column("canary", INTEGER, primary_key=True, autoincrement=False),
        Column("block", INTEGER, primary_key=True, autoincrement=False),
        Column("side", code(8), primary_key=True),
        *(Column(name, INTEGER, nullable=False) for name in counted),
    )
    create(
        "revision_weights",
        Column("version", BigInteger(), primary_key=True, autoincrement=False),
        Column("set_at", MOMENT, nullable=False, server_default=now()),
        Column("weights", DOCUMENT),
    )
    create(
        "warmed_answers",
        Column("warmed_id", UUID, primary_key=True),
        Column("source_key", code(64), nullable=False),
        Column("answer_key", code(64), nullable=False),
        Column("model_revision", code(64), nullable=False),
        Column("image_digest", code(64), nullable=False),
        Column("warmed_at", MOMENT, nullable=False, server_default=now()),
        index=("source_key", "warmed_at"),
    )
    # By it a photo is found whoever has uploaded it.
    found = inspect(op.get_bind()).get_indexes("images")
    if "ix_images_image_digest" not in [index["name"] for index in found]:
        alter("images", index=("image_digest",))


def downgrade() -> None:
    undo_alter("images", index=("image_digest",))
    for name in reversed(NEW_TABLES):
        op.drop_table(name)
