"""Loads a checkpoint from a folder or hub name, and describes it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModelForImageTextToText,
    AutoTokenizer,
)
from transformers.utils import cached_file
from transformers.utils.logging import disable_progress_bar

from contract.attempts import MAX_ATTEMPT, closeness
from contract.images import MODEL_PIXELS
from contract.products.calibration import CALIBRATION_FILE, Calibration
from inference.config import ModelSettings
from inference.model.device import bound_memory, check_placement, choose_device, default_dtype
from inference.model.memory import MemoryNeeds, MemoryPlan, Shape
from inference.model.revision import revision_of
from inference.model.tensors import OutOfMemory
from inference.model.unfit import UnfitError
from inference.model.weights import quantisation_config, weight_bytes, weight_bytes_of

# One visual token stands for 32 × 32 pixels: patches of 16 × 16, merged 2 by 2.
VISUAL_TOKEN_PIXELS = 32 * 32
# Of what a library says of a checkpoint that it cannot load.
MAX_WHY_CHARS = 300
# The processor's names of a photo's smallest and largest size, which it counts in pixels.
PIXEL_BOUNDS = ("shortest_edge", "longest_edge")


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
    calibration: dict[str, Any] | None = None
    """What its probabilities are worth, where its folder says so."""


@dataclass(frozen=True)
class Checkpoint:
    """The parts of a loaded checkpoint, as transformers constructs them."""

    module: Any
    tokenizer: Any
    image_processor: Any
    facts: ModelFacts
    plan: MemoryPlan


def load_checkpoint(settings: ModelSettings) -> Checkpoint:
    """Load for inference. Blocks: seconds for the demo checkpoint, minutes for 17 GB. Raises
    UnfitError, where it can before the weights are loaded."""
    torch.set_num_threads(settings.torch_threads)
    disable_progress_bar()  # it would break the log's JSON lines
    name = settings.checkpoint
    device = choose_device(settings.device_map)
    usual_dtype = default_dtype(device, settings.quantisation)
    dtype: str = usual_dtype if settings.dtype == "auto" else settings.dtype
    with _unfit_if_unreadable(name):
        tokenizer = _tokenizer(name)
        # Not AutoProcessor: its video part needs torchvision. Photos need only these two.
        image_processor = AutoImageProcessor.from_pretrained(name)
        config = AutoConfig.from_pretrained(name)
    image_tokens = settings.max_image_tokens
    if image_tokens is not None and not _bound_photos(image_processor, image_tokens):
        image_tokens = None
    config._attn_implementation = {
        "text_config": "sdpa",
        "vision_config": settings.vision_attention,
    }
    plan = _plan(settings, config, dtype, device, image_processor)
    # Other files of weights are no part of the revision. They are pickles, and not fetched either.
    # Of weights in another shape `_check_weights` says what is wrong.
    options: dict[str, Any] = {"use_safetensors": True, "ignore_mismatched_sizes": True}
    if settings.quantisation != "none":
        options["quantization_config"] = quantisation_config(settings.quantisation, dtype)
    try:
        with _unfit_if_unreadable(name):
            module, loaded = AutoModelForImageTextToText.from_pretrained(
                name,
                config=config,
                dtype=getattr(torch, dtype),
                device_map=device,
                output_loading_info=True,
                **options,
            )
            metadata = _project_metadata(name)
    except OutOfMemory as error:
        raise UnfitError(plan.sentence("Loading ran out of memory.")) from error
    _check_weights(name, loaded)
    module.eval()
    check_placement(module, device)
    facts = ModelFacts(
        name=metadata.get("name", name.rstrip("/").split("/")[-1]),
        revision=settings.model_revision
        or revision_of(
            _files(name),
            settings.quantisation,
            dtype if dtype != usual_dtype else None,
            image_tokens,
        ),
        demo=bool(metadata.get("demo", False)),
        parameters=module.num_parameters(),  # of int4 two are in one byte
        weight_bytes=weight_bytes(module),
        kv_bytes_per_token=plan.needs.shape.kv_bytes_per_token,
        device=device,
        dtype=dtype,
        max_context_tokens=plan.context,
        calibration=_calibration(name),
    )
    return Checkpoint(module, tokenizer, image_processor, facts, plan)


@contextmanager
def _unfit_if_unreadable(name: str) -> Iterator[None]:
    """For no such folder or name, files that are missing or damaged, and packages that a setting
    needs."""
    try:
        yield
    except (ImportError, LookupError, OSError, SafetensorError, ValueError) as error:
        why = " ".join(str(error).split())[:MAX_WHY_CHARS]
        raise UnfitError(f"CHECKPOINT={name} cannot be loaded: {why}") from error


def _check_weights(name: str, loaded: dict[str, Any]) -> None:
    """Raises UnfitError where the files lack some of the model's weights. transformers makes up
    random ones, others at each start, and says so in the log only."""
    lacking = {*loaded["missing_keys"], *(key for key, *_ in loaded["mismatched_keys"])}
    if lacking:
        raise UnfitError(
            f"CHECKPOINT={name} lacks weights of this model, or has them in another shape:"
            f" {len(lacking)}, such as {min(lacking)}."
        )


def _plan(
    settings: ModelSettings, config: Any, dtype: str, device: str, image_processor: Any
) -> MemoryPlan:
    text, vision = config.text_config, config.vision_config
    shape = Shape(
        layers=text.num_hidden_layers,
        heads=text.num_attention_heads,
        kv_heads=text.num_key_value_heads,
        head_dim=text.head_dim,
        hidden=text.hidden_size,
        intermediate=text.intermediate_size,
        vocabulary=text.vocab_size,
        tower_hidden=vision.hidden_size,
        tower_intermediate=vision.intermediate_size,
        patch_values=vision.in_channels * vision.temporal_patch_size * vision.patch_size**2,
        deepstack=len(vision.deepstack_visual_indexes),
        itemsize=getattr(torch, dtype).itemsize,
    )
    pixels = min(image_processor.size["longest_edge"], MODEL_PIXELS) * closeness(MAX_ATTEMPT)
    budget = bound_memory(device, settings.gpu_memory_bytes)
    needs = MemoryNeeds(
        shape,
        weights=weight_bytes_of(config, dtype, settings.quantisation) if budget else 0,
        caches=settings.vision_cache_bytes + settings.prefix_cache_bytes,
        prefill_tokens=settings.prefill_tokens,
        photo_tokens=int(pixels) // VISUAL_TOKEN_PIXELS,
        budget=budget,
    )
    return needs.plan(settings.slots, settings.max_context_tokens, text.max_position_embeddings)


def _bound_photos(image_processor: Any, max_tokens: int) -> bool:
    """Whether a photo may now have less than before."""
    size = image_processor.size
    before = [min(size[name], MODEL_PIXELS) for name in PIXEL_BOUNDS]
    for name in PIXEL_BOUNDS:
        size[name] = min(size[name], max_tokens * VISUAL_TOKEN_PIXELS)
    return before != [min(size[name], MODEL_PIXELS) for name in PIXEL_BOUNDS]


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


def _calibration(name: str) -> dict[str, Any] | None:
    for path in _files(name):
        if path.name == CALIBRATION_FILE:
            try:
                read = Calibration.model_validate_json(path.read_bytes())
            except ValidationError as error:
                raise UnfitError(f"{CALIBRATION_FILE} of {name} cannot be read.") from error
            return read.model_dump(exclude_none=True)
    return None
