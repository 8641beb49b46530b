"""Options of the subcommands that have subcommands of their own (admin, log, keys, limits), and of
backup and restore."""

import argparse
from importlib import import_module
from pathlib import Path
from typing import Any

from gateway.cli.moment import duration, expiry, moment
from gateway.identity.scopes import SCOPES, USUAL, checked_scopes, listed


def add_admin_commands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    parser.set_defaults(file="gateway.cli.admin")

    command = commands.add_parser("weights", help="shares of callers that revisions get")
    command.add_argument("weights", nargs="*", metavar="REVISION=SHARE", help="new ones, all")
    command.add_argument("--reset", action="store_true", help="back to REVISION_WEIGHTS")
    command.set_defaults(run=lambda admin, args: admin.weights(args.weights, args.reset))

    command = commands.add_parser("purge", help="forget cached answers")
    command.add_argument("--photo", help="about this photo (image_digest of the log)")
    command.add_argument("--revision", help="of this revision")
    command.add_argument("--interaction", help="the one that this request was given")
    command.set_defaults(
        run=lambda admin, args: admin.purge(args.photo, args.revision, args.interaction)
    )

    command = commands.add_parser("erase", help="erase a person, of any tenant")
    command.add_argument("tenant")
    command.add_argument("user")
    command.set_defaults(run=lambda admin, args: admin.erase(args.tenant, args.user))


def add_log_commands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    parser.set_defaults(file="gateway.cli.log")

    command = commands.add_parser("status", help="what waits in the spools of this machine")
    command.set_defaults(run=lambda log, args: log.run(log.status))

    command = commands.add_parser("dead", help="events that the database refused, and why")
    command.set_defaults(run=lambda log, args: log.run(log.dead))

    command = commands.add_parser("replay", help="send dead letters to the database again")
    command.set_defaults(run=lambda log, args: log.run(log.replay))

    command = commands.add_parser("reconcile", help="compare spools, database and a ledger")
    command.add_argument("--ledger", type=Path, help="file of acknowledged ids, one a line")
    command.add_argument("--since", type=moment, help="only interactions begun since (ISO, UTC)")
    command.set_defaults(
        run=lambda log, args: log.run(log.reconcile, ledger=args.ledger, since=args.since)
    )


def add_key_commands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    parser.set_defaults(file="gateway.cli.keys", run=lambda keys, args: keys.run(args))

    command = commands.add_parser("create", help="make a key, which is shown once")
    command.add_argument("tenant")
    command.add_argument(
        "--scopes",
        type=checked_scopes,
        default=USUAL,
        help=f"some of {', '.join(SCOPES)}; default: {listed(USUAL)}",
    )
    command.add_argument("--expires", type=expiry, help="90d, 12h or a moment (ISO, UTC)")
    command.add_argument(
        "--line", action="store_true", help="no row: a line for API_KEYS, with the usual scopes"
    )
    command.set_defaults(change=lambda args, engine: _file(args).create(args, engine))

    command = commands.add_parser("list", help="ids, tenants, scopes; never a key itself")
    command.add_argument("--tenant", help="only this tenant's")
    command.set_defaults(change=lambda args, engine: _file(args).list_all(args, engine))

    command = commands.add_parser("revoke", help="refuse a key within 5 s, at every gateway")
    command.add_argument("id")
    command.set_defaults(change=lambda args, engine: _file(args).revoke(args, engine))

    command = commands.add_parser("rotate", help="make another key in the place of one")
    command.add_argument("id")
    command.add_argument(
        "--grace", type=duration, default="24h", help="how long both are taken (24h)"
    )
    command.set_defaults(change=lambda args, engine: _file(args).rotate(args, engine))


def add_limit_commands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    parser.set_defaults(file="gateway.cli.limits", run=lambda limits, args: limits.run(args))
    subject = "tenant:NAME, batch:TENANT or key:ID"

    command = commands.add_parser("show", help="what is set, and what was used today")
    command.add_argument("subject", nargs="?", help=subject)
    command.set_defaults(change=lambda args, engine: _file(args).show(args, engine))

    command = commands.add_parser("set", help="set limits, within 5 s at every gateway")
    command.add_argument("subject", help=subject)
    command.add_argument("values", nargs="+", metavar="NAME=VALUE", help="questions_per_s=5 …")
    command.set_defaults(change=lambda args, engine: _file(args).change(args, engine))

    command = commands.add_parser("clear", help="go back to the settings")
    command.add_argument("subject", help=subject)
    command.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    command.set_defaults(change=lambda args, engine: _file(args).clear(args, engine))


def _file(args: argparse.Namespace) -> Any:
    return import_module(args.file)


def add_backup_commands(commands: Any) -> None:
    """`backup` and `restore`, beside the other commands."""
    command = commands.add_parser("backup", help="the log's database, into one file")
    command.add_argument("backup", type=Path, metavar="FILE")
    command.set_defaults(
        file="gateway.cli.backup", run=lambda backup, args: backup.run(backup.back_up, args)
    )
    command = commands.add_parser("restore", help="such a file back; erasures are done again")
    command.add_argument("backup", type=Path, metavar="FILE")
    command.add_argument("--replace", action="store_true", help="the rows that are there go")
    command.add_argument("--erasures", type=Path, help="of `shopsight erasures --save`, too")
    add_without_end(command)
    command.set_defaults(
        file="gateway.cli.backup", run=lambda backup, args: backup.run(backup.restore, args)
    )


def add_without_end(command: argparse.ArgumentParser) -> None:
    """For files of erasures that an older version has saved."""
    command.add_argument(
        "--without-end",
        action="store_true",
        help="take such a file without its last line: whether it is whole, you know",
    )
