"""On which device the model is, and in which precision."""

import torch


def default_dtype(device: str) -> str:
    """float32 on a CPU, because it is exact there. On a GPU bfloat16, which has the range of
    float32: what overflows float16 is NaN. Cards before Ampere only emulate it."""
    if device == "cpu":
        return "float32"
    return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
