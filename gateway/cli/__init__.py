"""`shopsight`, the command for the terminal. Each subcommand has a file beside this one. Only the
file of the subcommand that was called is imported: all of them would take a second more."""

import argparse
import os
import sys
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

from gateway.cli.moment import duration, expiry, moment
from gateway.identity.scopes import SCOPES, USUAL, checked_scopes, listed


def main() -> None:
    parser = argparse.ArgumentParser(prog="shopsight", description="Ask about product photos.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("ask", help="ask a running stack about a photo")
    command.add_argument("photo", type=Path)
    command.add_argument("question")
    _add_server(command)
    command.set_defaults(
        file="gateway.cli.ask",
        run=lambda ask, args: ask.run(args.url, args.photo, args.question, args.key),
    )

    command = commands.add_parser("batch", help="have a catalogue answered overnight")
    command.add_argument("catalogue", type=Path, help="a CSV with a column `photo`")
    command.add_argument("photos", type=Path, help="the folder of the photos")
    command.add_argument("--question", default="", help="of rows without one; default: a card")
    command.add_argument("--out", type=Path, help="default: beside the catalogue, .answers.csv")
    _add_server(command)
    command.set_defaults(file="gateway.cli.batch", run=lambda batch, args: batch.run(args))

    command = commands.add_parser("run", help="start gateway, model and page, without any server")
    command.add_argument("--bind", default="127.0.0.1", help="0.0.0.0: also for a phone nearby")
    command.add_argument("--port", type=int, default=8080)
    command.set_defaults(file="gateway.cli.run", run=lambda it, args: it.run(args.bind, args.port))

    command = commands.add_parser("demo", help="ask real questions about sample photos, then stop")
    command.set_defaults(file="gateway.cli.demo", run=lambda demo, args: demo.run())

    command = commands.add_parser("doctor", help="what is wrong here, and what to do about it")
    command.add_argument("--json", action="store_true", help="for programs")
    command.set_defaults(file="gateway.cli.doctor", run=lambda doctor, args: doctor.run(args.json))

    command = commands.add_parser("migrate", help="bring the log's schema up to date")
    command.set_defaults(file="gateway.cli.migrate", run=lambda migrate, args: migrate.run())

    command = commands.add_parser("stats", help="summary of the behaviour log")
    command.set_defaults(file="gateway.cli.stats", run=lambda stats, args: stats.run())

    command = commands.add_parser("report", help="a day, week or month of the log as one page")
    command.add_argument("period", nargs="?", choices=["day", "week", "month"], default="week")
    command.add_argument("--day", type=date.fromisoformat, help="in it; default: the last one")
    command.add_argument("--tenant", help="only this tenant's")
    command.add_argument("--language", choices=["zh", "en"], default="zh")
    command.add_argument("--out", type=Path, help="default: a file named after the period, here")
    command.add_argument("--missing", action="store_true", help="all that REPORT_DIR lacks")
    command.set_defaults(file="gateway.cli.report", run=lambda report, args: report.run(args))

    command = commands.add_parser("sql", help="one question to the behaviour log, read only")
    command.add_argument("query")
    command.set_defaults(file="gateway.cli.sql", run=lambda sql, args: sql.run(args.query))

    command = commands.add_parser("rollup", help="bring the views' roll-ups up to date, once")
    command.set_defaults(file="gateway.cli.rollup", run=lambda rollup, args: rollup.run())

    command = commands.add_parser("export", help="voted answers, to fine-tune a model on")
    command.add_argument("--format", choices=["jsonl"], default="jsonl")
    command.add_argument("--out", type=Path, help="a file; else standard output")
    command.add_argument("--photos", type=Path, help="a folder for photos; else data URIs")
    command.add_argument("--since", type=moment, help="only what was asked since (ISO, UTC)")
    command.add_argument("--tenant", help="only this tenant's")
    command.set_defaults(file="gateway.cli.export", run=lambda export, args: export.run(args))

    command = commands.add_parser("log", help="what waits, was refused or is lost on its way there")
    _add_log_commands(command)

    command = commands.add_parser("admin", help="weights, cached answers, erasure, while it runs")
    _add_admin_commands(command)

    command = commands.add_parser("worker", help="batches, roll-ups, months of the log")
    command.add_argument("--only", choices=["upkeep", "batch"], help="one half of it")
    command.set_defaults(file="gateway.worker", run=lambda worker, args: worker.run(args.only))

    command = commands.add_parser("pseudonyms", help="keys of pseudonyms, and the rows of each")
    command.set_defaults(
        file="gateway.cli.pseudonyms", run=lambda pseudonyms, args: pseudonyms.run()
    )

    command = commands.add_parser("erasures", help="do them again, after a backup was restored")
    command.set_defaults(file="gateway.cli.erasures", run=lambda erasures, args: erasures.run())

    command = commands.add_parser("limits", help="what tenants and keys may use")
    _add_limit_commands(command)

    command = commands.add_parser("keys", help="make, list, revoke and rotate API keys")
    _add_key_commands(command)

    args = parser.parse_args()
    sys.exit(_run(args))


def _add_server(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument(
        "--key",
        default=os.environ.get("SHOPSIGHT_API_KEY", ""),
        help="API key. SHOPSIGHT_API_KEY in the environment keeps it out of the list of processes",
    )


def _add_admin_commands(parser: argparse.ArgumentParser) -> None:
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


def _add_log_commands(parser: argparse.ArgumentParser) -> None:
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


def _add_key_commands(parser: argparse.ArgumentParser) -> None:
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


def _add_limit_commands(parser: argparse.ArgumentParser) -> None:
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


def _run(args: argparse.Namespace) -> int:
    """Run the subcommand and return the exit status. An error that the user can repair is shown as
    a sentence, not as a traceback."""
    try:
        return int(args.run(import_module(args.file), args))
    except OSError as error:
        print(error, file=sys.stderr)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    except Exception as error:
        if not _is_database_error(error):
            raise
    return 1


def _is_database_error(error: Exception) -> bool:
    """Whether the database is at fault. If so, that is printed. The imports stand here because a
    subcommand without a database does not need them."""
    from sqlalchemy.exc import SQLAlchemyError

    from gateway.config import Settings
    from gateway.log.faults import reason_of

    if isinstance(error, SQLAlchemyError):
        place = Settings().sqlalchemy_url.render_as_string(hide_password=True)
        print(f"The database does not answer: {reason_of(error)}", file=sys.stderr)
        print(
            f"It is {place}. `make run` starts one here, `shopsight migrate` brings it up to date.",
            file=sys.stderr,
        )
    return isinstance(error, SQLAlchemyError)
