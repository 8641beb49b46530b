"""`shopsight`, the command for the terminal. Each subcommand has a file beside this one. Only the
file of the subcommand that was called is imported: all of them would take a second more."""

import argparse
import sys
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path

from gateway.cli.canary_options import add_canary_commands
from gateway.cli.merchant_options import add_batch, add_evaluate, add_server
from gateway.cli.moment import day, moment
from gateway.cli.nested_commands import (
    add_admin_commands,
    add_backup_commands,
    add_key_commands,
    add_limit_commands,
    add_log_commands,
    add_without_end,
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="shopsight", description="Ask about product photos.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("ask", help="ask a running stack about a photo")
    command.add_argument("photo", type=Path)
    command.add_argument("question")
    add_server(command)
    command.set_defaults(
        file="gateway.cli.ask",
        run=lambda ask, args: ask.run(args.url, args.photo, args.question, args.key),
    )

    add_batch(commands)
    add_evaluate(commands)

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
    command.add_argument(
        "--newer-ok",
        action="store_true",
        help="leave a database that a newer version has migrated as it is, and end with 0",
    )
    command.set_defaults(
        file="gateway.cli.migrate", run=lambda migrate, args: migrate.run(args.newer_ok)
    )

    command = commands.add_parser("stats", help="summary of the behaviour log")
    command.set_defaults(file="gateway.cli.stats", run=lambda stats, args: stats.run())

    command = commands.add_parser("report", help="a day, week or month of the log as one page")
    command.add_argument("period", nargs="?", choices=["day", "week", "month"], default="week")
    command.add_argument(
        "--day",
        type=day,
        help="in it, as 2026-11-04; default: the last that is over",
    )
    command.add_argument("--tenant", help="only this tenant's")
    command.add_argument("--language", choices=["zh", "en"], default="zh")
    command.add_argument("--out", type=Path, help="default: a file named after the period, here")
    command.add_argument(
        "--missing", action="store_true", help="instead: each page that the folder REPORT_DIR lacks"
    )
    command.set_defaults(file="gateway.cli.report", run=lambda report, args: report.run(args))

    command = commands.add_parser("sql", help="one question to the behaviour log, read only")
    command.add_argument("query")
    command.set_defaults(file="gateway.cli.sql", run=lambda sql, args: sql.run(args.query))

    command = commands.add_parser("rollup", help="bring the views' roll-ups up to date, once")
    command.set_defaults(file="gateway.cli.rollup", run=lambda rollup, args: rollup.run())

    command = commands.add_parser("export", help="voted answers, to learn from or to evaluate with")
    command.add_argument(
        "--format", choices=["jsonl", "set"], default="jsonl", help="set: evaluate"
    )
    command.add_argument("--out", type=Path, help="a file; else standard output")
    command.add_argument("--photos", type=Path, help="a folder for photos; else data URIs")
    command.add_argument("--since", type=moment, help="only what was asked since (ISO, UTC)")
    command.add_argument("--tenant", help="only this tenant's")
    command.set_defaults(file="gateway.cli.export", run=lambda export, args: export.run(args))

    command = commands.add_parser("log", help="what waits, was refused or is lost on its way there")
    add_log_commands(command)

    command = commands.add_parser("admin", help="weights, cached answers, erasure, while it runs")
    add_admin_commands(command)

    command = commands.add_parser("canary", help="try a new revision on some callers")
    add_canary_commands(command)

    command = commands.add_parser("worker", help="batches, roll-ups, months of the log")
    command.add_argument("--only", choices=["upkeep", "batch"], help="one half of it")
    command.set_defaults(file="gateway.worker", run=lambda worker, args: worker.run(args.only))

    command = commands.add_parser("pseudonyms", help="keys of pseudonyms, and the rows of each")
    command.set_defaults(
        file="gateway.cli.pseudonyms", run=lambda pseudonyms, args: pseudonyms.run()
    )

    command = commands.add_parser("erasures", help="do them again, after a backup was restored")
    command.add_argument("--save", type=Path, help="add them to a file, and do nothing else")
    command.add_argument("--load", type=Path, help="those of such a file, too")
    add_without_end(command)
    command.set_defaults(
        file="gateway.cli.erasures",
        run=lambda erasures, args: erasures.run(args.save, args.load, args.without_end),
    )

    add_backup_commands(commands)

    command = commands.add_parser("limits", help="what tenants and keys may use")
    add_limit_commands(command)

    command = commands.add_parser("keys", help="make, list, revoke and rotate API keys")
    add_key_commands(command)

    args = parser.parse_args()
    if isinstance(sys.stdout, TextIOWrapper):  # a terminal in GBK shows no emoji of a question
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(_run(args))


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
        from gateway.cli.repairable import told

        said = told(error)
        if said is None:
            raise
        print(said, file=sys.stderr)
    return 1
