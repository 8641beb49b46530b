"""What analysts ask for: route, client, intent, hash of the question, every step's time; and when a
row arrived, for roll-ups that catch up with late ones."""

import sqlalchemy as sa

from gateway.log.schema.columns import UtcTime, code, utc_now
from gateway.log.schema.ddl import alter, undo_alter

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    alter(
        "interactions",
        add=[
            sa.Column("route", code(48)),
            sa.Column("client", code(16)),
            sa.Column("question_hash", code(32)),
            sa.Column("intent", code(16)),
            sa.Column("moderation", code(120)),
            sa.Column("replica", code(64)),
            sa.Column("join_ms", sa.Double),
            sa.Column("upstream_ms", sa.Double),
            sa.Column("arrived_at", UtcTime, nullable=False, server_default=utc_now()),
        ],
        index=("arrived_at",),
    )


def downgrade() -> None:
    undo_alter(
        "interactions",
        drop=(
            "route",
            "client",
            "question_hash",
            "intent",
            "moderation",
            "replica",
            "join_ms",
            "upstream_ms",
            "arrived_at",
        ),
        index=("arrived_at",),
    )
