"""Loads a checkpoint from a folder or hub name, and describes it."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModelForImageTextToText,
    AutoTokenizer,
    BitsAndBytesConfig,
)
from transformers.utils import cached_file
from transformers.utils.logging import disable_progress_bar

from inference.config import ModelSettings
from inference.model.device import default_dtype

# Of each end of a weight file, for its fingerprint. Hashing all 17 GB would take a minute.
FINGERPRINT_BYTES = 1024 * 1024
# One visual token stands for 32 × 32 pixels: patches of 16 × 16, merged 2 by 2.
VISUAL_TOKEN_PIXELS = 32 * 32


class UnfitError(Exception):
    """This checkpoint cannot be served here. The message tells ops why, and what would help."""


@dataclass(frozen=True)
class ModelFacts:
    """Facts about the loaded weights, for the log and for /v1/models."""

    name: str
    revision: str
    demo: bool
    parameters: int
    weight_bytes: int
    kv_bytes_per_token: int
    device: str
    dtype: str
    max_context_tokens: int


@dataclass(frozen=True)
class Checkpoint:
    """The parts of a loaded checkpoint, as transformers constructs them."""

    module: Any
    tokenizer: Any
    image_processor: Any
    facts: ModelFacts


def load_checkpoint(settings: ModelSettings) -> Checkpoint:
    """Load for inference. Blocks: seconds for the demo checkpoint, minutes for 17 GB. Raises
    UnfitError."""
    torch.set_num_threads(settings.torch_threads)
    disable_progress_bar()  # it would break the log's JSON lines
    name = settings.checkpoint
    cuda = torch.cuda.is_available() and settings.device_map != "cpu"
    dtype: str = settings.dtype
    if dtype == "auto":
        dtype = default_dtype("cuda" if cuda else "cpu")
    tokenizer = _tokenizer(name)  # before the weights, which take minutes
    config = AutoConfig.from_pretrained(name)
    config._attn_implementation = {
        "text_config": "sdpa",
        "vision_config": settings.vision_attention,
    }
    options: dict[str, Any] = {}
    if settings.quantisation != "none":
        options["quantization_config"] = _quantisation(settings.quantisation, dtype)
    module = AutoModelForImageTextToText.from_pretrained(
        name,
        config=config,
        dtype=getattr(torch, dtype),
        device_map=settings.device_map if cuda else "cpu",
        **options,
    ).eval()
    # Not AutoProcessor: its video part needs torchvision. Photos need only these two.
    image_processor = AutoImageProcessor.from_pretrained(name)
    if settings.max_image_tokens is not None:
        bound = settings.max_image_tokens * VISUAL_TOKEN_PIXELS
        size = image_processor.size
        size["longest_edge"] = min(size["longest_edge"], bound)
        size["shortest_edge"] = min(size["shortest_edge"], bound)
    metadata = _project_metadata(name)
    text = module.config.text_config
    facts = ModelFacts(
        name=metadata.get("name", name.rstrip("/").split("/")[-1]),
        revision=settings.model_revision or _fingerprint(name),
        demo=bool(metadata.get("demo", False)),
        parameters=module.num_parameters(),  # of int4 two are in one byte
        weight_bytes=sum(map(_bytes, module.parameters())),
        kv_bytes_per_token=2
        * text.num_hidden_layers
        * text.num_key_value_heads
        * text.head_dim
        * getattr(torch, dtype).itemsize,
        device=str(module.device),
        dtype=dtype,
        max_context_tokens=min(settings.max_context_tokens, text.max_position_embeddings),
    )
    return Checkpoint(module, tokenizer, image_processor, facts)


def _tokenizer(name: str) -> Any:
    tokenizer = AutoTokenizer.from_pretrained(name)
    if tokenizer.chat_template is None:
        # transformers looks there only with AutoProcessor, and for a file that the hub has.
        for path in _files(name):
            if path.name == "chat_template.json":
                tokenizer.chat_template = json.loads(path.read_text())["chat_template"]
    if tokenizer.chat_template is None:
        raise UnfitError(f"{name} has no chat template, so it cannot be asked anything.")
    return tokenizer


def _bytes(weight: Any) -> int:
    """Of a parameter and of the scales by which it is quantised."""
    state = getattr(weight, "quant_state", None)
    scales = [getattr(weight, "SCB", None), getattr(state, "absmax", None)]
    tensors = [weight, *(scale for scale in scales if scale is not None)]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _quantisation(bits: str, dtype: str) -> BitsAndBytesConfig:
    """Weights of the language model in 8 or 4 bits. The vision tower is not quantised: it is small,
    and its errors would affect every answer about a photo."""
    # transformers matches prefixes of full names: "visual" alone would match nothing.
    skip = ["model.visual", "lm_head"]
    if bits == "int8":
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=skip)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=getattr(torch, dtype),
        llm_int8_skip_modules=skip,
    )


def _files(name: str) -> list[Path]:
    """The checkpoint's files, of a folder or of the hub's local copy."""
    folder = Path(name)
    if not folder.is_dir():
        folder = Path(cached_file(name, "config.json")).parent
    return sorted(path for path in folder.iterdir() if path.is_file())


def _project_metadata(name: str) -> dict[str, Any]:
    """The content of `shopsight.json`, which only this project's checkpoints contain."""
    for path in _files(name):
        if path.name == "shopsight.json":
            metadata: dict[str, Any] = json.loads(path.read_text())
            return metadata
    return {}


def _fingerprint(name: str) -> str:
    """12 hex digits of a hash over all files that shape an answer. Of each file it covers the size,
    the first and the last FINGERPRINT_BYTES."""
    digest = hashlib.sha256()
    for path in _files(name):
        if path.suffix not in {".json", ".jinja", ".safetensors", ".txt"}:
            continue
        size = path.stat().st_size
        digest.update(f"{path.name}\0{size}\0".encode())
        with path.open("rb") as file:
            digest.update(file.read(FINGERPRINT_BYTES))
            if size > 2 * FINGERPRINT_BYTES:
                file.seek(-FINGERPRINT_BYTES, 2)
            digest.update(file.read(FINGERPRINT_BYTES))
    return digest.hexdigest()[:12]
