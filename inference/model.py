"""The only file of the service that knows torch and transformers: loads a Qwen3-VL checkpoint,
turns a question into tensors, generates token by token."""

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import (
    AutoImageProcessor,
    AutoModelForImageTextToText,
    AutoTokenizer,
    GenerationConfig,
    StoppingCriteria,
    StoppingCriteriaList,
)
from transformers.generation.streamers import BaseStreamer
from transformers.utils import cached_file
from transformers.utils.logging import disable_progress_bar

from contract.request import Completion, Sampling
from inference.config import Settings
from inference.detokenizer import token_bytes

log = logging.getLogger(__name__)

IMAGE_TOKEN = "<|image_pad|>"  # noqa: S105 - no secret
# Read from each end of a weight file for its fingerprint: hashing 17 GB would take a minute.
FINGERPRINT_BYTES = 1024 * 1024


@dataclass(frozen=True)
class ModelFacts:
    """What is told of the loaded weights at start-up and by /v1/models."""

    name: str
    revision: str
    demo: bool
    parameters: int
    weight_bytes: int
    device: str
    dtype: str
    max_context_tokens: int


@dataclass(frozen=True)
class Prompt:
    """A question as tensors, batch of one: `inputs` holds input_ids [1, n] and, with a photo,
    pixel_values [patches, dim] and image_grid_thw [1, 3]."""

    inputs: dict[str, torch.Tensor]
    tokens: int


class _Callback(BaseStreamer):  # type: ignore[misc]
    """Hands each new token id on; `generate` first puts the prompt, which is passed over."""

    def __init__(self, on_token: Callable[[int], None]) -> None:
        self._on_token = on_token
        self._prompt_seen = False

    def put(self, value: torch.Tensor) -> None:
        if self._prompt_seen:
            self._on_token(int(value[0]))
        self._prompt_seen = True

    def end(self) -> None:
        pass


class _Stop(StoppingCriteria):  # type: ignore[misc]
    def __init__(self, should_stop: Callable[[], bool]) -> None:
        self._should_stop = should_stop

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        stop = self._should_stop()
        return torch.full((input_ids.shape[0],), stop, dtype=torch.bool, device=input_ids.device)


class Model:
    """Not thread-safe for `generate` (the module keeps M-RoPE state): one engine thread owns it.
    `prepare` only reads and may run on any thread."""

    def __init__(self, module: Any, tokenizer: Any, image_processor: Any, facts: ModelFacts):
        self.facts = facts
        self._module = module
        self._tokenizer = tokenizer
        self._image_processor = image_processor
        self._image_token_id = tokenizer.convert_tokens_to_ids(IMAGE_TOKEN)
        eos = module.generation_config.eos_token_id
        self._eos = set(eos if isinstance(eos, list) else [eos])
        self._special = set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder)

    @classmethod
    def load(cls, settings: Settings) -> "Model":
        torch.set_num_threads(settings.torch_threads)
        disable_progress_bar()  # it would break the JSON lines of the log
        name = settings.checkpoint
        cuda = torch.cuda.is_available() and settings.device_map != "cpu"
        dtype = settings.dtype
        if dtype == "auto":
            dtype = "bfloat16" if cuda else "float32"
        module = AutoModelForImageTextToText.from_pretrained(
            name,
            dtype=getattr(torch, dtype),
            device_map=settings.device_map if cuda else "cpu",
            attn_implementation="sdpa",
        ).eval()
        about = _about(name)
        text = module.config.text_config
        facts = ModelFacts(
            name=about.get("name", name.rstrip("/").split("/")[-1]),
            revision=settings.model_revision or _fingerprint(name),
            demo=bool(about.get("demo", False)),
            parameters=sum(p.numel() for p in module.parameters()),
            weight_bytes=sum(p.numel() * p.element_size() for p in module.parameters()),
            device=str(module.device),
            dtype=dtype,
            max_context_tokens=min(settings.max_context_tokens, text.max_position_embeddings),
        )
        # AutoProcessor would insist on torchvision for its video half; photos need only these two.
        return cls(
            module,
            AutoTokenizer.from_pretrained(name),
            AutoImageProcessor.from_pretrained(name),
            facts,
        )

    def prepare(self, asked: Completion, pixels: Image.Image | None) -> Prompt:
        """Template, tokenise, preprocess. Control tokens in the users' text become plain text."""
        messages: list[dict[str, Any]] = []
        photo_due = pixels is not None
        for turn in asked.turns:
            parts = [{"type": "text", "text": turn.text}]
            if photo_due and turn.role == "user":
                parts.insert(0, {"type": "image"})
                photo_due = False
            messages.append({"role": turn.role, "content": parts})
        ids: list[int] = self._tokenizer.apply_chat_template(
            messages,
            add_generation_prompt=True,
            tokenize=True,
            return_dict=False,
            sanitize_control_tokens=True,
        )
        inputs: dict[str, torch.Tensor] = {}
        if pixels is not None:
            seen = self._image_processor(images=[pixels], return_tensors="pt")
            grid = seen["image_grid_thw"]
            count = int(grid[0].prod()) // self._image_processor.merge_size**2
            at = ids.index(self._image_token_id)
            ids = ids[:at] + [self._image_token_id] * count + ids[at + 1 :]
            inputs = {"pixel_values": seen["pixel_values"], "image_grid_thw": grid}
        input_ids = torch.tensor([ids])
        inputs["input_ids"] = input_ids
        inputs["attention_mask"] = torch.ones_like(input_ids)
        # Without it `generate` silently uses text positions for the photo.
        inputs["mm_token_type_ids"] = (input_ids == self._image_token_id).int()
        return Prompt(inputs, len(ids))

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def generate(
        self,
        prompt: Prompt,
        sampling: Sampling,
        on_token: Callable[[int], None],
        should_stop: Callable[[], bool],
    ) -> None:
        """Call `on_token` with each id, the end token included, until it, `max_tokens`, or
        `should_stop()` (asked after every token)."""
        if sampling.seed is not None:
            torch.manual_seed(sampling.seed)
        self._module.generate(
            **{name: value.to(self._module.device) for name, value in prompt.inputs.items()},
            generation_config=self._generation_config(sampling),
            streamer=_Callback(on_token),
            stopping_criteria=StoppingCriteriaList([_Stop(should_stop)]),
        )

    def ends(self, token_id: int) -> bool:
        return token_id in self._eos

    def bytes_of(self, token_id: int) -> bytes:
        """The UTF-8 bytes of a token; none for control tokens."""
        if token_id in self._special:
            return b""
        return token_bytes(self._tokenizer.convert_ids_to_tokens(token_id))

    def _generation_config(self, sampling: Sampling) -> GenerationConfig:
        # Built afresh: a checkpoint's own generation_config samples, and a shopper's default is 0.
        warm: dict[str, Any] = {}
        if sampling.temperature > 0:
            warm = {"temperature": sampling.temperature, "top_p": sampling.top_p}
            warm["top_k"] = sampling.top_k or 0
        return GenerationConfig(
            max_new_tokens=sampling.max_tokens,
            do_sample=sampling.temperature > 0,
            repetition_penalty=sampling.repetition_penalty,
            eos_token_id=sorted(self._eos),
            pad_token_id=self._tokenizer.pad_token_id,
            use_cache=True,
            **warm,
        )


def _files(name: str) -> list[Path]:
    """The checkpoint's files, of a folder or of the hub's local copy."""
    folder = Path(name)
    if not folder.is_dir():
        folder = Path(cached_file(name, "config.json")).parent
    return sorted(path for path in folder.iterdir() if path.is_file())


def _about(name: str) -> dict[str, Any]:
    """`shopsight.json`, which only checkpoints of this project carry."""
    for path in _files(name):
        if path.name == "shopsight.json":
            about: dict[str, Any] = json.loads(path.read_text())
            return about
    return {}


def _fingerprint(name: str) -> str:
    """12 hex digits over all that shapes an answer: small files whole, weights by size and ends."""
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
