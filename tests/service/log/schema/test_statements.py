"""What a revision does to a table is one statement on a server: none is left half done."""

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Engine, event, inspect, text

from migrations.columns import MOMENT, UUID, code
from migrations.statements import alter, create, now, undo_alter

ADDED = {"colour", "seen_at"}


def test_a_table_is_made_changed_and_changed_back_with_its_rows(engine: Engine) -> None:
    sent: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *said: sent.append(said[2]))

    def changes() -> int:
        found = sum(statement.startswith(("CREATE", "ALTER")) for statement in sent)
        sent.clear()
        return found

    server = engine.dialect.name != "sqlite"
    with (
        engine.connect() as connection,
        Operations.context(MigrationContext.configure(connection)),
    ):
        create(
            "bags",
            Column("bag_id", UUID, primary_key=True),
            Column("tenant", code(64), nullable=False),
            index=("tenant",),
        )
        assert changes() == 1 or not server
        connection.execute(text("INSERT INTO bags VALUES (X'00', 'public')"))
        new = [
            Column("colour", code(8)),
            Column("seen_at", MOMENT, nullable=False, server_default=now()),
        ]
        alter("bags", add=new, index=("colour",))
        assert changes() == 1 or not server
        connection.commit()
        assert {column["name"] for column in inspect(connection).get_columns("bags")} >= ADDED
        indexes = {index["name"] for index in inspect(connection).get_indexes("bags")}
        assert indexes == {"ix_bags_tenant", "ix_bags_colour"}
        seen = "SELECT COUNT(*) FROM bags WHERE tenant = 'public' AND seen_at > '2026-01-01'"
        assert connection.scalar(text(seen)) == 1
        undo_alter("bags", drop=("colour", "seen_at"), index=("colour",))
        assert changes() == 1 or not server
        connection.commit()
        names = [column["name"] for column in inspect(connection).get_columns("bags")]
        assert names == ["bag_id", "tenant"]
        assert connection.scalar(text("SELECT COUNT(*) FROM bags")) == 1
