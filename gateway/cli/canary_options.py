"""Options of `shopsight canary`."""

import argparse
from importlib import import_module
from pathlib import Path
from typing import Any

from gateway.cli.merchant_options import AT_ONCE, add_page_options
from gateway.cli.number import between

PAIRS, SECONDS = 500, 120.0


def add_canary_commands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    parser.set_defaults(file="gateway.cli.canary", run=lambda canary, args: canary.run(args))

    command = commands.add_parser("start", help="give a new revision a share of the callers")
    command.add_argument("candidate", metavar="REVISION", help="as shopsight admin weights has it")
    command.add_argument("--baseline", help="default: the one revision that gets callers")
    command.add_argument(
        "--percent", type=between(0.0, 100.0), default=5, help="of the callers (5)"
    )
    command.add_argument(
        "--promote", action="store_true", help="all callers, once it is shown to be good"
    )
    command.add_argument(
        "--after", type=between(1, 10_000_000), metavar="REQUESTS", help="that show it (6000)"
    )
    gate = command.add_argument_group("the shop's own set, as shopsight evaluate asks it")
    gate.add_argument("--set", type=Path, help="JSONL; a revision that fails it is not started")
    gate.add_argument("--url", action="append", default=[], help="http://127.0.0.1:8080")
    gate.add_argument("--key", action="append", default=[], help="or SHOPSIGHT_API_KEY")
    gate.add_argument("--no-worse-than", type=between(0.0, 1.0), default=0.02, metavar="X")
    gate.add_argument("--out", type=Path, help="the page; default: beside the set")
    gate.add_argument("--at-once", type=AT_ONCE, default=4, help="questions under way (4)")
    gate.add_argument("--anew", action="store_true", help="ask what was answered before, too")
    add_page_options(gate)
    _add_by(command)
    command.set_defaults(do=lambda args: _file().start(args))

    command = commands.add_parser("status", help="both revisions' figures, verdict, who decided")
    command.add_argument("--json", action="store_true", help="for programs")
    command.set_defaults(do=lambda args: _file().status(args))

    command = commands.add_parser("warm", help="have its answers to the hottest questions cached")
    _add_bounds(command)
    command.set_defaults(do=lambda args: _file().warm(args))

    command = commands.add_parser("promote", help="all callers to it, once its cache is warm")
    command.add_argument("--cold", action="store_true", help="at once, with the cache as it is")
    _add_bounds(command)
    command.set_defaults(do=lambda args: _file().promote(args))

    command = commands.add_parser("rollback", help="all callers to the old one, at once")
    _add_by(command)
    command.set_defaults(do=lambda args: _file().rollback(args))


def _add_bounds(command: argparse.ArgumentParser) -> None:
    pairs, seconds = between(0, 10_000), between(0.0, 3_600.0)
    command.add_argument("--pairs", type=pairs, default=PAIRS, help=f"questions at most ({PAIRS})")
    command.add_argument("--seconds", type=seconds, default=SECONDS, help=f"at most ({SECONDS:g})")
    _add_by(command)


def _add_by(command: argparse.ArgumentParser) -> None:
    command.add_argument("--by", help="who decides, for the log; default: your account's name")


def _file() -> Any:
    return import_module("gateway.cli.canary")
