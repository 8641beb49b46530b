"""`make bench-engine`: three ways of serving one model, side by side in one run: naive (`generate`
under a lock), collect-then-generate, in-flight. The last line is `RESULT {json}`."""

import argparse
import asyncio
import json
import tempfile
from pathlib import Path
from statistics import mean, median
from typing import Any

from PIL import Image

from contract.completion import CompletionRequest, Sampling, Turn
from inference.config import Settings
from inference.model.model import Model
from loadtest.engine_load import (
    SLOTS,
    EngineFigures,
    Request,
    ask_alone,
    requests,
    run,
    with_poisson_arrivals,
)
from loadtest.random_checkpoint import SHAPE_25M, make_checkpoint


async def compare(model: Model, number: int, rounds: int) -> dict[str, float]:
    """All three ways at three loads, interleaved. The ratios are medians over the rounds."""
    alone = await run(model, "naive", requests(model, 8, 99))
    capacity = len(alone.outcomes) / max(outcome.total_s for outcome in alone.outcomes)
    result: dict[str, float] = {}
    print(f"naive serves {capacity:.2f} requests/s of this kind")
    head = f"{'load':>10} {'way':>9} {'tokens/s':>9} {'mean s':>7} {'p95 s':>7} {'TTFT s':>7}"
    print(head + "   against naive: tokens/s, mean latency")
    for name, factor in (("low", 0.5), ("medium", 0.8), ("saturated", 20.0)):
        ratios: dict[str, list[tuple[float, float]]] = {"collect": [], "in-flight": []}
        for round_number in range(rounds):
            # Below saturation the arrivals set the length of a round, so fewer are enough.
            count = number if factor > 1 else number // 4
            load = requests(model, count, round_number)
            load = with_poisson_arrivals(load, factor * capacity, round_number)
            floor = await run(model, "naive", load)
            _print_row(name, "naive", floor, None)
            for way, of_way in ratios.items():
                figures = await run(model, way, load)
                ratio = figures.tokens_per_s / floor.tokens_per_s, floor.mean_s / figures.mean_s
                of_way.append(ratio)
                _print_row(name, way, figures, ratio)
                if way == "in-flight":
                    same = [
                        a.text == b.text
                        for a, b in zip(floor.outcomes, figures.outcomes, strict=True)
                    ]
                    result["token_exact"] = min(result.get("token_exact", 1.0), mean(same))
        for way, of_way in ratios.items():
            result[f"{way}_{name}_tokens"] = round(median(a for a, _ in of_way), 2)
            result[f"{way}_{name}_latency"] = round(median(b for _, b in of_way), 2)
    return result


def _print_row(load: str, way: str, f: EngineFigures, ratio: tuple[float, float] | None) -> None:
    against = f"   {ratio[0]:.2f}× {ratio[1]:.2f}×" if ratio else ""
    print(
        f"{load:>10} {way:>9} {f.tokens_per_s:9.1f} {f.mean_s:7.2f} {f.p95_s:7.2f}"
        f" {f.ttft_s:7.2f}{against}",
        flush=True,
    )


async def second_question(model: Model, number: int, side: int) -> tuple[float, int]:
    """Time to first token of the first question about a photo, as a multiple of the second's, and
    the most prompt tokens that a second one read."""
    firsts, seconds, most_read = [], [], 0
    for index in range(number):
        photo = Image.effect_noise((side, side), 60).convert("RGB")
        for words, times in (("这是什么?", firsts), ("是什么材质的?", seconds)):
            asked = CompletionRequest((Turn("user", words),), None, Sampling(max_tokens=2))
            prompt = model.prompt(asked, photo, f"second-{side}-{index}")
            outcome, read = await ask_alone(model, Request(prompt, asked.sampling))
            times.append(outcome.first_s)
        most_read = max(most_read, read)
    return median(firsts) / median(seconds), most_read


async def growth(settings: Settings, number: int) -> None:
    """Print how throughput grows with the rows in flight."""
    print("\nrows in flight → tokens/s")
    for slots in (1, 2, 4, 8, 16):
        model = Model(settings.model_copy(update={"slots": slots}))
        figures = await run(model, "in-flight", requests(model, number, 5))
        print(f"{slots:>8} {figures.tokens_per_s:9.1f}", flush=True)


async def bench(number: int, rounds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = make_checkpoint(Path(folder), SHAPE_25M)
        settings = Settings(_env_file=None, checkpoint=str(path), slots=SLOTS, device_map="cpu")
        model = Model(settings)
        facts = model.facts
        print(f"{facts.parameters / 1e6:.1f} M parameters, {facts.dtype}, 1 thread")
        figures = await compare(model, number, rounds)
        await growth(settings, number)
        print("\nphoto side → TTFT of the first question / of the second")
        for side in (192, 384, 768):
            sized = make_checkpoint(Path(folder) / str(side), SHAPE_25M, pixels=side * side)
            large = Model(settings.model_copy(update={"checkpoint": str(sized)}))
            ratio, read = await second_question(large, 5, side)
            print(f"{side:>8} {ratio:9.2f}×, {read} prompt tokens read", flush=True)
            figures[f"second_question_{side}"] = round(ratio, 2)
            figures["second_question_prompt_tokens"] = read
    return {
        "tokens_per_s_vs_naive": figures["in-flight_saturated_tokens"],
        "mean_latency_vs_naive": figures["in-flight_saturated_latency"],
        "token_exact": figures["token_exact"],
        "second_question_ttft_vs_first": figures["second_question_384"],
        "second_question_prompt_tokens": figures["second_question_prompt_tokens"],
        "low_load_mean_latency_vs_naive": figures["in-flight_low_latency"],
        "collect_tokens_per_s_vs_naive": figures["collect_saturated_tokens"],
        "collect_low_load_mean_latency_vs_naive": figures["collect_low_latency"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    print("RESULT " + json.dumps(asyncio.run(bench(args.requests, args.rounds))))


if __name__ == "__main__":
    main()
