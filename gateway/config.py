"""Every setting of the gateway, read once from the environment and /run/secrets in `app`."""

import secrets
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy import URL, make_url

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
    redis_url: str | None = Field(
        None, description="Answer cache; without it a bounded one in this process."
    )
    database_url: str = Field(
        "sqlite:///.run/shopsight.db", description="Behaviour log, an SQLAlchemy URL."
    )
    database_password: SecretStr | None = Field(None, description="Put into database_url.")
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
        description="Turns user ids into the log's pseudonyms; the same on all gateways.",
    )

    blocked_images: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Pixel digests (image_digest of the log) that are refused, comma-separated."
    )

    # How long, how much
    deadline_ms: int = Field(30_000, description="From arrival to the last byte of an answer.")
    answer_ttl_s: int = Field(
        86_400, description="A cached answer lives a day: prompts change by version."
    )
    cache_budget_ms: int = Field(
        50, description="One Redis call; a healthy one takes 0.3 ms, a slow one is a miss."
    )
    memory_cache_bytes: int = Field(
        32 * 1024 * 1024, description="Bound of the in-process answer cache: about 50,000 answers."
    )
    image_threads: int = Field(2, description="Photos decoded at a time (3-46 ms each).")
    replica_concurrency: int = Field(
        32, description="Questions in flight at one replica before others are preferred or refused."
    )
    probe_interval_s: float = Field(1.0, description="How often each replica's /readyz is asked.")

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

    @field_validator("web_dir", "redis_url", mode="before")
    @classmethod
    def _unset(cls, value: object) -> object:
        return None if value == "" else value

    @property
    def sqlalchemy_url(self) -> URL:
        url = make_url(self.database_url)
        if self.database_password is not None:
            url = url.set(password=self.database_password.get_secret_value())
        return url
