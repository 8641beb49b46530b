"""The loaded model as the engines use it: builds prompts, runs forward passes or `generate`."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from PIL import Image
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    StoppingCriteria,
    StoppingCriteriaList,
)
from transformers.generation.streamers import BaseStreamer

from contract.attempts import MAX_ATTEMPT, pixel_bound
from contract.completion import DEFAULT_MAX_TOKENS, CompletionRequest, Sampling, Turn
from inference.config import ModelSettings
from inference.model.checkpoint import load_checkpoint
from inference.model.choosing.grammar import Grammar, GrammarCompiler
from inference.model.network import Network
from inference.model.prompts import Prompt, PromptBuilder
from inference.model.rehearsal import rehearse
from inference.model.unfit import UnfitError

# Of a shopper's words, and of a gateway's instructions before them, which have 80 to 110.
QUESTION_TOKENS = 128


class Model:
    """`prompt` and `grammar` may be called on any thread. `network` and `generate` may only be used
    on the engine thread, because the module keeps M-RoPE state."""

    def __init__(self, settings: ModelSettings) -> None:
        """Raises UnfitError."""
        checkpoint = load_checkpoint(settings)
        self.facts = checkpoint.facts
        self._module = checkpoint.module
        self._pad = checkpoint.tokenizer.pad_token_id
        self._prompts = PromptBuilder(checkpoint)
        self._grammars = GrammarCompiler(checkpoint)
        self.vocabulary = self._grammars.vocabulary
        self.plan = checkpoint.plan
        self.network = Network(checkpoint, settings.vision_cache_bytes, settings.prefix_cache_bytes)
        eos = checkpoint.module.generation_config.eos_token_id
        self._eos = set(eos if isinstance(eos, list) else [eos])
        self.bytes_of = self._prompts.bytes_of

    def prompt(
        self,
        asked: CompletionRequest,
        pixels: Image.Image | Sequence[Image.Image] | None,
        key: str | Sequence[str] = "",
        attempt: int = 0,
    ) -> Prompt:
        """`key` names tenant and photo, whose features and beginnings of prompts are kept; of
        several photos there are as many keys. Empty: nothing is kept. `attempt`: 0, or more for a
        repeated question, which the model answers from a larger photo."""
        pictures = (pixels,) if isinstance(pixels, Image.Image) else pixels or ()
        keys = (key,) if isinstance(key, str) else key
        return self._prompts.build(asked, pictures, keys, attempt)

    def grammar(self, sampling: Sampling) -> Grammar | None:
        """Raises InvalidSchema. The schema is one that a helper has tried before."""
        return self._grammars.compile(sampling.schema) if sampling.schema else None

    def check_room(self) -> None:
        """Raises UnfitError where questions about the largest photo would be refused for want of
        room in the context."""
        asked = CompletionRequest((Turn("user", "?"),), None)
        side = int(pixel_bound(0) ** 0.5)
        prompt = self.prompt(asked, Image.new("RGB", (side, side)))
        photo = prompt.photos[0].tokens
        text = len(prompt.ids) - photo + QUESTION_TOKENS
        needed = photo + text + DEFAULT_MAX_TOKENS
        if needed > self.plan.context:
            raise UnfitError(
                f"A photo of {photo} tokens, a question of {text} and an answer of"
                f" {DEFAULT_MAX_TOKENS} are {needed}, more than a context of {self.plan.context}."
                " Set MAX_IMAGE_TOKENS lower, MAX_CONTEXT_TOKENS higher, or fewer SLOTS."
            )

    def rehearse(self) -> int | None:
        """The largest passes there can be. Returns their peak on the device in bytes, None on a
        CPU. Raises UnfitError. Call it before the engine is started."""
        asked = CompletionRequest((Turn("user", "?"),), None)
        for attempt in range(MAX_ATTEMPT, -1, -1):
            side = int(pixel_bound(attempt) ** 0.5)
            prompt = self.prompt(asked, Image.new("RGB", (side, side)), "rehearsal", attempt)
            if len(prompt.ids) < self.plan.context:
                return rehearse(self.network, prompt, self.plan, self.facts.device)
        raise UnfitError(
            f"A photo takes {len(prompt.ids)} tokens, more than a context of {self.plan.context}."
            " Set MAX_IMAGE_TOKENS lower, or MAX_CONTEXT_TOKENS higher."
        )

    def is_end_token(self, token_id: int) -> bool:
        return token_id in self._eos

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def generate(
        self,
        prompt: Prompt,
        sampling: Sampling,
        grammar: Grammar | None,
        on_token: Callable[[int], None],
        should_stop: Callable[[], bool],
    ) -> None:
        """One whole answer by transformers' own `generate`, the reference for the in-flight engine.
        Calls `on_token` with each id, end token included, and `should_stop` after each."""
        if sampling.seed is not None:
            torch.manual_seed(sampling.seed)
        ids = torch.tensor([prompt.ids])
        inputs: dict[str, torch.Tensor] = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        photos = prompt.photos
        if photos:
            token_types = torch.zeros_like(ids, dtype=torch.int)
            for photo in photos:
                token_types[0, photo.start : photo.start + photo.tokens] = 1
            # Without mm_token_type_ids `generate` silently gives photos text positions.
            inputs["mm_token_type_ids"] = token_types
            inputs["pixel_values"] = torch.cat([photo.patches for photo in photos])
            inputs["image_grid_thw"] = torch.cat([photo.grid for photo in photos])
        self._module.generate(
            **{name: value.to(self._module.device) for name, value in inputs.items()},
            generation_config=self._generation_config(sampling),
            logits_processor=LogitsProcessorList([_GrammarProcessor(grammar)] if grammar else []),
            streamer=_TokenStreamer(on_token),
            stopping_criteria=StoppingCriteriaList([_CallbackCriteria(should_stop)]),
        )

    def _generation_config(self, sampling: Sampling) -> GenerationConfig:
        # Not the checkpoint's own config, which samples: the default temperature here is 0.
        options: dict[str, Any] = {}
        if sampling.temperature > 0:
            options = {"temperature": float(sampling.temperature), "top_p": sampling.top_p}
            options["top_k"] = sampling.top_k or 0
        return GenerationConfig(
            max_new_tokens=sampling.max_tokens,
            do_sample=sampling.temperature > 0,
            repetition_penalty=sampling.repetition_penalty,
            eos_token_id=sorted(self._eos),
            pad_token_id=self._pad,
            use_cache=True,
            **options,
        )


class _TokenStreamer(BaseStreamer):  # type: ignore[misc]
    """Calls `on_token` with each new token id. `generate` puts the prompt first, which is
    skipped."""

    def __init__(self, on_token: Callable[[int], None]) -> None:
        self._on_token = on_token
        self._prompt_seen = False

    def put(self, value: torch.Tensor) -> None:
        if self._prompt_seen:
            self._on_token(int(value[0]))
        self._prompt_seen = True

    def end(self) -> None:
        pass


class _CallbackCriteria(StoppingCriteria):  # type: ignore[misc]
    def __init__(self, should_stop: Callable[[], bool]) -> None:
        self._should_stop = should_stop

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        stop = self._should_stop()
        return torch.full((input_ids.shape[0],), stop, dtype=torch.bool, device=input_ids.device)


class _GrammarProcessor(LogitsProcessor):  # type: ignore[misc]
    """Applies a grammar in `generate`: accepts the token chosen last, then masks the next one."""

    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar
        self._length: int | None = None

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if self._length is not None:
            self._grammar.accept(int(input_ids[0, -1]))
        self._length = input_ids.shape[1]
        return scores.masked_fill(~self._grammar.mask(scores.device), -torch.inf)
