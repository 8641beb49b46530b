"""Weights in 16, 8 or 4 bits: how they are loaded, and how many bytes they take."""

from typing import Any

import torch
from transformers import AutoModelForImageTextToText, BitsAndBytesConfig

# nf4: half a byte, and a float32 for each 64 weights. int8: a byte, and a float32 a row.
INT4_BYTES, INT4_BLOCK = 0.5, 64
SCALE_BYTES = 4


def quantisation_config(bits: str, dtype: str) -> BitsAndBytesConfig:
    """Weights of the language model in 8 or 4 bits. The vision tower is not quantised: it is small,
    and its errors would affect every answer about a photo."""
    # transformers matches prefixes of full names: "visual" alone would match nothing.
    skip = ["model.visual", "lm_head"]
    if bits == "int8":
        # A threshold would have each layer wait for the device, to look for outliers.
        return BitsAndBytesConfig(
            load_in_8bit=True, llm_int8_threshold=0.0, llm_int8_skip_modules=skip
        )
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=getattr(torch, dtype),
        llm_int8_skip_modules=skip,
    )


def weight_bytes(module: Any) -> int:
    """Of a loaded model, with the scales by which its weights are quantised."""
    total = 0
    for weight in module.parameters():
        state = getattr(weight, "quant_state", None)
        scales = (getattr(weight, "SCB", None), getattr(state, "absmax", None))
        tensors = [weight, *(scale for scale in scales if scale is not None)]
        total += sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    return total


def weight_bytes_of(config: Any, dtype: str, quantisation: str) -> int:
    """The same before anything is loaded, which may take minutes."""
    with torch.device("meta"):
        module = AutoModelForImageTextToText.from_config(config)
    itemsize = getattr(torch, dtype).itemsize
    total = 0.0
    for name, weight in module.named_parameters():
        linear = name.startswith("model.language_model.layers.") and weight.dim() == 2
        if not linear or quantisation == "none":
            total += weight.numel() * itemsize
        elif quantisation == "int8":
            total += weight.numel() + weight.shape[0] * SCALE_BYTES
        else:
            total += weight.numel() * (INT4_BYTES + SCALE_BYTES / INT4_BLOCK)
    return int(total)
