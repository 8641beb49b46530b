"""Settings of who may ask, and of the keys for cookies and pseudonyms."""

import secrets
from typing import Literal

from pydantic import BaseModel, Field, SecretStr, field_validator

from gateway.identity.pseudonyms import Pseudonyms


class IdentitySettings(BaseModel):
    anonymous: Literal["allow", "deny"] = Field(
        "allow", description="`deny`: every question needs an API key."
    )
    api_keys: str = Field(
        "",
        description="Lines `tenant sha256-of-key`, beside the keys in the database."
        " `shopsight keys create --line TENANT` makes one.",
    )
    session_secret: SecretStr = Field(
        default_factory=lambda: SecretStr(secrets.token_hex(32)),
        description="Signs sessions; the same on all gateways, random when unset.",
    )
    pseudonym_key: SecretStr = Field(
        default_factory=lambda: SecretStr(secrets.token_hex(32)),
        description="Turns user ids into the log's pseudonyms; the same on all gateways. Several"
        " are separated by white space, the newest first: older ones find older rows.",
    )

    @field_validator("pseudonym_key")
    @classmethod
    def _told_apart(cls, value: SecretStr) -> SecretStr:
        if keys := value.get_secret_value().strip():
            Pseudonyms(keys)
        return value
