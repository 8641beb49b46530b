"""`shopsight export`: writes voted questions with their answers, one JSON object per line, to learn
from or as a set for `shopsight evaluate`."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO

from gateway.config import Settings
from gateway.evaluation.voted import VotedSet
from gateway.feedback.examples import Examples, files_in, inline
from gateway.images.store import PhotoStore
from gateway.log.schema.database import open_database
from gateway.whole_file import whole_file


def run(args: argparse.Namespace) -> int:
    settings = Settings()
    engine = open_database(settings)
    beside = args.out.parent if args.out else Path()
    save = files_in(args.photos, beside) if args.photos else inline
    examples = Examples(engine, PhotoStore.open(settings), save)
    voted = VotedSet()
    lines: Iterable[Mapping[str, Any]] = examples.read(args.tenant, args.since)
    if args.format == "set":
        lines = voted.lines(lines)
    written = 0
    try:
        with _opened(args.out) as out:
            for line in lines:
                out.write(json.dumps(line, ensure_ascii=False) + "\n")
                written += 1
    finally:
        engine.dispose()
    told = coverage_lines(examples.coverage)
    if args.format == "set":
        told += [f"{why}: {count}" for why, count in sorted(voted.left_out.items())]
        told.append(f"{written} lines in the set")
    print("\n".join(told), file=sys.stderr)
    return 0


def coverage_lines(coverage: Counter[str]) -> list[str]:
    """Lines that tell how many votes were exported, how many were left out, and why."""
    voted = coverage["voted"]
    photos = {why: count for why, count in coverage.items() if why.startswith("photo: ")}
    lines = [f"{voted} voted, {sum(photos.values())} exported"]
    lines += [f"  {why}: {count}" for why, count in sorted(photos.items())]
    left_out = {why: count for why, count in coverage.items() if why.startswith("left out")}
    return lines + [f"{why}: {count}" for why, count in sorted(left_out.items())]


@contextmanager
def _opened(path: Path | None) -> Iterator[TextIO]:
    if path is None:
        if isinstance(sys.stdout, TextIOWrapper):  # JSON, whatever the terminal speaks
            sys.stdout.reconfigure(encoding="utf-8")
        yield sys.stdout
        return
    with whole_file(path) as file, file.open("w", encoding="utf-8") as out:
        yield out
