"""Settings of the quarantine."""

from typing import Annotated

from pydantic import BaseModel, Field, NonNegativeInt, field_validator
from pydantic_settings import NoDecode


class FeedbackSettings(BaseModel):
    quarantine_votes: int = Field(
        3,
        ge=0,
        description="So many voters against a cached answer: it is answered anew; 0: never.",
    )
    tenant_quarantine_votes: Annotated[dict[str, NonNegativeInt], NoDecode] = Field(
        {}, description="`tenant=votes,…`: the same for tenants of another size."
    )

    @field_validator("tenant_quarantine_votes", mode="before")
    @classmethod
    def _votes(cls, value: object) -> object:
        if isinstance(value, str):
            pairs = (item.rpartition("=") for item in value.split(",") if item.strip())
            value = {tenant.strip(): int(votes) for tenant, _, votes in pairs}
        return value
