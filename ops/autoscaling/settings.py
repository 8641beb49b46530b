"""Settings of the autoscaler, from the environment."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from contract.process.logs import LEVELS
from ops.autoscaling.policy import Bounds


class AutoscalingSettings(BaseSettings):
    model_config = SettingsConfigDict(hide_input_in_errors=True, allow_inf_nan=False)

    alertmanager_url: str = Field("http://alertmanager:9093", pattern="^https?://.+$")
    docker_socket: Path = Path("/var/run/docker.sock")
    autoscale_engine: Literal["compose", "swarm"] = "compose"
    autoscale_project: str = "shopsight"
    """Of compose, or the name of Swarm's stack."""
    autoscale_service: str = "inference"
    autoscale_min: int = Field(2, ge=1)
    autoscale_max: int = Field(4, ge=1)
    autoscale_step: int = Field(1, ge=1)
    # The alert looks at one minute: what the last change brought has to be in it.
    autoscale_out_cooldown_s: float = Field(60.0, ge=0)
    # Loading 17 GB again takes minutes, so what goes should be sure not to be missed soon.
    autoscale_in_cooldown_s: float = Field(600.0, ge=0)
    autoscale_start_s: float = Field(900.0, ge=0)
    autoscale_interval_s: float = Field(5.0, gt=0)
    autoscale_dry_run: bool = False
    autoscale_port: int = Field(9106, ge=1, le=65535)
    autoscale_host: str = "0.0.0.0"  # noqa: S104  # metrics, in a network of their own
    log_level: str = Field("INFO", pattern=LEVELS)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.autoscale_min > self.autoscale_max:
            raise ValueError("AUTOSCALE_MIN is more than AUTOSCALE_MAX")
        return self

    @property
    def bounds(self) -> Bounds:
        return Bounds(
            self.autoscale_min,
            self.autoscale_max,
            self.autoscale_step,
            self.autoscale_out_cooldown_s,
            self.autoscale_in_cooldown_s,
            self.autoscale_start_s,
        )
