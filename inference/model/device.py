"""The one device that the model is on, its precision and its memory."""

import re
from typing import Any

import torch

from inference.model.memory import CONTEXT_BYTES
from inference.model.unfit import UnfitError

# Of what is free on the card, where ops set no budget. Other processes may want a little.
USED_SHARE = 0.95


def choose_device(wanted: str) -> str:
    """`auto`: the first GPU, else the CPU. The KV cache is on one device, so no layer may be on
    another. Raises UnfitError."""
    if wanted == "auto":
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    if wanted == "cpu":
        return wanted
    named = re.fullmatch(r"cuda(?::(\d{1,3}))?", wanted)
    if named is None:
        raise UnfitError(
            f"DEVICE_MAP={wanted} names no single device. A replica is on one: cuda:0 or cpu. For"
            " more GPUs start more replicas, each with a GPU of its own (CUDA_VISIBLE_DEVICES)."
        )
    index = int(named[1] or 0)
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if index >= count:
        raise UnfitError(
            f"DEVICE_MAP={wanted}, but torch finds {count} GPUs here. Is the driver there, and was"
            " the container given the GPU?"
        )
    return f"cuda:{index}"


def gpu_uuid(device: str) -> str | None:
    """As the driver names the card: `cuda:0` is whatever card CUDA_VISIBLE_DEVICES has first. None
    on a CPU."""
    if not device.startswith("cuda"):
        return None
    return f"GPU-{torch.cuda.get_device_properties(device).uuid}"


def default_dtype(device: str, quantisation: str) -> str:
    """float32 on a CPU, because it is exact there. On a GPU bfloat16, which has the range of
    float32: what overflows float16 is NaN. Cards before Ampere only emulate it. int8 multiplies
    float16 on either: bitsandbytes casts all else in each layer, and warns each time."""
    if quantisation == "int8":
        return "float16"
    if device == "cpu":
        return "float32"
    return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"


def check_placement(module: Any, device: str) -> None:
    """Raises UnfitError where a part of the weights is elsewhere. transformers puts what does not
    fit into the machine's memory or on its disk without a word. Each token then waits for it."""
    elsewhere = {str(weight.device) for weight in module.parameters()} - {device}
    if elsewhere:
        places = ", ".join(sorted(elsewhere))
        raise UnfitError(
            f"Parts of the weights are on {places} instead of {device}: it is too small for them."
            " QUANTISATION=int4 or a smaller model takes less."
        )


def bound_memory(device: str, budget: int | None) -> int | None:
    """How many bytes this process may use on the device, of which torch gets no more. None on a CPU
    without a budget. Raises UnfitError."""
    if not device.startswith("cuda"):
        return budget
    free, total = torch.cuda.mem_get_info(device)
    if budget is None:
        budget = int(USED_SHARE * free)
    elif budget > free:
        raise UnfitError(
            f"GPU_MEMORY_BYTES allows {budget / 1e9:.2f} GB, but {device} has only"
            f" {free / 1e9:.2f} of its {total / 1e9:.2f} GB free."
        )
    share = max(budget - CONTEXT_BYTES, 0) / total
    torch.cuda.set_per_process_memory_fraction(share, device)
    return budget


def begin_measuring(device: str) -> None:
    """From now on `peak_bytes` counts."""
    if device.startswith("cuda"):
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def peak_bytes(device: str) -> int | None:
    """The most that this process took of the device since `begin_measuring`. None on a CPU."""
    if not device.startswith("cuda"):
        return None
    return int(torch.cuda.max_memory_reserved(device)) + CONTEXT_BYTES
