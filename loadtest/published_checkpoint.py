"""Makes checkpoints with random weights in the layout of Qwen3-VL's published repositories: their
keys, old-style ones included, their files, shards and vocabulary. They serve to measure, and to
prove that real weights load."""

import copy
import json
import math
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForImageTextToText

from loadtest.published_tokenizer import write_tokenizer
from loadtest.random_checkpoint import randomise

SHARDS = 3
# config.json of Qwen3-VL-8B-Instruct.
CONFIG_8B: dict[str, Any] = {
    "architectures": ["Qwen3VLForConditionalGeneration"],
    "image_token_id": 151655,
    "model_type": "qwen3_vl",
    "text_config": {
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": 151643,
        "dtype": "bfloat16",
        "eos_token_id": 151645,
        "head_dim": 128,
        "hidden_act": "silu",
        "hidden_size": 4096,
        "initializer_range": 0.02,
        "intermediate_size": 12288,
        "max_position_embeddings": 262144,
        "model_type": "qwen3_vl_text",
        "num_attention_heads": 32,
        "num_hidden_layers": 36,
        "num_key_value_heads": 8,
        "rms_norm_eps": 1e-06,
        "rope_scaling": {
            "mrope_interleaved": True,
            "mrope_section": [24, 20, 20],
            "rope_type": "default",
        },
        "rope_theta": 5000000,
        "use_cache": True,
        "vocab_size": 151936,
    },
    "tie_word_embeddings": False,
    "transformers_version": "4.57.0.dev0",
    "video_token_id": 151656,
    "vision_config": {
        "deepstack_visual_indexes": [8, 16, 24],
        "depth": 27,
        "hidden_act": "gelu_pytorch_tanh",
        "hidden_size": 1152,
        "in_channels": 3,
        "initializer_range": 0.02,
        "intermediate_size": 4304,
        "model_type": "qwen3_vl",
        "num_heads": 16,
        "num_position_embeddings": 2304,
        "out_hidden_size": 4096,
        "patch_size": 16,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
    },
    "vision_end_token_id": 151653,
    "vision_start_token_id": 151652,
}
GENERATION = {
    "bos_token_id": 151643,
    "pad_token_id": 151643,
    "do_sample": True,
    "eos_token_id": [151645, 151643],
    "top_p": 0.8,
    "top_k": 20,
    "temperature": 0.7,
    "repetition_penalty": 1.0,
    "transformers_version": "4.56.0",
}
PROCESSOR = {
    "patch_size": 16,
    "temporal_patch_size": 2,
    "merge_size": 2,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "processor_class": "Qwen3VLProcessor",
}


def narrow(config: dict[str, Any]) -> dict[str, Any]:
    """The same model, so narrow that a test can run it. All of a photo's way is as published: depth
    and DeepStack of the tower, size of the heads, sections of M-RoPE. There are as many layers of
    text as DeepStack has levels, since each level is added to a layer of its own."""
    made = copy.deepcopy(config)
    made["text_config"] |= {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
    }
    made["vision_config"] |= {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_heads": 2,
        "out_hidden_size": 64,
    }
    return made


def with_fewer_layers(config: dict[str, Any], layers: int) -> dict[str, Any]:
    """The same widths, fewer layers of text: float32 fits, and rounding errors add up less."""
    made = copy.deepcopy(config)
    made["text_config"]["num_hidden_layers"] = layers
    return made


def make_published(
    folder: Path, config: dict[str, Any], *, dtype: str = "bfloat16", seed: int = 0
) -> Path:
    """Write a checkpoint of this shape. Photos have at most 16,384 visual tokens, as published."""
    folder.mkdir(parents=True, exist_ok=True)
    write_tokenizer(folder)
    sizes = {"longest_edge": 16777216, "shortest_edge": 65536}
    video_sizes = {"longest_edge": 25165824, "shortest_edge": 4096}
    image = {"size": sizes, **PROCESSOR, "image_processor_type": "Qwen2VLImageProcessorFast"}
    video = {"size": video_sizes, **PROCESSOR, "video_processor_type": "Qwen3VLVideoProcessor"}
    for name, content in (
        ("config.json", config),
        ("generation_config.json", GENERATION),
        ("preprocessor_config.json", image),
        ("video_preprocessor_config.json", video),
    ):
        (folder / name).write_text(json.dumps(content, indent=2))
    torch.manual_seed(seed)
    loaded = AutoConfig.from_pretrained(folder)
    model = AutoModelForImageTextToText.from_config(loaded, dtype=getattr(torch, dtype))
    randomise(model)
    _write_shards(folder, model.state_dict())
    return folder


def _write_shards(folder: Path, weights: dict[str, torch.Tensor]) -> None:
    names = list(weights)
    each = math.ceil(len(names) / SHARDS)
    places = {}
    for number in range(SHARDS):
        file = f"model-{number + 1:05}-of-{SHARDS:05}.safetensors"
        part = {name: weights[name] for name in names[number * each : (number + 1) * each]}
        save_file(part, folder / file, {"format": "pt"})
        places |= dict.fromkeys(part, file)
    total = sum(weight.numel() * weight.element_size() for weight in weights.values())
    index = {"metadata": {"total_size": total}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2))
