"""`make bench-tenants`: whether the time of an answer tells one shop what another has asked.
Gateway and engine are the real ones. The last line is `RESULT {json}`."""

import argparse
import base64
import json
import random
import statistics
import tempfile
import time
from io import BytesIO
from itertools import product
from pathlib import Path

import httpx
from PIL import Image

from gateway.cli.embedded import Stack, embedded_stack
from gateway.identity.keys import hash_key
from loadtest.corpus.services import GOOD_PHOTO
from tests.support.limits import ROOMY

SHOPS = ("first", "other")
QUESTION, ANOTHER = "What is it?", "What colour is it?"
SIDE_PX = 1200  # a photo takes some 20 ms to decode and 75 to be looked at


def new_photo(number: int) -> str:
    """A photo like many, and unlike all that were sent before."""
    picture = Image.open(GOOD_PHOTO).convert("RGB").resize((SIDE_PX, SIDE_PX))
    picture.putpixel((number % SIDE_PX, number // SIDE_PX), (255, 0, 0))
    picture.paste((number % 256, number // 256, 90), (0, 0, 40, 40))
    made = BytesIO()
    picture.save(made, "JPEG", quality=90)
    return base64.b64encode(made.getvalue()).decode()


class Times:
    """How long answers took, in milliseconds, by what was asked before."""

    def __init__(self, stack: Stack) -> None:
        self._client = httpx.Client(base_url=stack.url, timeout=60, trust_env=False)
        self.ms: dict[str, list[float]] = {}

    def ask(self, shop: str, photo: str, question: str, kind: str = "") -> None:
        body = {"image": photo, "prompt": question, "max_tokens": 8}
        headers = {"authorization": f"Bearer {shop}"}
        began = time.perf_counter()
        answer = self._client.post("/v1/chat/completions", json=body, headers=headers)
        answer.raise_for_status()
        self.ms.setdefault(kind, []).append((time.perf_counter() - began) * 1000)


def told_apart(some: list[float], others: list[float]) -> float:
    """How often one of `some` is the quicker of a pair (area under the ROC curve): 0.5 says that
    nothing can be told, 1 that it always can."""
    won = [1.0 if one < two else 0.5 if one == two else 0.0 for one, two in product(some, others)]
    return round(statistics.mean(won), 3)


def measure(times: Times, rounds: int) -> None:
    numbers = iter(range(100_000))
    for _ in range(rounds):
        asked, untouched = new_photo(next(numbers)), new_photo(next(numbers))
        times.ask("first", asked, QUESTION)
        pair = [(asked, "the other shop's question"), (untouched, "nobody's photo")]
        random.shuffle(pair)
        for photo, kind in pair:
            times.ask("other", photo, QUESTION, kind)
        times.ask("first", asked, QUESTION, "own question")
        photo = new_photo(next(numbers))
        times.ask("first", photo, QUESTION)
        times.ask("other", photo, ANOTHER, "the other shop's photo")
        times.ask("other", new_photo(next(numbers)), ANOTHER, "nobody's photo, another question")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    args = parser.parse_args()
    keys = "\n".join(f"{shop} {hash_key(shop)}" for shop in SHOPS)
    limits = {**ROOMY, "API_KEYS": keys, "TENANT_LIMITS": "questions_per_s=1e6 burst=1e6"}
    with (
        tempfile.TemporaryDirectory(prefix="shopsight-tenants-") as folder,
        embedded_stack(Path(folder), **limits) as stack,
    ):
        times = Times(stack)
        measure(times, args.rounds)
    for kind, ms in times.ms.items():
        if kind:
            print(f"{statistics.median(ms):7.0f} ms at p50: {kind}")
    nobodys = times.ms["nobody's photo"]
    result = {
        "questions_told_apart": told_apart(times.ms["the other shop's question"], nobodys),
        "photos_told_apart": told_apart(
            times.ms["the other shop's photo"], times.ms["nobody's photo, another question"]
        ),
        "own_told_apart": told_apart(times.ms["own question"], nobodys),
    }
    print("RESULT " + json.dumps(result))


if __name__ == "__main__":
    main()
