"""Opens the database behind the log. Creates no tables: migrations/ does."""

from typing import Any, Protocol

from sqlalchemy import URL, Engine, create_engine, event

from gateway.log.schema.primary import follow_primary

# Set for our sessions, whatever the server's default is. A server without STRICT_TRANS_TABLES would
# truncate a long answer without an error.
SQL_MODE = "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
CONNECT_TIMEOUT_S = 5


class DatabaseAddress(Protocol):
    """Of the settings, what is needed here: a forwarder's process does not have them."""

    @property
    def sqlalchemy_url(self) -> URL: ...


def open_database(settings: DatabaseAddress, *, answer_timeout_s: int | None = None) -> Engine:
    """An engine for the log. It checks each connection before use, so that it recovers from an
    outage. `answer_timeout_s` bounds the wait for each reply of a server."""
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
            hide_parameters=True,  # a stack trace in the log must not quote a question
        )

        # Imported here, because it takes 9 MB that an SQLite gateway does not need.
        from gateway.log.schema.mysql import LazyCaConnection

        @event.listens_for(engine, "do_connect")
        def _connect(_: Any, __: Any, args: list[Any], named: dict[str, Any]) -> LazyCaConnection:
            return LazyCaConnection(*args, **named)

        follow_primary(engine)
        return engine
    engine = create_engine(url, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _: Any) -> None:
        # WAL: analysts can read while the gateway writes. NORMAL: a commit survives a killed
        # process.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA secure_delete=ON")  # what is erased is overwritten

    return engine
