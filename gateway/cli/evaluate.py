"""`shopsight evaluate`: whether a model answers a shop's own questions well enough, and whether a
new one is better than the one before."""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from contract.forms import MODEL_ALIAS
from gateway.cli import demo_checkpoint
from gateway.cli.embedded import embedded_stack
from gateway.cli.evaluation_client import (
    Side,
    answers_of,
    ask_all,
    check_answered,
    open_side,
    pending_count,
)
from gateway.cli.patient_client import GivenUp
from gateway.cli.progress import ProgressBar
from gateway.cli.sql import table
from gateway.evaluation.answers import ModelAnswer
from gateway.evaluation.figures import Figure, Judged, TokenPrice, figures_of
from gateway.evaluation.kept import KeptAnswers
from gateway.evaluation.lines import BadSet, QuestionSet, read_set
from gateway.evaluation.page import page
from gateway.evaluation.photos import check_photos, photos_of
from gateway.evaluation.report import Report
from gateway.evaluation.verdict import Missed, Requirement, UnknownFigure, Worse
from gateway.evaluation.words import PageLanguage
from gateway.whole_file import whole_file

PASSED, FAILED, NOT_RUN, STOPPED = 0, 1, 2, 130
MAX_SIDES = 2
# Without a statement, two lines in a hundred may be worse.
TOLERANCE = 0.02
# What a run of ours may ask of a stack of ours, which nobody else asks.
UNLIMITED = "questions_per_s=1e6 tokens_per_day=1e12 bytes_per_day=1e15 recomputes_per_minute=1e6"
OURS: dict[str, Any] = {
    "ADDRESS_LIMITS": UNLIMITED,
    "SESSION_LIMITS": UNLIMITED,
    "PLACES_SHARE": "1",
    "ANONYMOUS": "allow",
    "DEADLINE_MS": "110000",  # two models on a laptop
}
T = TypeVar("T")
NEEDS_KEY = "It needs an API key: --key, or SHOPSIGHT_API_KEY in the environment."


class BadCommand(Exception):
    """Options that do not go together."""


def run(args: argparse.Namespace) -> int:
    """0: passed, 1: worse than allowed, 2: it could not be run, 130: stopped."""
    return evaluated(args)[0]


def evaluated(args: argparse.Namespace) -> tuple[int, Report | None]:
    """The exit status, and what was found. None where it could not be run."""
    try:
        report = _evaluated(args)
        return (PASSED if report.passed else FAILED), report
    except (BadCommand, BadSet, UnknownFigure, OSError) as error:
        print(error, file=sys.stderr)
    except GivenUp as error:
        print(error, file=sys.stderr)
        if error.status in (401, 403):
            print(NEEDS_KEY, file=sys.stderr)
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on.", file=sys.stderr)
        return STOPPED, None
    except SystemExit as error:  # the embedded stack says why it does not start
        print(error.code, file=sys.stderr)
    return NOT_RUN, None


def _evaluated(args: argparse.Namespace) -> Report:
    asked = read_set(args.set)
    required = requirements([*asked.require, *args.require])
    _check_figures(asked, required)
    check_photos(asked)
    out: Path = args.out or args.set.with_suffix(".evaluation.html")
    answers = out.with_suffix(".answers.jsonl")
    written = (out, out.with_suffix(".json"), answers)
    if args.set.resolve() in (each.resolve() for each in written):
        raise BadCommand(f"--out {out} would write over {args.set}.")
    out.parent.mkdir(parents=True, exist_ok=True)
    kept = KeptAnswers(answers)
    if args.anew:
        kept.forget()
    with _sides(args) as sides:
        prices = [_price(text) for text in _for_each(args.price, len(sides), "--price")]
        missing = pending_count(asked, sides, kept)
        total = len(asked.lines) * len(sides)
        if missing < total:
            told = f"{total - missing} of {total} answers are those of an earlier run"
            print(f"{told} ({kept.file}); --anew asks again.", file=sys.stderr)
        progress = ProgressBar(missing, "answered")
        ask_all(asked, sides, kept, args.at_once, progress.show)
        if missing:
            progress.end()
        any(demo_checkpoint.tell(side.client.http, [side.revision]) for side in sides)  # once
        judged = [Judged.of(*each) for each in answers_of(asked, sides, kept)]
        check_answered(answer for each in judged for answer in each.answers)
        names = [side.revision for side in sides]
        if len(set(names)) < len(names):  # the same weights at two places
            names = [f"{side.revision} ({side.place})" for side in sides]
    report = Report.of(
        asked.file.name,
        names,
        judged,
        made_at=datetime.now(UTC),
        required=required,
        tolerance=args.no_worse_than,
        prices=prices,
    )
    publish(report, out, asked.file.parent, args.language)
    return report


def publish(report: Report, out: Path, photos: Path, language: PageLanguage) -> None:
    """The page and its JSON, and a table in the terminal. `photos`: the folder that the lines'
    photos are named from."""

    def pictures(judged: Judged) -> list[str]:
        found = (photo.thumbnail() for photo in photos_of(judged.line, photos))
        return [uri for uri in found if uri is not None]

    _write(out, page(report, language, pictures))
    _write(out.with_suffix(".json"), json.dumps(report.as_json(), ensure_ascii=False, indent=1))
    print(_table(report))
    for failure in report.failures:
        print(f"FAILED: {_told(failure)}")
    print(f"{out}: {'passed' if report.passed else 'failed'}", file=sys.stderr)


def _write(file: Path, text: str) -> None:
    with whole_file(file) as out:
        out.write_bytes(text.encode("utf-8", "replace"))  # an answer may hold half of a character


def requirements(texts: list[str]) -> list[Requirement]:
    """Raises BadCommand."""
    try:
        return [Requirement.parse(text) for text in texts]
    except ValueError as error:
        raise BadCommand(str(error)) from None


def _check_figures(asked: QuestionSet, required: list[Requirement]) -> None:
    """Before anything is asked: raises UnknownFigure."""
    nothing = [Judged.of(line, [ModelAnswer(error="not asked")]) for line in asked.lines]
    known = {figure.name for figure in figures_of(nothing)}
    known |= {"latency.p50", "latency.p95", "cost"}
    for each in required:
        if each.figure not in known:
            there = ", ".join(sorted(known))
            raise UnknownFigure(f"No line of the set has {each.figure}. There are: {there}.")


@contextmanager
def _sides(args: argparse.Namespace) -> Iterator[list[Side]]:
    count = max(len(args.url), len(args.revision), len(args.checkpoint), 1)
    if count > MAX_SIDES or (args.url and args.checkpoint):
        raise BadCommand("Up to two revisions: by --revision, by --url, or by --checkpoint.")
    revisions = _for_each(args.revision or [MODEL_ALIAS], count, "--revision")
    keys = _for_each(args.key or [os.environ.get("SHOPSIGHT_API_KEY", "")], count, "--key")
    with ExitStack() as stack:
        if args.url:
            places = [(url, url) for url in _for_each(args.url, count, "--url")]
        else:
            started = [_embedded(stack, folder) for folder in args.checkpoint or [""]]
            places = _for_each(started, count, "--checkpoint")
        sides = [
            open_side(url, key.strip(), revision, place)
            for (url, place), key, revision in zip(places, keys, revisions, strict=True)
        ]
        if len({(side.place, side.revision) for side in sides}) < len(sides):
            raise BadCommand(f"Both are {sides[0].revision} at {sides[0].place}.")
        yield sides


def _embedded(stack: ExitStack, checkpoint: str) -> tuple[str, str]:
    """Its address, and what stands for it: its port is another one each time."""

    def loading() -> None:
        print("Loading the model …", file=sys.stderr, flush=True)

    folder = stack.enter_context(TemporaryDirectory(prefix="shopsight-evaluate-"))
    here = Path(checkpoint)
    name = str(here.resolve()) if checkpoint and here.is_dir() else checkpoint  # or the hub's name
    model = {"CHECKPOINT": name} if name else {}
    running = stack.enter_context(embedded_stack(Path(folder), loading=loading, **OURS | model))
    return running.url, f"embedded {name}".strip()


def _for_each(given: list[T], count: int, option: str) -> list[T]:
    """One for all, or one each."""
    if len(given) not in (0, 1, count):
        raise BadCommand(f"{option} is given once, or once for each revision.")
    return given * count if len(given) == 1 else given


def _price(text: str) -> TokenPrice:
    read, _, written = text.partition(":")
    try:
        return TokenPrice(float(read), float(written))
    except ValueError:
        raise BadCommand(f"--price {text}: a price is READ:WRITTEN, as 0.5:1.5") from None


def _table(report: Report) -> str:
    names = ["figure", "lines"]
    for letter in report.letters:
        names += [letter, f"{letter}: 95 %"]
    names += ["change", "better", "worse", "p"] if len(report.letters) > 1 else []
    legend = "\n".join(map("{}: {}".format, report.letters, report.names))
    return f"{legend}\n{table(names, map(_row, report.figures))}"


def _row(figure: Figure) -> list[object]:
    cells: list[object] = [figure.name, figure.shares[0].asked]
    for share in figure.shares:
        low, high = share.interval
        cells += [round(share.value, 3), f"{low:.2f} … {high:.2f}"]
    if (change := figure.change) is not None:
        cells += [round(change.difference, 3), change.better, change.worse]
        cells.append(round(change.chance, 3))
    return cells


def _told(failure: Missed | Worse) -> str:
    if isinstance(failure, Missed):
        return f"{failure.requirement} is required, and it is {failure.value:.3f}"
    change = failure.figure.change
    assert change is not None
    return (
        f"{failure.figure.name} is {-change.difference:.3f} worse, {failure.tolerance:g} is allowed"
        f" ({change.worse} lines worse, {change.better} better, p {change.chance:.2f}):"
        f" {', '.join(failure.figure.worse_lines[:5])}"
    )
