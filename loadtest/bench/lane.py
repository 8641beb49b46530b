"""`make bench-lane`: what shoppers wait at half load while the batch lane is full, beside what they
wait without it, in turns in one run. The last line is `RESULT {json}`. Seconds are CPU time."""

import argparse
import json
import random
import tempfile
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from statistics import mean
from typing import Any

from PIL import Image

from contract.completion import CompletionRequest, Sampling, Turn
from contract.wire import Priority
from inference.batching.engine import Engine
from inference.batching.lane import LaneLimits
from inference.config import Settings
from inference.model.model import Model
from inference.telemetry import Metrics
from loadtest.bench.stepped_engine import Asked, SteppedEngine
from loadtest.engine_load import Request, requests, with_poisson_arrivals
from loadtest.random_checkpoint import SHAPE_25M, make_checkpoint

SLOTS = 8  # what a CPU has by default
LINES_A_PHOTO = 6
PHOTO_SIDE = 192
# Before shoppers come, the lane takes its slots for so long.
HEAD_START_S = 2.0


@dataclass(frozen=True)
class Part:
    """One load of shoppers, and what the lane was given meanwhile."""

    asked: Sequence[Asked]
    seconds: float
    lane_answers: int
    preemptions: float


def lines(model: Model, number: int, seed: int) -> list[Request]:
    """Questions of a batch: six about each photo, answers of 8 to 64 tokens."""
    choose = random.Random(f"lane {seed}")
    made = []
    for index in range(number):
        words = "".join(choose.choice("这是什么材质的包?whom would it suit ") for _ in range(24))
        sampling = Sampling(max_tokens=choose.randrange(8, 65))
        asked = CompletionRequest((Turn("user", words),), None, sampling)
        photo_number = index // LINES_A_PHOTO
        photo = Image.effect_noise((PHOTO_SIDE, PHOTO_SIDE), 60).convert("RGB")
        key = f"lane-{seed}-{photo_number}"
        made.append(Request(model.prompt(asked, photo, key), sampling))
    return made


class Lane:
    """A sender that keeps `at_once` questions in the lane: for each answer the next line comes."""

    def __init__(self, batch: Sequence[Request], at_once: int) -> None:
        self._lines = cycle(batch)
        self._at_once = at_once if batch else 0
        self._asked: list[Asked] = []
        self.answers = 0

    def refill(self, stepped: SteppedEngine, priority: Priority) -> None:
        self.answers += sum(asked.ended for asked in self._asked)
        self._asked = [asked for asked in self._asked if not asked.ended]
        while len(self._asked) < self._at_once:
            self._asked.append(stepped.ask(next(self._lines), stepped.clock(), priority))


def serve(
    model: Model, load: Sequence[Request], batch: Sequence[Request], priority: Priority
) -> Part:
    """Serve shoppers' load, with a lane full of `batch` or with none, starting with empty caches.
    `priority`: of the batch."""
    model.network.vision.clear()
    model.network.prefixes.clear()
    model.network.reset()
    metrics, limits = Metrics(), LaneLimits()
    engine = Engine(model, metrics, queue_limit=1000, prefill_tokens=512, lane=limits)
    stepped, lane = SteppedEngine(engine), Lane(batch, limits.queue_limit)
    with stepped.running():
        began_at = stepped.clock() + HEAD_START_S
        coming = deque(sorted(load, key=lambda request: request.arrives_s))
        asked: list[Asked] = []
        answers_before = None
        while coming or not all(each.ended for each in asked):
            lane.refill(stepped, priority)
            now = stepped.clock()
            if answers_before is None and now >= began_at:
                answers_before = lane.answers
            while coming and began_at + coming[0].arrives_s <= now:
                request = coming.popleft()
                at = began_at + request.arrives_s
                asked.append(stepped.ask(request, at, "interactive"))
            if batch or not all(each.ended for each in asked):
                engine.step()
            elif coming:
                stepped.clock.skip_to(began_at + coming[0].arrives_s)
        seconds = stepped.clock() - began_at
    preemptions = metrics.registry.get_sample_value(
        "inference_preemptions_total", {"reason": "shopper"}
    )
    lane_answers = lane.answers - (answers_before or 0)
    return Part(asked, seconds, lane_answers, preemptions or 0.0)


def lane_alone(model: Model, batch: Sequence[Request], seconds: float) -> float:
    """Answers a second of a lane that has the engine to itself."""
    engine = Engine(model, Metrics(), queue_limit=1000, prefill_tokens=512)
    stepped, lane = SteppedEngine(engine), Lane(batch, LaneLimits().queue_limit)
    with stepped.running():
        began_at = stepped.clock()
        while stepped.clock() < began_at + seconds:
            lane.refill(stepped, "batch")
            engine.step()
        lane.refill(stepped, "batch")
    return lane.answers / seconds


def capacity(model: Model, load: Sequence[Request]) -> float:
    """Requests a second of shoppers who all come at once."""
    part = serve(model, load, [], "interactive")
    return len(load) / max(each.total_s for each in part.asked)


def p95(values: Sequence[float]) -> float:
    return sorted(values)[int(0.95 * (len(values) - 1))]


def figures(parts: Sequence[Part]) -> dict[str, float]:
    asked = [each for part in parts for each in part.asked]
    return {
        "mean_s": mean(each.total_s for each in asked),
        "p95_s": p95([each.total_s for each in asked]),
        "ttft_p95_s": p95([each.first_s for each in asked]),
        "lane_answers_per_s": sum(p.lane_answers for p in parts) / sum(p.seconds for p in parts),
        "preemptions": sum(part.preemptions for part in parts),
    }


def compare(
    model: Model, number: int, rounds: int, share: float, one_queue: bool
) -> dict[str, Any]:
    lane_at_most = lane_alone(model, lines(model, 10 * LINES_A_PHOTO, 99), 15.0)
    print(f"the lane alone: {lane_at_most:.2f} answers/s")
    ways: dict[str, Priority | None] = {"without": None, "lane full": "batch"}
    if one_queue:
        ways["in one queue"] = "interactive"
    parts: dict[str, list[Part]] = {way: [] for way in ways}
    print(
        f"{'':>14} {'mean s':>8} {'p95 s':>8} {'TTFT p95':>9} {'lane ans/s':>11} {'preempted':>10}"
    )
    for round_number in range(rounds):
        # Anew each time: a busy machine is slower, and half of what it can is less then.
        at_most = capacity(model, requests(model, 24, 99))
        print(f"shoppers alone: {at_most:.2f} answers/s at most; they ask {share:.0%} of that")
        load = requests(model, number, round_number)
        load = with_poisson_arrivals(load, share * at_most, round_number)
        batch = lines(model, 20 * LINES_A_PHOTO, round_number)
        order = [*ways]
        turn = round_number % len(order)
        for way in [*order[turn:], *order[:turn]]:
            priority = ways[way]
            part = serve(model, load, batch if priority else [], priority or "batch")
            parts[way].append(part)
            row(way, figures([part]))
    print("all rounds")
    of_all = {way: figures(each) for way, each in parts.items()}
    for way, each in of_all.items():
        row(way, each)
    alone, full = of_all["without"], of_all["lane full"]
    result: dict[str, Any] = {
        "interactive_p95_ratio": full["p95_s"] / alone["p95_s"],
        "interactive_mean_ratio": full["mean_s"] / alone["mean_s"],
        "interactive_ttft_p95_ratio": full["ttft_p95_s"] / alone["ttft_p95_s"],
        "lane_of_what_it_can_alone": full["lane_answers_per_s"] / lane_at_most,
        "preemptions": full["preemptions"],
    }
    if one_queue:
        result["one_queue_p95_ratio"] = of_all["in one queue"]["p95_s"] / alone["p95_s"]
    return {key: round(value, 2) for key, value in result.items()}


def row(way: str, each: dict[str, float]) -> None:
    print(
        f"{way:>14} {each['mean_s']:8.2f} {each['p95_s']:8.2f} {each['ttft_p95_s']:9.2f}"
        f" {each['lane_answers_per_s']:11.2f} {each['preemptions']:10.0f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=40, help="of shoppers, a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--load", type=float, default=0.5, help="share of what shoppers may ask")
    parser.add_argument(
        "--one-queue", action="store_true", help="the batch as shoppers' questions, too"
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = make_checkpoint(Path(folder), SHAPE_25M)
        settings = Settings(_env_file=None, checkpoint=str(path), slots=SLOTS, device_map="cpu")
        model = Model(settings)
        result = compare(model, args.requests, args.rounds, args.load, args.one_queue)
    print("RESULT " + json.dumps(result))


if __name__ == "__main__":
    main()
