"""What a gateway's account may do: change the rows of most tables. It takes requests from anybody,
so it can neither change keys and limits, nor what an audit or a canary's log has written down."""

import contextlib

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from gateway.log.schema.analysts import checked_account
from gateway.log.schema.columns import MYSQL

ROWS = "SELECT, INSERT, UPDATE, DELETE"
# Tables of which it may do less, or nothing. Erasures write `audit`, canaries their own, ops alone
# the others.
LESS = {
    "alembic_version": "SELECT",
    "api_keys": "SELECT",
    "audit": "SELECT, INSERT",
    "canary_figures": "SELECT, INSERT",
    "canary_log": "SELECT, INSERT",
    "key_audit": "",
    "limits": "SELECT",
    "revision_weights": "SELECT, INSERT",
}


def grant_rows(connection: Connection, account: str) -> None:
    """Give an existing account of a MySQL server its rights by table, and take from it what an
    older version gave it on the whole database. The connected account needs the grant option.
    Raises ValueError for an unusual account name."""
    if connection.dialect.name not in MYSQL:
        return
    who = f"'{checked_account(account)}'@'%'"
    found = inspect(connection)
    rights = {name: LESS.get(name, ROWS) for name in found.get_table_names()}
    rights |= dict.fromkeys(found.get_view_names(), "SELECT")
    for name, granted in rights.items():
        if granted:
            connection.execute(text(f"GRANT {granted} ON {name} TO {who}"))
    # Afterwards: gateways go on to work meanwhile. Refused where there is no such grant.
    database = (connection.engine.url.database or "").replace("`", "")
    with contextlib.suppress(DBAPIError):
        connection.execute(text(f"REVOKE {ROWS} ON `{database}`.* FROM {who}"))
