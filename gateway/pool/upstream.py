"""What the gateway must know of a server that is not one of ours: vLLM, SGLang, llama.cpp, others
that speak OpenAI's chat completions."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from contract.forms import ChatRequest

Kind = Literal["shopsight", "vllm", "sglang", "llama.cpp", "openai"]

_HEALTH: dict[Kind, str] = {
    "shopsight": "/readyz",
    "vllm": "/health",
    "sglang": "/health",
    "llama.cpp": "/health",
    "openai": "/v1/models",
}
# Fields that a server knows by another name, or refuses (None).
_NAMES: dict[Kind, dict[str, str | None]] = {
    "llama.cpp": {"repetition_penalty": "repeat_penalty"},
    "openai": {"repetition_penalty": None, "top_k": None, "max_tokens": "max_completion_tokens"},
}
# The contract's headers between gateway and replica: tenants' names are for our own only.
_PRIVATE_HEADERS = frozenset({"x-cache-namespace", "x-image-digest", "x-attempt"})
_FIELDS = frozenset(ChatRequest.model_fields)


class Upstream(BaseModel):
    """One entry of UPSTREAMS. What is unset comes from `kind`, or from what the server reports."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str = Field(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$")
    """Without a password, which `api_key` is for."""
    kind: Kind = "shopsight"
    api_key: SecretStr | None = None
    health_path: str | None = Field(None, pattern=r"^/\S*$")
    model: str | None = None
    """The `model` that it is asked for; else the first that its /v1/models lists."""
    revision: str | None = Field(None, pattern=r"^[!-~]{1,64}$")
    """Names its weights in headers and cache keys where it reports none; else its model's name."""
    fields: dict[str, str | None] = {}
    """Our field → its name there; null: not sent."""
    hidden_headers: frozenset[str] | None = None
    concurrency: int | None = Field(None, ge=1)
    """Questions, and so connections, at once; else REPLICA_CONCURRENCY."""

    @field_validator("url")
    @classmethod
    def _no_slash(cls, url: str) -> str:
        return url.rstrip("/")

    @field_validator("api_key")
    @classmethod
    def _one_line(cls, api_key: SecretStr | None) -> SecretStr | None:
        if api_key is not None and not api_key.get_secret_value().isprintable():
            raise ValueError("an API key is one line")
        return api_key

    @field_validator("fields")
    @classmethod
    def _known(cls, fields: dict[str, str | None]) -> dict[str, str | None]:
        if unknown := fields.keys() - _FIELDS:
            raise ValueError(f"not a field of ours: {', '.join(sorted(unknown))}")
        return fields

    @property
    def health(self) -> str:
        return self.health_path or _HEALTH[self.kind]

    @property
    def names(self) -> dict[str, str | None]:
        return {**_NAMES.get(self.kind, {}), **self.fields}

    @property
    def authorization(self) -> dict[str, str]:
        if self.api_key is None:
            return {}
        return {"authorization": f"Bearer {self.api_key.get_secret_value()}"}

    def visible(self, headers: dict[str, str]) -> dict[str, str]:
        """Those of our internal headers that this server may see."""
        hidden = self.hidden_headers
        if hidden is None:
            hidden = frozenset() if self.kind == "shopsight" else _PRIVATE_HEADERS
        return {name: value for name, value in headers.items() if name not in hidden}
