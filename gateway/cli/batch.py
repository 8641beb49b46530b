"""`shopsight batch`: has a whole catalogue answered overnight. What was begun goes on at the
server, and the same command goes on with it."""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gateway.cli.batch_client import LATER, BatchClient
from gateway.cli.catalogue import (
    Item,
    answer_of,
    parts_of,
    read_catalogue,
    write_csv,
)
from gateway.cli.catalogue_evaluation import report_of
from gateway.cli.evaluate import BadCommand, publish, requirements
from gateway.cli.progress import ProgressBar
from gateway.evaluation.verdict import Requirement, UnknownFigure

# Of one uploaded file: the server takes 200 MB and 50,000 lines.
PART_BYTES, PART_LINES = 150_000_000, 20_000
POLL_S = 2.0
ENDED = ("completed", "failed", "expired", "cancelled")
# Asked of a photo where the server makes no cards, and the catalogue has no question.
USUAL_QUESTION = "这是什么商品？请说明材质、颜色、风格和适合的人群。"


@dataclass
class Part:
    """A batch that was made of some rows."""

    batch_id: str
    ids: list[str]
    ended: bool = False


@dataclass
class State:
    """What a run leaves for the next one, in a file beside the catalogue."""

    file: Path
    url: str
    parts: list[Part] = field(default_factory=list)

    @classmethod
    def load(cls, file: Path, url: str) -> "State":
        try:
            saved: dict[str, Any] = json.loads(file.read_text())
            if saved["url"] == url:
                return cls(file, url, [Part(**part) for part in saved["parts"]])
        except (OSError, ValueError, LookupError, TypeError):
            pass
        return cls(file, url)

    def save(self) -> None:
        half = self.file.with_suffix(".part")
        saved = {"url": self.url, "parts": [asdict(part) for part in self.parts]}
        half.write_text(json.dumps(saved))
        half.replace(self.file)


def run(args: argparse.Namespace) -> int:
    """0: every row is answered, 1: some are not or are worse than what is required, 2: the command
    itself is wrong, 130: stopped."""
    for path, is_there in ((args.catalogue, Path.is_file), (args.photos, Path.is_dir)):
        if not is_there(path):
            print(f"There is no {path}.", file=sys.stderr)
            return 2
    try:
        required = requirements(args.require)
    except BadCommand as error:
        print(error, file=sys.stderr)
        return 2
    out: Path = args.out or args.catalogue.with_suffix(".answers.csv")
    written = [out, *(out.with_suffix(end) for end in (".jsonl", ".html", ".json"))]
    if args.catalogue.resolve() in (each.resolve() for each in written):
        print(f"--out {out} would write over {args.catalogue}.", file=sys.stderr)
        return 2
    lane = BatchClient(args.url, args.key.strip())
    question = args.question or ("" if lane.makes_cards() else USUAL_QUESTION)
    columns, items = read_catalogue(args.catalogue, args.photos, question)
    state = State.load(args.catalogue.with_suffix(".batch.json"), args.url)
    answers = _Answers(out.with_suffix(".jsonl"), items)
    try:
        _send_new(lane, state, items, answers)
        _wait(lane, state, answers, len(items))
    except KeyboardInterrupt:
        print(f"\n{LATER}", file=sys.stderr)
        return 130
    write_csv(out, columns, items, answers.told)
    passed = not args.evaluate or _evaluated(args, out, items, answers, required)
    left = [item for item in items if not answers.answered(item.id)]
    print(f"{out}: {len(items) - len(left)} of {len(items)} rows are answered.", file=sys.stderr)
    lane.tell_of_demo()
    if left:
        print("The same command asks the others again.", file=sys.stderr)
    return 1 if left or not passed else 0


def _evaluated(
    args: argparse.Namespace,
    out: Path,
    items: list[Item],
    answers: "_Answers",
    required: list[Requirement],
) -> bool:
    try:
        report = report_of(args.catalogue.name, items, answers.result, required)
    except UnknownFigure as error:
        raise SystemExit(str(error)) from None
    publish(report, out.with_suffix(".html"), args.photos, args.language)
    return report.passed


class _Answers:
    """What came of rows, by their ids, in a file of a line each."""

    def __init__(self, file: Path, items: list[Item]) -> None:
        self._file = file
        self._ids = [item.id for item in items]
        self._results: dict[str, dict[str, Any]] = {}
        # Not splitlines(), which also breaks at signs within an answer (U+2028).
        for line in file.read_text(encoding="utf-8").split("\n") if file.exists() else ():
            if line:
                result = json.loads(line)
                self._results[result["custom_id"]] = result

    @property
    def told(self) -> dict[str, dict[str, Any]]:
        """As columns."""
        return {name: answer_of(result) for name, result in self._results.items()}

    def result(self, name: str) -> dict[str, Any] | None:
        return self._results.get(name)

    def answered(self, name: str) -> bool:
        result = self._results.get(name)
        return result is not None and set(answer_of(result)) != {"error"}

    @property
    def count(self) -> int:
        return sum(map(self.answered, self._ids))

    def add(self, results: list[dict[str, Any]]) -> None:
        # Without a custom_id: its person was erased.
        self._results |= {each["custom_id"]: each for each in results if each["custom_id"]}
        half = self._file.with_suffix(".part")
        kept = (self._results[name] for name in self._ids if name in self._results)
        # ASCII: no sign of an answer ends a line, for whatever program reads it.
        half.write_text("".join(json.dumps(each) + "\n" for each in kept))
        half.replace(self._file)


def _send_new(lane: BatchClient, state: State, items: list[Item], answers: _Answers) -> None:
    """Batches of the rows that are neither answered nor under way."""
    under_way = {name for part in state.parts if not part.ended for name in part.ids}
    new = [i for i in items if i.id not in under_way and not answers.answered(i.id)]
    progress = ProgressBar(len(new), "photos sent")
    sent = 0
    for part in parts_of(new, PART_BYTES, PART_LINES):
        with tempfile.TemporaryDirectory(prefix="shopsight-") as folder:
            file = Path(folder) / "catalogue.jsonl"
            with file.open("wb") as lines:
                for item in part:
                    lines.write(item.line())
            progress.show(sent)
            batch_id = lane.create(lane.upload(file), part[0].endpoint)
        state.parts.append(Part(batch_id, [item.id for item in part]))
        state.save()
        sent += len(part)
        progress.show(sent)
    if new:
        progress.end()


def _wait(lane: BatchClient, state: State, answers: _Answers, total: int) -> None:
    """Until all batches have ended, and their answers are here."""
    progress = ProgressBar(total, "answered")
    while open_parts := [part for part in state.parts if not part.ended]:
        done = answers.count
        failed = 0
        note = ""
        for part in open_parts:
            batch = lane.batch(part.batch_id)
            if batch is None or batch["status"] in ENDED:
                _fetch(lane, part, batch, answers)
                state.save()
                continue
            done += batch["request_counts"]["completed"]
            failed += batch["request_counts"]["failed"]
            note = batch["status"].replace("_", " ")
        progress.show(min(done, total), failed, note)
        if any(not part.ended for part in state.parts):
            time.sleep(POLL_S)
    progress.show(answers.count)
    progress.end()


def _fetch(lane: BatchClient, part: Part, batch: dict[str, Any] | None, answers: _Answers) -> None:
    part.ended = True
    if batch is None:
        print(f"\nThe server does not know {part.batch_id} any more.", file=sys.stderr)
        return
    for error in (batch["errors"] or {"data": []})["data"]:
        print(f"\nline {error['line']}: {error['message']}", file=sys.stderr)
    for file_id in (batch["output_file_id"], batch["error_file_id"]):
        answers.add(lane.lines(file_id))
