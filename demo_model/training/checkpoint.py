"""Writes the demo checkpoint folder in the layout of Qwen/Qwen3-VL-8B-Instruct, atomically."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig, Qwen2TokenizerFast, Qwen3VLForConditionalGeneration

from demo_model.training.architecture import MAX_PIXELS, MERGE, MIN_PIXELS, PATCH

HERE = Path(__file__).parent
CHECKPOINT = HERE.parent / "checkpoint"
CHAT_TEMPLATE = HERE / "chat_template.jinja"


def picture_processor() -> dict[str, Any]:
    return {
        "size": {"longest_edge": MAX_PIXELS, "shortest_edge": MIN_PIXELS},
        "patch_size": PATCH,
        "temporal_patch_size": 2,
        "merge_size": MERGE,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "processor_class": "Qwen3VLProcessor",
        "image_processor_type": "Qwen2VLImageProcessorFast",
    }


def video_processor() -> dict[str, Any]:
    return {**picture_processor(), "video_processor_type": "Qwen3VLVideoProcessor"} | {
        "image_processor_type": None
    }


def _write_json(path: Path, value: dict[str, Any]) -> None:
    kept = {key: entry for key, entry in value.items() if entry is not None}
    path.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_checkpoint(
    model: Qwen3VLForConditionalGeneration,
    tokenizer: Qwen2TokenizerFast,
    version: str,
    card: str,
    folder: Path = CHECKPOINT,
) -> None:
    """Write everything to a sibling folder, which then replaces the old one by a rename."""
    fresh = folder.with_name(folder.name + ".new")
    stale = folder.with_name(folder.name + ".old")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.rmtree(stale, ignore_errors=True)
    fresh.mkdir(parents=True)
    tokenizer.chat_template = CHAT_TEMPLATE.read_text(encoding="utf-8")
    tokenizer.save_pretrained(fresh)
    model.generation_config = GenerationConfig(
        bos_token_id=model.config.text_config.bos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=[tokenizer.eos_token_id, tokenizer.pad_token_id],
        do_sample=False,
    )
    # A copy in bfloat16, since the trained model stays float32. The output layer is the embedding.
    weights = {name: tensor.to(torch.bfloat16) for name, tensor in model.state_dict().items()}
    del weights["lm_head.weight"]
    model.save_pretrained(fresh, state_dict=weights)
    (fresh / "model.safetensors").chmod(0o644)
    config = json.loads((fresh / "config.json").read_text(encoding="utf-8"))
    _write_json(fresh / "config.json", _as_bfloat16(config))
    _write_json(fresh / "preprocessor_config.json", picture_processor())
    _write_json(fresh / "video_preprocessor_config.json", video_processor())
    _write_json(
        fresh / "shopsight.json", {"name": "shopsight-demo", "demo": True, "version": version}
    )
    (fresh / "README.md").write_text(card, encoding="utf-8")
    if folder.exists():
        folder.rename(stale)
    fresh.rename(folder)
    shutil.rmtree(stale, ignore_errors=True)


def _as_bfloat16(config: dict[str, Any]) -> dict[str, Any]:
    """Write the precision of the stored weights into the config, not that of the model in
    memory."""
    return {
        key: _as_bfloat16(value)
        if isinstance(value, dict)
        else ("bfloat16" if key == "dtype" else value)
        for key, value in config.items()
    }
