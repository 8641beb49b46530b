"""`make card-eval`: cards and match scores of held-out pictures, over HTTP through a gateway and a
replica. The last line is `RESULT {json}`: the share of valid cards, the share of right values of
each field, the calibration error (ECE, ten bins) of their confidences and of the scores, and the
area under the scores' ROC curve."""

import argparse
import json
import sys
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from contract.products.card import CARD_FIELDS
from demo_model.evaluation.probabilities import Scored, area_under_curve, calibration_error
from gateway.cli.embedded import embedded_stack
from loadtest.products.pictures import FIRST_TO_MEASURE, LANGUAGES, HeldOut, held_out
from tests.support.limits import ROOMY

# Pictures in flight: enough to fill the batch of a replica on two cores.
AT_ONCE = 4
TIMEOUT_S = 110  # a gateway takes no longer deadline


@dataclass
class Measured:
    """`fields`: of each the confidence that was told and whether it was right, None without a card.
    `seconds`: of the answers that were computed, cards and matches apart."""

    valid: list[bool] = field(default_factory=list)
    fields: dict[str, list[Scored]] = field(default_factory=lambda: defaultdict(list))
    matches: list[Scored] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    calibrated: bool = False


def post(client: httpx.Client, path: str, picture: HeldOut, **texts: str) -> httpx.Response:
    return client.post(path, files={"photo": picture.jpeg}, data=texts)


def measure(client: httpx.Client, picture: HeldOut, found: Measured) -> None:
    for language in LANGUAGES if picture.with_card else ():
        begun = time.monotonic()
        answer = post(client, "/v1/products/card", picture, language=language)
        found.seconds["card"].append(time.monotonic() - begun)
        card = answer.json().get("card") if answer.status_code == 200 else None
        found.valid.append(card is not None)
        if card is None:
            found.errors[_code(answer)] += 1
        else:
            found.calibrated = answer.json()["calibrated"]
        for name in CARD_FIELDS:
            right = card is not None and picture.right(name, card[name], language)
            sure = 0.0 if card is None else card["confidence"][name]
            found.fields[name].append(Scored(sure, right))
    for claim in picture.claims:
        begun = time.monotonic()
        answer = post(client, "/v1/match", picture, text=claim.text, language=claim.language)
        found.seconds["match"].append(time.monotonic() - begun)
        if answer.status_code == 200:
            found.matches.append(Scored(answer.json()["score"], claim.true))
        else:
            found.errors[_code(answer)] += 1


def _code(answer: httpx.Response) -> str:
    if answer.status_code == 200:
        return str(answer.json()["finish_reason"])
    return str(answer.json()["error"]["code"])


def result(found: Measured, pictures: int) -> dict[str, Any]:
    told = [scored for values in found.fields.values() for scored in values]
    shares = {
        name: round(sum(scored.true for scored in values) / len(values), 4)
        for name, values in found.fields.items()
    }
    return {
        "valid": round(sum(found.valid) / len(found.valid), 4),
        **shares,
        "ece": round(calibration_error(told), 4),
        "match_auc": round(area_under_curve(found.matches), 4),
        "match_ece": round(calibration_error(found.matches), 4),
        "calibrated": found.calibrated,
        "pictures": pictures,
        "cards": len(found.valid),
        "matches": len(found.matches),
        "card_p50_s": round(median(found.seconds["card"]), 3),
        "match_p50_s": round(median(found.seconds["match"]), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=200, help="that get cards")
    parser.add_argument("--checkpoint", default="", help="a folder; else the demo checkpoint")
    given = parser.parse_args()
    model = {"CHECKPOINT": given.checkpoint} if given.checkpoint else {}
    found = Measured()
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded_stack(Path(folder), **ROOMY, **model, DEADLINE_MS=str(TIMEOUT_S * 1000)) as stack,
        httpx.Client(base_url=stack.url, timeout=TIMEOUT_S) as client,
        ThreadPoolExecutor(AT_ONCE) as threads,
    ):
        asked = [
            threads.submit(measure, client, picture, found)
            for picture in held_out(FIRST_TO_MEASURE, given.pictures)
        ]
        for done, future in enumerate(asked, 1):
            future.result()
            print(f"{done}/{len(asked)} pictures", file=sys.stderr, end="\r")
    print(file=sys.stderr)
    if found.errors:
        print("not answered:", dict(found.errors), file=sys.stderr)
    print("RESULT " + json.dumps(result(found, given.pictures)))


if __name__ == "__main__":
    main()
