"""`shopsight`, the command for the terminal: one file beside this for each subcommand."""

import argparse
import os
import sys
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from gateway import worker
from gateway.cli import (
    ask,
    demo,
    erasures,
    export,
    keys,
    log,
    migrate,
    pseudonyms,
    rollup,
    run,
    sql,
    stats,
)
from gateway.config import Settings
from gateway.log.faults import reason_of


def main() -> None:
    parser = argparse.ArgumentParser(prog="shopsight", description="Ask about product photos.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("ask", help="ask a running stack about a photo")
    command.add_argument("photo", type=Path)
    command.add_argument("question")
    command.add_argument("--url", default="http://127.0.0.1:8080")
    command.add_argument(
        "--key",
        default=os.environ.get("SHOPSIGHT_API_KEY", ""),
        help="API key. SHOPSIGHT_API_KEY in the environment keeps it out of the list of processes",
    )
    command.set_defaults(run=lambda args: ask.run(args.url, args.photo, args.question, args.key))

    command = commands.add_parser("run", help="start gateway, model and page, without any server")
    command.add_argument("--bind", default="127.0.0.1", help="0.0.0.0: also for a phone nearby")
    command.add_argument("--port", type=int, default=8080)
    command.set_defaults(run=lambda args: run.run(args.bind, args.port))

    command = commands.add_parser("demo", help="ask real questions about sample photos, then stop")
    command.set_defaults(run=lambda args: demo.run())

    command = commands.add_parser("migrate", help="bring the log's schema up to date")
    command.set_defaults(run=lambda args: migrate.run())

    command = commands.add_parser("stats", help="summary of the behaviour log")
    command.set_defaults(run=lambda args: stats.run())

    command = commands.add_parser("sql", help="one question to the behaviour log, read only")
    command.add_argument("query")
    command.set_defaults(run=lambda args: sql.run(args.query))

    command = commands.add_parser("rollup", help="bring the views' roll-ups up to date, once")
    command.set_defaults(run=lambda args: rollup.run())

    command = commands.add_parser("export", help="voted answers, to fine-tune a model on")
    export.add_arguments(command)

    command = commands.add_parser("log", help="what waits, was refused or is lost on its way there")
    log.add_commands(command)

    command = commands.add_parser("worker", help="spools of the dead, roll-ups, months of the log")
    command.set_defaults(run=lambda args: worker.run())

    command = commands.add_parser("pseudonyms", help="keys of pseudonyms, and the rows of each")
    command.set_defaults(run=lambda args: pseudonyms.run())

    command = commands.add_parser("erasures", help="do them again, after a backup was restored")
    command.set_defaults(run=lambda args: erasures.run())

    command = commands.add_parser("key", help="make an API key for a tenant")
    command.add_argument("tenant")
    command.set_defaults(run=lambda args: keys.run(args.tenant))

    args = parser.parse_args()
    sys.exit(_ended(args))


def _ended(args: argparse.Namespace) -> int:
    """The exit status; what a person can do something about is a sentence, not a traceback."""
    try:
        return int(args.run(args))
    except SQLAlchemyError as error:
        place = Settings().sqlalchemy_url.render_as_string(hide_password=True)
        print(f"The database does not answer: {reason_of(error)}", file=sys.stderr)
        print(
            f"It is {place}. `make run` starts one here, `shopsight migrate` brings it up to date.",
            file=sys.stderr,
        )
    except OSError as error:
        print(error, file=sys.stderr)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    return 1
