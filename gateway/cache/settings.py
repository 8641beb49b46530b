"""Settings of the answer cache."""

from urllib.parse import quote, urlsplit

from pydantic import BaseModel, Field, SecretStr, field_validator


class CacheSettings(BaseModel):
    redis_url: str | None = Field(
        None, description="Answer cache; without it a bounded one in this process."
    )
    redis_password: SecretStr = Field(
        SecretStr(""), description="Added to REDIS_URL, so that this may be a secret of its own."
    )
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

    @field_validator("redis_url", mode="before")
    @classmethod
    def _unset(cls, value: object) -> object:
        return None if value == "" else value

    @property
    def redis_address(self) -> str | None:
        """REDIS_URL with the password, unless it has one."""
        password = self.redis_password.get_secret_value()
        if self.redis_url is None or not password:
            return self.redis_url
        parts = urlsplit(self.redis_url)
        if parts.password is not None:
            return self.redis_url
        place = parts.netloc.rpartition("@")[2]
        user = parts.username or ""
        return parts._replace(netloc=f"{user}:{quote(password, safe='')}@{place}").geturl()
