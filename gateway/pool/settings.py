"""Settings of the pool: where the replicas are, and when one is ejected."""

import json
from typing import Annotated

from pydantic import BaseModel, Field, field_validator
from pydantic_settings import NoDecode

from gateway.pool.balancer import checked_weights
from gateway.pool.upstreams.upstream import Upstream


class PoolSettings(BaseModel):
    replicas: Annotated[tuple[str, ...], NoDecode] = Field(
        ("http://127.0.0.1:8081",), description="Base URLs of inference replicas, comma-separated."
    )
    upstreams: Annotated[tuple[Upstream, ...], NoDecode] = Field(
        (), description="JSON list of servers with settings of their own; replaces REPLICAS."
    )
    replica_concurrency: int = Field(
        32, ge=1, description="Questions that this gateway has in flight at one replica."
    )
    replica_batch_concurrency: int = Field(
        32,
        ge=1,
        description="Questions of the batch lane, besides, that this gateway has at one replica.",
    )
    pool_queue_limit: int = Field(
        64, ge=0, description="Questions that wait for a replica; more are refused (503)."
    )
    probe_interval_s: float = Field(
        1.0, gt=0, description="Interval of resolving host names and of probing each replica."
    )
    replica_silence_s: float = Field(
        5.0, gt=0, description="A replica silent for so long counts as hung (8B, loaded: 2 s)."
    )
    retry_share: float = Field(
        0.1, ge=0, le=1, description="Retries allowed, as a share of the last 10 s' questions."
    )
    retry_floor_per_s: float = Field(
        1.0, ge=0, description="Retries a second allowed in addition, for a quiet service."
    )
    eject_failures: int = Field(
        3, ge=1, description="Ejects a replica after so many failed answers in a row."
    )
    eject_slow_factor: float = Field(
        4.0, ge=0, description="Ejects a replica so many times slower than its peers; 0: never."
    )
    eject_s: float = Field(
        5.0, gt=0, description="Length of the first ejection; each next is twice as long."
    )
    eject_max_s: float = Field(40.0, gt=0, description="Longest ejection.")
    max_ejected_share: float = Field(
        0.5, ge=0, le=1, description="Largest share of the ready replicas that is ejected."
    )
    revision_weights: Annotated[dict[str, float], NoDecode] = Field(
        {}, description="`revision=weight,…`: shares of callers; unset: equal shares."
    )

    @field_validator("replicas", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(item.strip().rstrip("/") for item in value.split(",") if item.strip())
        return value

    @field_validator("replicas")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            for url in value:
                Upstream(url=url)
        except ValueError:
            raise ValueError("each is http://host:port, without user and password") from None
        return value

    @field_validator("upstreams", mode="before")
    @classmethod
    def _json(cls, value: object) -> object:
        return json.loads(value or "[]") if isinstance(value, str) else value

    @field_validator("revision_weights", mode="before")
    @classmethod
    def _weights(cls, value: object) -> object:
        if isinstance(value, str):
            pairs = (item.rpartition("=") for item in value.split(",") if item.strip())
            value = {revision.strip(): float(weight) for revision, _, weight in pairs}
        if isinstance(value, dict) and value:
            checked_weights(value)
        return value

    @property
    def all_upstreams(self) -> tuple[Upstream, ...]:
        return self.upstreams or tuple(Upstream(url=url) for url in self.replicas)
