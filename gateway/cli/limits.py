"""`shopsight limits`: what tenants and keys may use. Gateways take a change over within 5 s."""

import argparse
import sys
from datetime import UTC, datetime

from sqlalchemy import Engine

from gateway.access import limit_table
from gateway.access.key_table import list_keys
from gateway.cli.keys import changing
from gateway.config import Settings
from gateway.identity.keys import parse_api_keys
from gateway.limits.daily_table import read_day
from gateway.limits.limits import NAMES, Limits, read_limits, shown


def run(args: argparse.Namespace) -> int:
    return changing(args)


def change(args: argparse.Namespace, engine: Engine) -> int:
    values = read_limits(" ".join(args.values))
    limit_table.set_limits(engine, args.subject, values)
    if args.subject.startswith("key:") and not _is_known(args.subject[4:], engine):
        note = f"No key in the database is {args.subject[4:]}. Is it a line of API_KEYS?"
        print(note, file=sys.stderr)
    return show(args, engine)


def _is_known(key_id: str, engine: Engine) -> bool:
    """Lines of API_KEYS may be in another container than this one."""
    ids = {key.key_id for key in list_keys(engine)}
    return key_id in ids | {key.id for key in parse_api_keys(Settings().api_keys)}


def clear(args: argparse.Namespace, engine: Engine) -> int:
    if unknown := set(args.names) - set(NAMES):
        print(f"No such limit; there are: {', '.join(NAMES)}", file=sys.stderr)
        return len(unknown)
    limit_table.set_limits(engine, args.subject, dict.fromkeys(args.names or NAMES))
    return show(args, engine)


def show(args: argparse.Namespace, engine: Engine) -> int:
    settings = Settings()
    with engine.connect() as connection:
        overrides = limit_table.read_overrides(connection)
    for kind in ("tenant", "batch", "anonymous", "address", "session"):
        print(f"{kind} (setting): {_listed(settings.default_limits(kind))}")
    for subject, values in sorted(overrides.items()):
        if args.subject in (None, subject):
            print(f"{subject}: {_listed(Limits().changed(values))}")
    names = sorted({*overrides, *([args.subject] if args.subject else [])})
    for name, used in read_day(engine, datetime.now(UTC).date(), names).items():
        print(f"{name} today: {used.tokens} tokens, {used.bytes} bytes")
    return 0


def _listed(limits: Limits) -> str:
    return " ".join(f"{name}={shown(value)}" for name, value in limits.finite().items())
