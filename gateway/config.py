"""All settings of the gateway, read once from the environment, .env and /run/secrets. Each folder
declares those that it needs, and they are joined here."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from gateway.cache.settings import CacheSettings
from gateway.feedback.settings import FeedbackSettings
from gateway.identity.settings import IdentitySettings
from gateway.images.settings import ImageSettings
from gateway.log.outbox.settings import OutboxSettings
from gateway.log.rollups.settings import UpkeepSettings
from gateway.log.schema.settings import DatabaseSettings
from gateway.pool.settings import PoolSettings

PROJECT = Path(__file__).resolve().parent.parent
# Compose mounts each secret as a file here, named like its setting.
SECRETS = Path("/run/secrets")


class Settings(
    PoolSettings,
    CacheSettings,
    DatabaseSettings,
    OutboxSettings,
    UpkeepSettings,
    IdentitySettings,
    ImageSettings,
    FeedbackSettings,
    BaseSettings,
):
    model_config = SettingsConfigDict(
        env_file=".env",
        extra="ignore",
        frozen=True,
        secrets_dir=SECRETS if SECRETS.is_dir() else None,
    )

    web_dir: Path | None = Field(
        PROJECT / "web", description="Folder of the page, served at /; empty where nginx serves it."
    )
    blocked_images: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Pixel digests (image_digest in the log) of blocked photos, comma-separated.",
    )
    deadline_ms: int = Field(
        30_000, description="From the arrival of a request to the last byte of its answer."
    )
    host: str = "127.0.0.1"
    gateway_port: int = 8080
    internal_port: int = Field(9100, description="Metrics and administration; never published.")
    log_level: str = "INFO"

    @field_validator("blocked_images", mode="before")
    @classmethod
    def _digests(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(item.strip() for item in value.split(",") if item.strip())
        return value

    @field_validator("web_dir", mode="before")
    @classmethod
    def _no_page(cls, value: object) -> object:
        return None if value == "" else value

    @model_validator(mode="after")
    def _rows_outlive_answers(self) -> Self:
        """An erasure finds a person's cached answers by the log's rows: rows must live longer."""
        days = self.content_retention_days
        if days and days * 86_400 < self.answer_fresh_s + self.answer_stale_s:
            raise ValueError(
                "CONTENT_RETENTION_DAYS is shorter than ANSWER_FRESH_S + ANSWER_STALE_S"
            )
        return self
