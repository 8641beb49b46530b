"""What a merchant types: the options of `shopsight batch` and of `shopsight evaluate`."""

import argparse
import os
from pathlib import Path
from typing import Any

from gateway.cli.number import between

AT_ONCE = between(1, 1_000)


def add_evaluate(commands: Any) -> None:
    """`commands`: what argparse's `add_subparsers` returns."""
    command = commands.add_parser("evaluate", help="is a model good enough, is a new one better")
    command.add_argument("set", type=Path, help="questions and what is expected, JSONL")
    command.add_argument(
        "--revision",
        action="append",
        default=[],
        help="the beginning of its name is enough; twice: the older first. Default: what answers",
    )
    command.add_argument(
        "--url", action="append", default=[], help="of a running stack, or of one for each revision"
    )
    command.add_argument(
        "--key", action="append", default=[], help="or SHOPSIGHT_API_KEY in the environment"
    )
    command.add_argument(
        "--checkpoint",
        action="append",
        default=[],
        help="without --url a stack is started for the demo checkpoint, or for this folder",
    )
    add_page_options(command)
    command.add_argument(
        "--no-worse-than",
        type=between(0.0, 1.0),
        default=0.02,
        metavar="X",
        help="by how much a share may fall (0.02)",
    )
    command.add_argument(
        "--price", action="append", default=[], metavar="READ:WRITTEN", help="of a million tokens"
    )
    command.add_argument("--out", type=Path, help="the page; default: beside the set")
    command.add_argument("--at-once", type=AT_ONCE, default=4, help="questions under way (4)")
    command.add_argument("--anew", action="store_true", help="ask what was answered before, too")
    command.set_defaults(file="gateway.cli.evaluate", run=lambda evaluate, args: evaluate.run(args))


def add_batch(commands: Any) -> None:
    command = commands.add_parser("batch", help="have a catalogue answered overnight")
    command.add_argument("catalogue", type=Path, help="a CSV with a column `photo`")
    command.add_argument("photos", type=Path, help="the folder of the photos")
    command.add_argument("--question", default="", help="of rows without one; default: a card")
    command.add_argument("--out", type=Path, help="default: beside the catalogue, .answers.csv")
    command.add_argument(
        "--evaluate", action="store_true", help="judge the answers, by columns `expected …`"
    )
    add_page_options(command)
    add_server(command)
    command.set_defaults(file="gateway.cli.batch", run=lambda batch, args: batch.run(args))


def add_server(command: argparse.ArgumentParser) -> None:
    command.add_argument("--url", default="http://127.0.0.1:8080")
    command.add_argument(
        "--key",
        default=os.environ.get("SHOPSIGHT_API_KEY", ""),
        help="API key. SHOPSIGHT_API_KEY in the environment keeps it out of the list of processes",
    )


def add_page_options(command: Any) -> None:
    command.add_argument(
        "--require",
        action="append",
        default=[],
        metavar="FIGURE>=X",
        help="of the newer revision: card.colours>=0.9, latency.p95<=2",
    )
    command.add_argument("--language", choices=["en", "zh"], default="en", help="of the page")
