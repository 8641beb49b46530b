"""Makes a Qwen3-VL checkpoint of any size with random weights, and with the demo checkpoint's
tokenizer and processor. It serves to measure speed, memory and exactness, not answers."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForImageTextToText

from contract.products.calibration import CALIBRATION_FILE
from inference.config import DEMO_CHECKPOINT

# The others are of any checkpoint's form.
OF_THE_DEMO_ALONE = ("model.safetensors", "shopsight.json", "README.md", CALIBRATION_FILE)
# About 25 million parameters: large enough that a pass takes longer than the Python around it.
SHAPE_25M = {
    "text": {
        "hidden_size": 448,
        "intermediate_size": 1344,
        "num_hidden_layers": 8,
        "num_attention_heads": 7,
        "num_key_value_heads": 7,
        "head_dim": 64,
    },
    "vision": {
        "depth": 4,
        "hidden_size": 256,
        "intermediate_size": 768,
        "num_heads": 4,
        "deepstack_visual_indexes": [1, 2],
        "out_hidden_size": 448,
    },
    "mrope_section": [12, 10, 10],
}

# Under a million parameters, for tests. Grouped-query attention (2:1), like the large models.
SHAPE_TINY = {
    "text": {
        "hidden_size": 96,
        "intermediate_size": 192,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 32,
    },
    "vision": {
        "depth": 3,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_heads": 2,
        "deepstack_visual_indexes": [0, 1],
        "out_hidden_size": 96,
    },
    "mrope_section": [6, 5, 5],
}


def randomise(model: Any) -> None:
    """The default initialisation is so narrow that one token always wins. Wider, answers vary."""
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.normal_(std=weight[0].numel() ** -0.5)


def make_checkpoint(
    folder: Path,
    shape: dict[str, Any],
    *,
    pixels: int = 192 * 192,
    dtype: str = "float32",
    seed: int = 0,
) -> Path:
    """Write a checkpoint whose photos have about `pixels` pixels (1,024 a visual token)."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in DEMO_CHECKPOINT.iterdir():
        if path.name not in OF_THE_DEMO_ALONE:
            shutil.copy(path, folder)
    config = json.loads((folder / "config.json").read_text())
    config["text_config"] |= shape["text"] | {"max_position_embeddings": 32768}
    config["text_config"]["rope_parameters"]["mrope_section"] = shape["mrope_section"]
    config["vision_config"] |= shape["vision"]
    (folder / "config.json").write_text(json.dumps(config))
    torch.manual_seed(seed)
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        model = AutoModelForImageTextToText.from_config(AutoConfig.from_pretrained(folder))
    finally:
        torch.set_default_dtype(torch.float32)
    randomise(model)
    model.save_pretrained(folder)
    settings = folder / "preprocessor_config.json"
    processor = json.loads(settings.read_text())
    processor["size"] = {"shortest_edge": pixels, "longest_edge": pixels}
    settings.write_text(json.dumps(processor, indent=1))
    return folder
