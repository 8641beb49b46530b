"""All settings of the gateway, read once from the environment, .env and /run/secrets. Each folder
declares those that it needs, and they are joined here."""

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, SecretStr, StringConstraints, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from contract.process.home import HomeSettings, Place, home, shipped
from contract.process.logs import LEVELS
from contract.process.traces import TraceSettings
from gateway.batch.settings import BatchSettings
from gateway.cache.settings import CacheSettings
from gateway.feedback.settings import FeedbackSettings
from gateway.identity.origins import checked_host, checked_origin
from gateway.identity.settings import IdentitySettings
from gateway.images.remote.settings import ImageUrlSettings
from gateway.images.settings import ImageSettings
from gateway.limits.settings import LimitSettings
from gateway.log.outbox.settings import OutboxSettings
from gateway.log.rollups.settings import UpkeepSettings
from gateway.log.schema.settings import DatabaseSettings
from gateway.moderation.settings import ModerationSettings
from gateway.pool.settings import PoolSettings
from gateway.report.settings import ReportSettings

# Compose mounts each secret as a file here, named like its setting.
SECRETS = Path("/run/secrets")

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Port = Annotated[int, Field(ge=0, le=65_535)]
Names = Annotated[tuple[str, ...], NoDecode]


class Settings(
    PoolSettings,
    CacheSettings,
    DatabaseSettings,
    OutboxSettings,
    UpkeepSettings,
    IdentitySettings,
    ImageSettings,
    ImageUrlSettings,
    FeedbackSettings,
    LimitSettings,
    ModerationSettings,
    BatchSettings,
    ReportSettings,
    TraceSettings,
    HomeSettings,
):
    model_config = SettingsConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    web_dir: Annotated[Path | None, Place()] = Field(
        default_factory=lambda: shipped("web"),
        description="Folder of the page, served at /; empty where nginx serves it.",
    )
    blocked_images: Annotated[tuple[Digest, ...], NoDecode] = Field(
        (),
        description="Pixel digests (image_digest in the log) of blocked photos, comma-separated.",
    )
    deadline_ms: int = Field(
        30_000,
        ge=1,
        le=110_000,  # and a slow reader's 180 s are the 300 s that an erasure looks back
        description="From the arrival of a request to the last byte of its answer. nginx and who"
        " stops a container must wait longer (docs/operations.md).",
    )
    allowed_hosts: Names = Field(
        (),
        description="Names that the page and the API are served under, comma-separated: *.a.example"
        " for all below one, * for any. IP addresses and local names always are.",
    )
    allowed_origins: Names = Field(
        (),
        description="Origins of other sites whose pages may send and read answers (CORS),"
        " comma-separated, each by its name.",
    )
    trusted_proxies: Names = Field(
        (),
        description="Addresses or networks of proxies, whose X-Forwarded-For names the client and"
        " whose X-Forwarded-Proto is believed.",
    )
    host: str = "127.0.0.1"
    gateway_port: Port = 8080
    internal_host: str = Field(
        "127.0.0.1", description="Where metrics are served, whatever HOST is."
    )
    internal_port: Port = Field(9100, description="Metrics; never published.")
    admin_host: str = Field(
        "127.0.0.1",
        description="Where administration is served, whatever HOST is: an address, or a name of"
        " which one address is this machine's own. Beyond this machine it needs ADMIN_TOKEN.",
    )
    admin_port: Port = Field(9101, description="Administration; never published.")
    admin_token: SecretStr = Field(
        SecretStr(""), description="What administration asks for as a bearer token; empty: nothing."
    )
    log_level: str = Field("INFO", pattern=LEVELS)

    def __init__(self, **values: Any) -> None:
        # `shopsight run` keeps its secrets in the home; of two files the last folder's counts.
        folders = [folder for folder in (home(), SECRETS) if folder.is_dir()]
        super().__init__(**{"_secrets_dir": folders, **values})

    @field_validator(
        "blocked_images", "allowed_hosts", "allowed_origins", "trusted_proxies", mode="before"
    )
    @classmethod
    def _names(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(item.strip() for item in value.split(",") if item.strip())
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for item in value:
            ip_network(item)  # the server would pass over what is none
        return value

    @field_validator("allowed_hosts")
    @classmethod
    def _hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(checked_host, value))

    @field_validator("allowed_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(checked_origin, value))

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
