"""How the kinds of servers speak OpenAI's chat completions, as far as they differ. Read in vLLM
0.32's and SGLang 0.5's sources, and in llama.cpp's documentation of its server."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["shopsight", "vllm", "sglang", "llama.cpp", "openai"]


@dataclass(frozen=True)
class Dialect:
    health_path: str = "/health"
    names: Mapping[str, str | None] = field(default_factory=dict)
    """Fields that it knows by another name. None: it refuses the field."""
    neutral: Mapping[str, Any] = field(default_factory=dict)
    """Values that change nothing, under our names. They are sent where a question has none: else
    the server takes those of the checkpoint's generation_config.json, or of its command line."""
    salt: str | None = None
    """Field that keeps its prefix cache apart by what it holds."""
    photo_name: str | None = None
    """Field of a photo's part: under its value the photo's features are kept."""
    priorities: tuple[int, int] | None = None
    """Its `priority` of shoppers' questions and of those of the batch lane."""
    lists_all_names: bool = False
    """It answers 404 to a model's name that its /v1/models does not list."""


_NEUTRAL = {
    "top_p": 1.0,
    "top_k": -1,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
}

DIALECTS: Mapping[Kind, Dialect] = {
    "shopsight": Dialect("/readyz"),
    "vllm": Dialect(
        neutral=_NEUTRAL,
        salt="cache_salt",
        photo_name="uuid",
        priorities=(0, 1),  # the lowest is first
        lists_all_names=True,
    ),
    # The highest is first, and a question without one is the last.
    "sglang": Dialect(neutral=_NEUTRAL, salt="cache_salt", priorities=(1, 0)),
    "llama.cpp": Dialect(
        names={"repetition_penalty": "repeat_penalty"},
        # It cannot keep prefixes apart, so it is told to use none.
        neutral={**_NEUTRAL, "top_k": 0, "cache_prompt": False},
    ),
    "openai": Dialect(
        "/v1/models",
        names={"repetition_penalty": None, "top_k": None, "max_tokens": "max_completion_tokens"},
        neutral={"top_p": 1.0},
    ),
}
# What `fields` of an upstream may name besides the fields of our form.
SENT_BESIDES = frozenset({*_NEUTRAL, "cache_salt", "cache_prompt"})
