"""Follows the primary of a replicated database. After a fail-over the address leads to another
server, but connections stay with the old one, and there nothing can be written."""

import time
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DisconnectionError

# "read-only option", "read-only transaction", "read-only mode": MySQL's and MariaDB's numbers.
READ_ONLY = frozenset({1290, 1792, 1836})
# Whoever only reads meets none of these errors, and would read old rows from the old server until
# the connection is replaced. A look is one more round trip, so it is not taken each time.
LOOK_EVERY_S = 5.0
# Aurora's readers have the second one.
LOOK = "SELECT @@GLOBAL.read_only OR @@GLOBAL.innodb_read_only"
_LOOKED_AT = "looked_at"


def follow_primary(engine: Engine) -> None:
    """Give connections up that lead to a server which takes no writes. A new one is used as it is:
    where nobody is primary, reading goes on."""

    @event.listens_for(engine, "handle_error")
    def _refused(context: ExceptionContext) -> None:
        original = context.original_exception
        if original.args and original.args[0] in READ_ONLY:
            context.is_disconnect = True  # all connections of the pool are opened anew

    @event.listens_for(engine, "connect")
    def _opened(_: Any, record: Any) -> None:
        record.info[_LOOKED_AT] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _look(connection: Any, record: Any, _: Any) -> None:
        if time.monotonic() - record.info[_LOOKED_AT] < LOOK_EVERY_S:
            return
        record.info[_LOOKED_AT] = time.monotonic()
        try:
            with connection.cursor() as cursor:
                cursor.execute(LOOK)
                (read_only,) = cursor.fetchone()
        except Exception as error:
            raise DisconnectionError("it does not say whether it takes writes") from error
        if read_only:
            raise DisconnectionError("it takes no writes")
