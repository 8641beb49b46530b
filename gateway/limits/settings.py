"""Settings of limits: what tenants, addresses and sessions may use where ops say nothing else."""

from pydantic import BaseModel, Field, ValidationInfo, field_validator

from gateway.limits.limits import Limits, read_limits

TENANT = "questions_per_s=50 burst=200 tokens_per_day=50e6 bytes_per_day=50e9 stored_bytes=5e9"
ADDRESS = (
    "questions_per_s=10 burst=100 tokens_per_day=1e6 bytes_per_day=1e9 recomputes_per_minute=10"
)
SESSION = (
    "questions_per_s=2 burst=40 tokens_per_day=200e3 bytes_per_day=300e6 recomputes_per_minute=10"
    " stored_bytes=100e6 stored_photos=50"
)
ANONYMOUS = "stored_bytes=5e9"
BATCH = "tokens_per_day=50e6 stored_bytes=5e9"


class LimitSettings(BaseModel):
    tenant_limits: str = Field(TENANT, description="Of all keys of a tenant together.")
    address_limits: str = Field(ADDRESS, description="Of a shopper's address; of IPv6 a /64.")
    session_limits: str = Field(SESSION, description="Of a shopper's session, beside its address.")
    anonymous_limits: str = Field(ANONYMOUS, description="Of all shoppers without a key together.")
    batch_limits: str = Field(
        BATCH, description="Of a tenant's batches, beside its live questions; bytes are its files'."
    )
    places_share: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Share of the replicas' places that one key may have at once, and of"
        " BODY_BYTES_IN_FLIGHT an address.",
    )

    @field_validator(
        "tenant_limits", "address_limits", "session_limits", "anonymous_limits", "batch_limits"
    )
    @classmethod
    def _readable(cls, value: str, info: ValidationInfo) -> str:
        """Empty, as compose passes what is unset, is the default, and not: no limits."""
        read_limits(value)
        return value if value.strip() else str(cls.model_fields[info.field_name or ""].default)

    def default_limits(self, kind: str) -> Limits:
        """`kind`: tenant, address, session, anonymous or batch. A key has none of its own."""
        return Limits().changed(read_limits(getattr(self, f"{kind}_limits")))
