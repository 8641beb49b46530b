"""`make card-calibrate`: fits what a checkpoint's probabilities are worth, on held-out pictures
that `make card-eval` does not measure, and writes calibration.json into its folder. The replica is
asked exactly what a gateway asks it. A checkpoint with another file has another revision."""

import argparse
import json
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from contract.completion import CompletionRequest, Turn
from contract.errors import ReplicaFailed
from contract.images import EncodedImage
from contract.products.answers import match_answer
from contract.products.calibration import (
    CALIBRATION_FILE,
    NOT_CALIBRATED,
    Calibration,
)
from contract.products.card import CARD_FIELDS, not_visible, read_card
from contract.products.confidence import field_probabilities
from contract.products.questions import card_request, match_request
from contract.response import Delta, Finished, TokenLogprob
from demo_model.training.checkpoint import CHECKPOINT
from gateway.cli.embedded import embedded_stack
from gateway.prompt import CARD_SYSTEM, MATCH_SYSTEM
from loadtest.products.evaluate import AT_ONCE, TIMEOUT_S
from loadtest.products.pictures import FIRST_TO_FIT, LANGUAGES, MATCHED, HeldOut, held_out
from loadtest.products.platt import Sample, fitted
from tests.support.limits import ROOMY

MATCH = "match"


def asked_of(client: httpx.Client, typed: CompletionRequest, system: str) -> tuple[Delta, Finished]:
    body = {**typed.wire(), "stream": False}
    body["messages"].insert(0, {"role": "system", "content": system})
    headers = {"x-deadline-ms": str(TIMEOUT_S * 1000)}
    answer = client.post("/v1/chat/completions", json=body, headers=headers)
    answer.raise_for_status()
    choice: dict[str, Any] = answer.json()["choices"][0]
    logprobs = tuple(map(TokenLogprob.read, choice["logprobs"]["content"]))
    return Delta(choice["message"]["content"], logprobs), Finished(choice["finish_reason"])


def samples(client: httpx.Client, picture: HeldOut) -> Iterator[tuple[str, Sample]]:
    photo = EncodedImage(picture.jpeg)
    for language in LANGUAGES if picture.with_card else ():
        typed = CompletionRequest((Turn("user", ""),), photo, language=language)
        answer, _ = asked_of(client, card_request(typed), CARD_SYSTEM)
        try:
            card = read_card(answer.text)
        except ReplicaFailed:
            continue  # nobody is told how sure the model was
        likely = field_probabilities(answer.text, answer.logprobs)
        for name in CARD_FIELDS:
            shown = getattr(card, name)
            if name == "not_visible":
                shown = not_visible(shown)
            if name in likely:
                yield name, (likely[name], picture.right(name, shown, language))
    for claim in picture.claims:
        typed = CompletionRequest((Turn("user", claim.text),), photo, language=claim.language)
        answer, end = asked_of(client, match_request(typed), MATCH_SYSTEM)
        score = match_answer(answer, end, NOT_CALIBRATED).score
        if score is not None:
            yield MATCH, (score, claim.true)


def collected(checkpoint: Path, pictures: int) -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = defaultdict(list)
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded_stack(Path(folder), **ROOMY, CHECKPOINT=str(checkpoint)) as stack,
        httpx.Client(base_url=stack.replica_url, timeout=TIMEOUT_S) as client,
        ThreadPoolExecutor(AT_ONCE) as threads,
    ):
        asked = [
            threads.submit(lambda picture: list(samples(client, picture)), picture)
            for picture in held_out(FIRST_TO_FIT, pictures)
        ]
        for done, future in enumerate(asked, 1):
            for name, sample in future.result():
                found[name].append(sample)
            print(f"{done}/{len(asked)} pictures", file=sys.stderr, end="\r")
    print(file=sys.stderr)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=200, help="that get cards")
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        # A copy without the file of before: probabilities as they are.
        bare = Path(folder) / given.checkpoint.name
        shutil.copytree(given.checkpoint, bare, ignore=shutil.ignore_patterns(CALIBRATION_FILE))
        found = collected(bare, given.pictures)
    lines = {name: fitted(values) for name, values in found.items()}
    calibration = Calibration(
        card={name: lines[name] for name in CARD_FIELDS if name in lines},
        match=lines.get(MATCH),
        fitted_on=f"{given.pictures} held-out pictures of the demo world (matches: "
        f"{given.pictures * MATCHED}) from seed {FIRST_TO_FIT}",
    )
    text = json.dumps(calibration.model_dump(), indent=2, ensure_ascii=False) + "\n"
    (given.checkpoint / CALIBRATION_FILE).write_text(text, encoding="utf-8")
    for name, values in found.items():
        share = sum(right for _, right in values) / len(values)
        print(f"{name}: {len(values)} answers, {share:.1%} right", file=sys.stderr)


if __name__ == "__main__":
    main()
