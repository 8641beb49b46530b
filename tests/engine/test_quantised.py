"""Weights in 8 and 4 bits: of the language model only, and the model still sees."""

from math import prod
from pathlib import Path

import pytest
from PIL import Image
from safetensors import safe_open

from contract.completion import CompletionRequest, Sampling, Turn
from demo_model.training.checkpoint import CHECKPOINT
from inference.config import Settings
from inference.model.model import Model


def parameters_of(folder: Path) -> int:
    with safe_open(folder / "model.safetensors", "pt") as weights:
        return sum(prod(weights.get_slice(name).get_shape()) for name in weights.keys())  # noqa: SIM118


@pytest.mark.parametrize(
    ("quantisation", "kind"), [("int8", "Linear8bitLt"), ("int4", "Linear4bit")]
)
def test_the_language_model_is_quantised_and_the_tower_is_not(
    quantisation: str, kind: str, sample_photo: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(_env_file=None, quantisation=quantisation, gpu_memory_bytes=10**9)
    model = Model(settings)
    layers = {
        name: type(layer).__name__
        for name, layer in model._module.named_modules()
        if "Linear" in type(layer).__name__
    }
    assert {layers[name] for name in layers if "language_model" in name} == {kind}
    assert {layers[name] for name in layers if "language_model" not in name} == {"Linear"}
    assert model.facts.parameters == parameters_of(CHECKPOINT), "two of int4 are in one byte"
    asked = CompletionRequest((Turn("user", "这是什么？"),), None, Sampling(max_tokens=20))
    prompt = model.prompt(asked, Image.open(sample_photo).convert("RGB"))
    ids: list[int] = []
    model.generate(prompt, asked.sampling, None, ids.append, lambda: False)
    assert "钱包" in b"".join(map(model.bytes_of, ids)).decode()
    # bitsandbytes would warn in each layer of each pass of what it has to cast.
    assert "inputs will be cast" not in caplog.text
    assert model.plan.needs.weights == pytest.approx(model.facts.weight_bytes, rel=0.001)
