"""What the gateway must know of an inference server, ours or another: vLLM, SGLang, llama.cpp, or
whatever speaks OpenAI's chat completions."""

from dataclasses import replace
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from contract.completion import CompletionRequest
from contract.forms import ChatRequest
from contract.images import MODEL_PIXELS

Kind = Literal["shopsight", "vllm", "sglang", "llama.cpp", "openai"]

_HEALTH_PATHS: dict[Kind, str] = {
    "shopsight": "/readyz",
    "vllm": "/health",
    "sglang": "/health",
    "llama.cpp": "/health",
    "openai": "/v1/models",
}
# Fields that a server knows by another name. None: the server refuses the field.
_FIELD_NAMES: dict[Kind, dict[str, str | None]] = {
    "llama.cpp": {"repetition_penalty": "repeat_penalty"},
    "openai": {"repetition_penalty": None, "top_k": None, "max_tokens": "max_completion_tokens"},
}
# Servers that answer 404 to a model's name which their /v1/models does not list.
_LIST_ALL_NAMES: frozenset[Kind] = frozenset({"vllm"})
# Internal headers that only our own replicas get, because they tell of tenants.
_PRIVATE_HEADERS = frozenset({"x-cache-namespace", "x-image-digest", "x-attempt"})
_FIELDS = frozenset(ChatRequest.model_fields)
# Seeds that every server takes for one: -1 and 2³² - 1 are wishes for a random one at vLLM and
# llama.cpp, and larger numbers are cut.
FOREIGN_SEEDS = 2**31 - 1


class Upstream(BaseModel):
    """One entry of UPSTREAMS. Unset fields follow from `kind`, or from what the server reports."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str = Field(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$")
    """Without user and password: a key goes into `api_key`."""
    kind: Kind = "shopsight"
    api_key: SecretStr | None = None
    health_path: str | None = Field(None, pattern=r"^/\S*$")
    model: str | None = None
    """The `model` of our requests; unset: the first one of its /v1/models."""
    revision: str | None = Field(None, pattern=r"^[!-~]{1,64}$")
    """Name of its weights in headers and cache keys, where it reports none; unset: the model's."""
    fields: dict[str, str | None] = {}
    """Our name of a field → the server's name; null: the field is not sent."""
    hidden_headers: frozenset[str] | None = None
    """Internal headers that it does not get; unset: by `kind`."""
    max_image_pixels: int = Field(MODEL_PIXELS, ge=32 * 32)
    """A server that is not ours is sent photos of at most so many pixels."""
    concurrency: int | None = Field(None, ge=1)
    """Questions in flight at once; unset: REPLICA_CONCURRENCY."""

    @field_validator("url")
    @classmethod
    def _without_trailing_slash(cls, url: str) -> str:
        return url.rstrip("/")

    @field_validator("api_key")
    @classmethod
    def _single_line(cls, api_key: SecretStr | None) -> SecretStr | None:
        if api_key is not None and not api_key.get_secret_value().isprintable():
            raise ValueError("an API key is one line")
        return api_key

    @field_validator("fields")
    @classmethod
    def _known_fields(cls, fields: dict[str, str | None]) -> dict[str, str | None]:
        if unknown := fields.keys() - _FIELDS:
            raise ValueError(f"not a field of ours: {', '.join(sorted(unknown))}")
        return fields

    @property
    def probe_path(self) -> str:
        return self.health_path or _HEALTH_PATHS[self.kind]

    @property
    def field_names(self) -> dict[str, str | None]:
        return {**_FIELD_NAMES.get(self.kind, {}), **self.fields}

    @property
    def foreign(self) -> bool:
        """Not a replica of ours."""
        return self.kind != "shopsight"

    @property
    def lists_all_names(self) -> bool:
        """Whether a model that it does not list is none that it serves."""
        return self.kind in _LIST_ALL_NAMES

    @property
    def authorization(self) -> dict[str, str]:
        if self.api_key is None:
            return {}
        return {"authorization": f"Bearer {self.api_key.get_secret_value()}"}

    def visible_headers(self, headers: dict[str, str]) -> dict[str, str]:
        """The headers that this server gets."""
        hidden = self.hidden_headers
        if hidden is None:
            hidden = frozenset() if self.kind == "shopsight" else _PRIVATE_HEADERS
        return {name: value for name, value in headers.items() if name not in hidden}


def with_foreign_seed(asked: CompletionRequest) -> CompletionRequest:
    """The same question with a seed as servers of other kinds know them."""
    seed = asked.sampling.seed
    if seed is None:
        return asked
    return replace(asked, sampling=replace(asked.sampling, seed=seed % FOREIGN_SEEDS))
