"""`make corpus`: every file of Pillow's image corpus goes to a real gateway and a real replica, as
a question and as an upload. Whatever surprises is listed. The last line is `RESULT {json}`."""

import argparse
import base64
import json
import tempfile
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from contract.errors import ShopsightError
from contract.images import (
    MAX_ASPECT,
    MAX_DECLARED_PIXELS,
    MAX_IMAGE_BYTES,
    MAX_WEBP_PIXELS,
    MIN_SIDE,
    EncodedImage,
    check_image,
)
from gateway.cli.embedded import Stack, embedded_stack
from gateway.images.strip import without_metadata
from loadtest.corpus.pillow_images import pillow_images
from loadtest.corpus.services import GOOD_PHOTO, HANGS_S, errors_in, memory_mb
from tests.support.limits import ROOMY

QUESTION = "What is it?"
BATCH = 50
HEADS = {b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG"}
REFUSALS = {"400", "413", "415", "422"}


@dataclass
class Asked:
    """What came of one file: statuses with codes by way, seconds by way, and what surprised."""

    file: str
    kind: str
    said: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    surprises: list[str] = field(default_factory=list)


def kind_of(data: bytes) -> str:
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    return next((kind for head, kind in HEADS.items() if data.startswith(head)), "other")


def should_be_answered(data: bytes, kind: str) -> bool:
    """Whether Pillow by itself reads a photo within our bounds."""
    if kind == "other" or len(data) > MAX_IMAGE_BYTES:
        return False
    try:
        with Image.open(BytesIO(data), formats=(kind,)) as picture:
            picture.load()
    except Exception:
        return False
    long, short = max(picture.size), min(picture.size)
    if kind != "JPEG" and getattr(picture, "is_animated", False):
        return False
    most = MAX_WEBP_PIXELS if kind == "WEBP" else MAX_DECLARED_PIXELS
    return short >= MIN_SIDE and long <= MAX_ASPECT * short and long * short <= most


class Corpus:
    """Asks about files, all of one session."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._client = httpx.Client(timeout=HANGS_S, trust_env=False)

    def good_question(self, number: int) -> str:
        """What a shopper is told in between: empty when all is well."""
        form = {"question": f"{QUESTION} {number}", "max_tokens": "8"}
        answer = self._post("/v1/ask", data=form, files={"photo": GOOD_PHOTO.read_bytes()})
        return "" if answer.startswith("200") else answer

    def about(self, path: Path) -> Asked:
        data = path.read_bytes()
        asked = Asked(path.name, kind_of(data))
        form = {"question": QUESTION, "max_tokens": "8"}
        short = {"image": base64.b64encode(data).decode(), "prompt": QUESTION, "max_tokens": 8}
        replica = self._stack.replica_url
        ways = {
            "ask": lambda: self._post("/v1/ask", data=form, files={"photo": data}),
            "upload": lambda: self._post("/v1/images", content=data),
            "replica": lambda: self._post("/v1/chat/completions", replica, json=short),
        }
        for way, ask in ways.items():
            began = time.monotonic()
            asked.said[way] = ask()
            asked.seconds[way] = time.monotonic() - began
        asked.surprises = list(surprises(asked, data))
        return asked

    def _post(self, path: str, url: str = "", **body: Any) -> str:
        """Status and code of the answer, or the name of what went wrong."""
        try:
            answer = self._client.post(f"{url or self._stack.url}{path}", **body)
            code = answer.json().get("error", {}).get("code", "")
        except (httpx.HTTPError, ValueError) as error:
            return type(error).__name__
        return f"{answer.status_code} {code}".strip()


def surprises(asked: Asked, data: bytes) -> Iterator[str]:
    taken = {way: said in ("200", "201") for way, said in asked.said.items()}
    for way, said in asked.said.items():
        if not taken[way] and said.partition(" ")[0] not in REFUSALS:
            yield f"{way}: {said}"
    if len(set(taken.values())) > 1:
        yield f"not the same everywhere: {asked.said}"
    if should_be_answered(data, asked.kind) and not taken["ask"]:
        yield f"Pillow reads it, and it is refused: {asked.said['ask']}"
    if taken["upload"]:
        yield from _changed_by_stripping(data)


def _changed_by_stripping(data: bytes) -> Iterator[str]:
    facts = check_image(EncodedImage(data)).facts
    try:
        kept = check_image(EncodedImage(without_metadata(data, facts))).facts
    except ShopsightError as error:
        yield f"what is kept of the upload cannot be read: {error.code}"
        return
    if (kept.digest, kept.orientation) != (facts.digest, facts.orientation):
        yield "what is kept of the upload is another picture"


def report(files: list[Asked]) -> None:
    by_kind: dict[str, Counter[str]] = defaultdict(Counter)
    for asked in files:
        by_kind[asked.kind][asked.said["ask"]] += 1
    for kind, counts in sorted(by_kind.items()):
        told = ", ".join(f"{said} × {count}" for said, count in counts.most_common())
        print(f"{kind:>6}  {told}")
    slowest = sorted(((s, way, asked.file) for asked in files for way, s in asked.seconds.items()))
    print("slowest")
    for seconds, way, name in slowest[:-6:-1]:
        print(f"  {seconds:6.2f} s  {way:<8} {name}")
    for asked in files:
        for surprise in asked.surprises:
            print(f"UNEXPECTED  {asked.file}: {surprise}")


def run(paths: list[Path], at_once: int) -> dict[str, float]:
    with (
        tempfile.TemporaryDirectory(prefix="shopsight-corpus-") as folder,
        embedded_stack(Path(folder), ANONYMOUS="allow", **ROOMY) as stack,
        ThreadPoolExecutor(at_once) as threads,
    ):
        corpus = Corpus(stack)
        refused = [corpus.good_question(0)]
        before = memory_mb(stack)
        files: list[Asked] = []
        for begin in range(0, len(paths), BATCH):
            files += threads.map(corpus.about, paths[begin : begin + BATCH])
            refused.append(corpus.good_question(begin + 1))
            print(f"{len(files)} of {len(paths)} files, {memory_mb(stack)}", flush=True)
        after = memory_mb(stack)
        errors = [line for child in stack.children for line in errors_in(child.log)]
    report(files)
    others = [f"a good question was refused: {said}" for said in refused if said]
    others += [f"in a log: {line}" for line in errors]
    for other in others:
        print(f"UNEXPECTED  {other}")
    print(f"memory before: {before}")
    return {
        "files": len(files),
        "unexpected": sum(bool(asked.surprises) for asked in files) + len(others),
        "slowest_s": round(max(s for asked in files for s in asked.seconds.values()), 2),
        **after,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, help="only so many of them")
    parser.add_argument("--at-once", type=int, default=2)
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # of Pillow about its own corpus, in this process
    result = run(pillow_images()[: args.files], args.at_once)
    print("RESULT " + json.dumps(result))
    return 1 if result["unexpected"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
