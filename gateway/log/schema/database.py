"""How to connect to the database behind the log."""

from typing import Any

from sqlalchemy import Engine, create_engine, event

from gateway.log.schema.settings import DatabaseSettings

# Of our sessions, whatever the server's own: one that truncates in silence keeps half an answer.
SQL_MODE = "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
CONNECT_TIMEOUT_S = 5


def open_database(settings: DatabaseSettings, *, answer_timeout_s: int | None = None) -> Engine:
    """An engine for the log; connections are checked before use, so that it recovers by itself.
    `answer_timeout_s` bounds the wait for each answer of a server."""
    url = settings.sqlalchemy_url
    if url.get_backend_name() != "sqlite":
        options: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT_S, "sql_mode": SQL_MODE}
        if answer_timeout_s is not None:
            options |= {"read_timeout": answer_timeout_s, "write_timeout": answer_timeout_s}
        engine = create_engine(
            url,
            pool_pre_ping=True,
            pool_recycle=1800,
            connect_args=options,
            hide_parameters=True,  # a stack trace in the log must not hold what somebody asked
        )

        # Here, because it brings 9 MB with it that SQLite has no use for.
        from gateway.log.schema.mysql import LightConnection

        @event.listens_for(engine, "do_connect")
        def _connect(_: Any, __: Any, args: list[Any], named: dict[str, Any]) -> LightConnection:
            return LightConnection(*args, **named)

        return engine
    engine = create_engine(url, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _: Any) -> None:
        # WAL: analysts read while the gateway writes; NORMAL survives the death of the process.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA secure_delete=ON")  # what is erased is overwritten

    return engine
