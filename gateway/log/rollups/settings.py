"""Settings of roll-ups and retention."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field, field_validator

from gateway.log.rollups.calendar import Price
from gateway.log.schema.partitions import month_of

# A century. Dates of much longer ago cannot be reckoned.
MAX_DAYS = 36_500


class UpkeepSettings(BaseModel):
    business_time_zone: str = Field(
        "Asia/Shanghai", description="Whose days the views and roll-ups count, a name of the IANA."
    )
    content_retention_days: int = Field(
        30,
        ge=0,
        le=MAX_DAYS,
        description="What was asked and answered is dropped after so long; 0: never.",
    )
    log_retention_days: int = Field(
        180,
        ge=0,
        le=MAX_DAYS,
        description="Whole months of the log that are older are dropped; 0: none.",
    )
    upkeep_interval_s: float = Field(
        60.0, gt=0, description="How often the worker brings roll-ups and partitions up to date."
    )

    model_second_cost: float | None = Field(
        None, ge=0, description="What a second of a model costs; unset: views of money are empty."
    )
    currency: str = Field(
        "USD", pattern="^[A-Z]{3}$", description="Of MODEL_SECOND_COST, three letters (ISO 4217)."
    )

    @field_validator("business_time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, OSError, ValueError):  # unknown, a folder of zones, a path
            raise ValueError("it is a time zone's name at the IANA: Asia/Shanghai") from None
        return value

    @property
    def business_zone(self) -> ZoneInfo:
        return ZoneInfo(self.business_time_zone)

    def oldest_row(self, now: datetime) -> datetime | None:
        """No row of the log from before it is kept; None: all are. Rows go by whole months."""
        days = self.log_retention_days
        return month_of(now - timedelta(days=days)) if days else None

    @property
    def price(self) -> Price | None:
        cost = self.model_second_cost
        return None if cost is None else Price(cost, self.currency)
