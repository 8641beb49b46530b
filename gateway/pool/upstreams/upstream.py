"""What the gateway must know of an inference server, ours or another: vLLM, SGLang, llama.cpp, or
whatever speaks OpenAI's chat completions."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from contract.forms import ChatRequest
from contract.images import MODEL_PIXELS
from contract.products.calibration import Calibration
from gateway.pool.upstreams.dialects import DIALECTS, SENT_BESIDES, Dialect, Kind

# Internal headers that only our own replicas get, because they tell of tenants.
_PRIVATE_HEADERS = frozenset({"x-cache-namespace", "x-image-digest", "x-attempt"})
_FIELDS = frozenset(ChatRequest.model_fields) | SENT_BESIDES


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
    calibration: Calibration | None = None
    """What its probabilities are worth in cards and matches; unset: what it tells of itself."""
    max_image_pixels: int = Field(MODEL_PIXELS, ge=32 * 32)
    """A server that is not ours is sent photos of at most so many pixels."""
    concurrency: int | None = Field(None, ge=1)
    """Questions in flight at once; unset: REPLICA_CONCURRENCY."""
    priorities: bool = False
    """It was started with scheduling by priority, so it is told which questions can wait. Without
    that, vLLM and SGLang may refuse every question that has a priority."""

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

    @model_validator(mode="after")
    def _has_priorities(self) -> Self:
        if self.priorities and self.dialect.priorities is None:
            raise ValueError(f"{self.kind} knows no priorities")
        return self

    @property
    def dialect(self) -> Dialect:
        return DIALECTS[self.kind]

    @property
    def probe_path(self) -> str:
        return self.health_path or self.dialect.health_path

    @property
    def field_names(self) -> dict[str, str | None]:
        return {**self.dialect.names, **self.fields}

    @property
    def foreign(self) -> bool:
        """Not a replica of ours."""
        return self.kind != "shopsight"

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
