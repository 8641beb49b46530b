"""Views of model time and money: what broke off has cost as well. The worker of this version counts
the hours anew by itself."""

from pathlib import Path

from alembic import op

from migrations.statements import view, views_of

revision = "0010"
down_revision = "0009"

HERE = Path(__file__)
VIEWS = views_of(HERE.with_name("0010_views.sql"))
BEFORE = views_of(HERE.with_name("0001_views.sql")) | views_of(HERE.with_name("0008_views.sql"))


def upgrade() -> None:
    for name, query in VIEWS.items():
        view(name, query)


def downgrade() -> None:
    for name in VIEWS:
        view(name, BEFORE[name])
    # Whoever comes up again counts anew.
    op.execute("DELETE FROM rollup_state WHERE name = 'form-2'")
