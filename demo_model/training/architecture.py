"""Sizes of the demo model: a `Qwen3VLForConditionalGeneration` small enough for one CPU core."""

from typing import Any

from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

# Patches of 16 px are merged 2 x 2: a picture of 160 x 160 px has 10 x 10 patches, 25 visual
# tokens.
PATCH = 16
MERGE = 2
SQUARE_SIDE = 160
# The processor resizes any photo to multiples of 32 px, with an area between these two. So both a
# 12-megapixel photo and a thumbnail have 12 to 25 visual tokens.
MIN_PIXELS = 112 * 112
MAX_PIXELS = SQUARE_SIDE * SQUARE_SIDE

VISION_WIDTH = 192
VISION_DEPTH = 5
TEXT_WIDTH = 256
TEXT_DEPTH = 6
HEAD_DIM = 64


def build_config(vocabulary: int, token_id: dict[str, int]) -> Qwen3VLConfig:
    """The config for a tokenizer of `vocabulary` tokens. `token_id`: special token → id."""
    text: dict[str, Any] = {
        "vocab_size": vocabulary,
        "hidden_size": TEXT_WIDTH,
        "intermediate_size": 640,
        "num_hidden_layers": TEXT_DEPTH,
        "num_attention_heads": TEXT_WIDTH // HEAD_DIM,
        "num_key_value_heads": 2,
        "head_dim": HEAD_DIM,
        "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-6,
        "tie_word_embeddings": True,
        "bos_token_id": token_id["<|endoftext|>"],
        "eos_token_id": token_id["<|im_end|>"],
        "pad_token_id": token_id["<|endoftext|>"],
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10_000.0,
            "mrope_section": [12, 10, 10],
            "mrope_interleaved": True,
        },
    }
    vision: dict[str, Any] = {
        "depth": VISION_DEPTH,
        "hidden_size": VISION_WIDTH,
        "intermediate_size": 3 * VISION_WIDTH,
        "num_heads": VISION_WIDTH // 32,
        "patch_size": PATCH,
        "spatial_merge_size": MERGE,
        "temporal_patch_size": 2,
        "out_hidden_size": TEXT_WIDTH,
        "num_position_embeddings": (SQUARE_SIDE // PATCH) ** 2,
        "deepstack_visual_indexes": [2],
    }
    return Qwen3VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=token_id["<|image_pad|>"],
        video_token_id=token_id["<|video_pad|>"],
        vision_start_token_id=token_id["<|vision_start|>"],
        vision_end_token_id=token_id["<|vision_end|>"],
        tie_word_embeddings=True,
    )


def build_model(config: Qwen3VLConfig) -> Qwen3VLForConditionalGeneration:
    """A newly initialised model. Seed torch before calling."""
    return Qwen3VLForConditionalGeneration(config)
