"""`shopsight keys`: makes, lists, revokes and rotates API keys. A key itself is shown once, when it
is made. Gateways take a change over within 5 s."""

import argparse
import sys
from datetime import UTC, datetime

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from gateway.access import key_table
from gateway.access.key_table import MadeKey, UnknownKeyError
from gateway.config import Settings
from gateway.identity.keys import hash_key, new_key, parse_api_keys
from gateway.identity.scopes import checked_tenant, listed
from gateway.log.schema.database import open_database

# "… command denied to user": of a table, of a column.
DENIED = (1142, 1143)


def run(args: argparse.Namespace) -> int:
    return changing(args)


def changing(args: argparse.Namespace) -> int:
    """Call `args.change` with the database. What a person can repair is told in a sentence."""
    engine = open_database(Settings())
    try:
        return int(args.change(args, engine))
    except UnknownKeyError as unknown:
        print(_unknown(str(unknown)), file=sys.stderr)
    except ValueError as error:
        print(f"Nothing was changed: {error}.", file=sys.stderr)
    except DBAPIError as error:
        if error.orig is None or error.orig.args[:1] not in [(code,) for code in DENIED]:
            raise
        print(
            "This account of the database may not change that. The owner's may:"
            " docker compose exec worker shopsight …",
            file=sys.stderr,
        )
    finally:
        engine.dispose()
    return 1


def _unknown(key_id: str) -> str:
    if any(key.id == key_id for key in parse_api_keys(Settings().api_keys)):
        return f"{key_id} is a line of API_KEYS: take it out, then restart gateway and batch."
    return (
        "No key in force has this id: see `shopsight keys list`. A line of API_KEYS is taken out"
        " there."
    )


def create(args: argparse.Namespace, engine: Engine) -> int:
    if args.line:
        key = new_key()
        print(f"key for the client, shown only now: {key}")
        print(f"line for API_KEYS:                  {checked_tenant(args.tenant)} {hash_key(key)}")
        return 0
    _show(key_table.create_key(engine, args.tenant, args.scopes, args.expires))
    return 0


def list_all(args: argparse.Namespace, engine: Engine) -> int:
    lines = parse_api_keys(Settings().api_keys)
    rows = key_table.list_keys(engine, args.tenant)
    print(f"{'id':<13} {'tenant':<20} {'state':<8} {'expires':<21} scopes")
    now = datetime.now(UTC)
    for row in rows:
        expired = row.expires_at is not None and row.expires_at <= now
        state = "revoked" if row.revoked_at is not None else "expired" if expired else "in force"
        expires = f"{row.expires_at:%Y-%m-%d %H:%M} UTC" if row.expires_at else "never"
        print(f"{row.key_id:<13} {row.tenant:<20} {state:<8} {expires:<21} {row.scopes}")
    for key in lines:
        if args.tenant in (None, key.tenant):
            print(f"{key.id:<13} {key.tenant:<20} API_KEYS {'never':<21} {listed(key.scopes)}")
    return 0


def revoke(args: argparse.Namespace, engine: Engine) -> int:
    key_table.revoke_key(engine, args.id)
    print(f"{args.id} is revoked. Gateways refuse it within 5 s.")
    return 0


def rotate(args: argparse.Namespace, engine: Engine) -> int:
    _show(key_table.rotate_key(engine, args.id, args.grace))
    print(f"{args.id} expires after the grace period of {args.grace}.")
    return 0


def _show(made: MadeKey) -> None:
    print(f"id:                                 {made.id}")
    print(f"key for the client, shown only now: {made.key}")
