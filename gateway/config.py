"""Every setting of the gateway, read once from the environment and /run/secrets in `app`."""

import json
import secrets
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy import URL, make_url

from gateway.pool.balancer import checked_weights
from gateway.pool.upstream import Upstream

PROJECT = Path(__file__).resolve().parent.parent
# Compose mounts one file a secret there, named like the setting.
SECRETS = Path("/run/secrets")


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_file=".env",
        extra="ignore",
        frozen=True,
        secrets_dir=SECRETS if SECRETS.is_dir() else None,
    )

    # Where the others are
    replicas: Annotated[tuple[str, ...], NoDecode] = Field(
        ("http://127.0.0.1:8081",), description="Base URLs of inference replicas, comma-separated."
    )
    upstreams: Annotated[tuple[Upstream, ...], NoDecode] = Field(
        (), description="JSON list of servers with settings of their own; replaces REPLICAS."
    )
    redis_url: str | None = Field(
        None, description="Answer cache; without it a bounded one in this process."
    )
    database_url: str = Field(
        "sqlite:///.run/shopsight.db", description="Behaviour log, an SQLAlchemy URL."
    )
    database_password: SecretStr | None = Field(None, description="Put into database_url.")
    image_dir: Path = Field(
        Path(".run/images"), description="Uploads, in a folder that all gateways share."
    )
    spool_dir: Path = Field(
        Path(".run/spool"),
        description="Where finished requests wait for the database: a local disk that survives the"
        " process, shared by the gateways of one machine.",
    )
    web_dir: Path | None = Field(
        PROJECT / "web", description="The page, served at /; unset where nginx serves it."
    )

    # Who may ask
    anonymous: Literal["allow", "deny"] = Field(
        "allow", description="`deny`: every question needs an API key."
    )
    api_keys: str = Field(
        "", description="Lines `tenant sha256-of-key`; `shopsight key TENANT` makes one."
    )
    session_secret: SecretStr = Field(
        default_factory=lambda: SecretStr(secrets.token_hex(32)),
        description="Signs session cookies; the same on all gateways, random when unset.",
    )
    pseudonym_key: SecretStr = Field(
        default_factory=lambda: SecretStr(secrets.token_hex(32)),
        description="Turns user ids into the log's pseudonyms; the same on all gateways. Several,"
        " apart by white space: the newest first, the others find what they made.",
    )

    # What thumbs do
    quarantine_votes: int = Field(
        3,
        ge=0,
        description="So many voters against a cached answer: it is answered anew; 0: never.",
    )
    tenant_quarantine_votes: Annotated[dict[str, int], NoDecode] = Field(
        {}, description="`tenant=votes,…`: the same for tenants of another size."
    )

    blocked_images: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Pixel digests (image_digest of the log) that are refused, comma-separated."
    )

    # How long, how much
    deadline_ms: int = Field(30_000, description="From arrival to the last byte of an answer.")
    answer_fresh_s: int = Field(
        86_400, description="So long a cached answer is given out as it is: prompts have versions."
    )
    answer_stale_s: int = Field(
        604_800, description="So much longer it is given out while it is computed anew."
    )
    cache_budget_ms: int = Field(
        50, description="One Redis call; a healthy one takes 0.3 ms, a slow one is a miss."
    )
    memory_cache_bytes: int = Field(
        32 * 1024 * 1024, description="Bound of the in-process answer cache: about 50,000 answers."
    )
    image_ttl_s: int = Field(86_400, description="An upload can be asked about for so long.")
    image_threads: int = Field(2, description="Photos decoded at a time (3-46 ms each).")

    # The pool of replicas
    replica_concurrency: int = Field(
        32, ge=1, description="Questions at one replica at once, of this gateway."
    )
    pool_queue_limit: int = Field(
        64, ge=0, description="Questions that wait for a place; the next is refused (503)."
    )
    probe_interval_s: float = Field(
        1.0, gt=0, description="How often names are looked up and each replica's health is asked."
    )
    replica_silence_s: float = Field(
        5.0, gt=0, description="Hung: says nothing to anybody for so long (8B, loaded: 2 s)."
    )
    retry_share: float = Field(
        0.1, ge=0, le=1, description="Retries, as a share of the questions of the last 10 s."
    )
    retry_floor_per_s: float = Field(
        1.0, ge=0, description="Retries a second that a quiet service may make besides."
    )
    eject_failures: int = Field(
        3, ge=1, description="Broken answers in a row, after which a replica is left alone."
    )
    eject_slow_factor: float = Field(
        4.0, ge=0, description="The same when it is so many times slower than its peers; 0: never."
    )
    eject_s: float = Field(5.0, gt=0, description="For so long at first, then twice as long …")
    eject_max_s: float = Field(40.0, gt=0, description="… up to this.")
    max_ejected_share: float = Field(
        0.5, ge=0, le=1, description="Never more of the ready replicas than this."
    )
    revision_weights: Annotated[dict[str, float], NoDecode] = Field(
        {}, description="`revision=weight,…`: shares of callers; unset: all alike."
    )

    # The behaviour log
    log_durability: Literal["process", "power"] = Field(
        "process",
        description="What an acknowledged answer's row survives: the end of the process, however it"
        " ends, or also of the machine (fsync).",
    )
    spool_max_bytes: int = Field(
        512 * 1024 * 1024,
        description="Events that may wait for the database, about 900 bytes each; then 503.",
    )
    spool_reserve_bytes: int = Field(
        64 * 1024 * 1024, description="Free space of the spool's disk below which it is 503, too."
    )
    log_drain_s: float = Field(
        5.0, description="For what waits in the spool when the gateway stops; the rest is adopted."
    )

    business_time_zone: str = Field(
        "Asia/Shanghai", description="Whose days the views and roll-ups count, a name of the IANA."
    )
    analyst_account: str = Field(
        "", description="MySQL account that `shopsight migrate` lets read what analysts need."
    )
    content_retention_days: int = Field(
        30, ge=0, description="What was asked and answered is dropped after so long; 0: never."
    )
    log_retention_days: int = Field(
        180, ge=0, description="Whole months of the log that are older are dropped; 0: none."
    )
    upkeep_interval_s: float = Field(
        60.0, gt=0, description="How often the worker brings roll-ups and partitions up to date."
    )

    host: str = "127.0.0.1"
    gateway_port: int = 8080
    internal_port: int = Field(9100, description="Metrics; never published.")
    log_level: str = "INFO"

    @field_validator("replicas", "blocked_images", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(item.strip().rstrip("/") for item in value.split(",") if item.strip())
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

    @field_validator("tenant_quarantine_votes", mode="before")
    @classmethod
    def _votes(cls, value: object) -> object:
        if isinstance(value, str):
            pairs = (item.rpartition("=") for item in value.split(",") if item.strip())
            value = {tenant.strip(): int(votes) for tenant, _, votes in pairs}
        return value

    @field_validator("web_dir", "redis_url", mode="before")
    @classmethod
    def _unset(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("business_time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        ZoneInfo(value)  # raises ZoneInfoNotFoundError, a KeyError: said at the start, not at night
        return value

    @model_validator(mode="after")
    def _rows_outlive_answers(self) -> Self:
        """An erasure finds a person's cached answers by the rows that say who was given them."""
        days = self.content_retention_days
        if days and days * 86_400 < self.answer_fresh_s + self.answer_stale_s:
            raise ValueError(
                "CONTENT_RETENTION_DAYS is shorter than ANSWER_FRESH_S + ANSWER_STALE_S"
            )
        return self

    @property
    def business_zone(self) -> ZoneInfo:
        return ZoneInfo(self.business_time_zone)

    @property
    def all_upstreams(self) -> tuple[Upstream, ...]:
        return self.upstreams or tuple(Upstream(url=url) for url in self.replicas)

    @property
    def sqlalchemy_url(self) -> URL:
        url = make_url(self.database_url)
        if self.database_password is not None:
            url = url.set(password=self.database_password.get_secret_value())
        return url
