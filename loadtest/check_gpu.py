"""`make check-gpu`, on an NVIDIA GPU: the in-flight engine's exactness (float32, few layers), speed
and memory, with random weights in the published shape of Qwen3-VL-8B. Ends with `RESULT`."""

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from contract.completion import CompletionRequest, Sampling, Turn
from inference.config import Settings
from inference.model.model import Model
from loadtest.engine_load import Request, requests, run
from loadtest.published_checkpoint import CONFIG_8B, make_published, with_fewer_layers

GB = 1e9


async def exactness(folder: Path) -> float:
    """Share of 32 staggered answers in float32, most about photos, that equal `generate`'s."""
    path = make_published(folder / "thin", with_fewer_layers(CONFIG_8B, 4))
    settings = Settings(
        checkpoint=str(path),
        device_map="cuda:0",
        dtype="float32",
        slots=16,
        max_image_tokens=256,
    )
    model = Model(settings)
    load = [Request(r.prompt, r.sampling, i * 0.05) for i, r in enumerate(requests(model, 32, 1))]
    alone = await run(model, "naive", load)
    together = await run(model, "in-flight", load)
    pairs = zip(alone.outcomes, together.outcomes, strict=True)
    return sum(a.text == b.text for a, b in pairs) / len(load)


async def speed_and_memory(folder: Path, quantisation: str) -> dict[str, float]:
    """8B: weights, KV cache and peak in GB; speed of one answer alone, and of 16 in flight."""
    path = folder / "8b"
    if not path.exists():
        make_published(path, CONFIG_8B)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    settings = Settings(
        checkpoint=str(path),
        device_map="cuda:0",
        slots=16,
        max_context_tokens=1024,
        max_image_tokens=256,
        quantisation=quantisation,  # type: ignore[arg-type]
    )
    model = Model(settings)
    asked = CompletionRequest((Turn("user", "这是什么?"),), None, Sampling(max_tokens=40))
    one = Request(model.prompt(asked, None), asked.sampling)
    await run(model, "in-flight", [one])  # warm-up
    started_at = time.monotonic()
    await run(model, "in-flight", [one])
    alone_s = time.monotonic() - started_at
    load = requests(model, 64, 2, side=512)
    naive = await run(model, "naive", load[:8])
    together = await run(model, "in-flight", load)
    return {
        "weights_gb": round(model.facts.weight_bytes / GB, 2),
        "kv_cache_gb": round(model.network.cache.bytes / GB, 2),
        "peak_gb": round(torch.cuda.max_memory_allocated() / GB, 2),
        "forty_tokens_alone_s": round(alone_s, 2),
        "tokens_per_s": round(together.tokens_per_s, 1),
        "tokens_per_s_vs_naive": round(together.tokens_per_s / naive.tokens_per_s, 2),
        "ttft_s": round(together.ttft_s, 3),
    }


async def check(quantisations: list[str]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        figures: dict[str, Any] = {"gpu": torch.cuda.get_device_name()}
        figures["token_exact"] = await exactness(Path(folder))
        for name in quantisations:
            figures[name] = await speed_and_memory(Path(folder), name)
            print(name, figures[name], flush=True)
        return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quantisation", nargs="*", default=["none", "int8", "int4"])
    args = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("There is no GPU here that torch can use.")
    print("RESULT " + json.dumps(asyncio.run(check(args.quantisation))))


if __name__ == "__main__":
    main()
