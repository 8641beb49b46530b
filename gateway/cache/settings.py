"""Settings of the answer cache."""

from urllib.parse import quote, urlsplit

from pydantic import BaseModel, Field, SecretStr, field_validator

from gateway.cache.servers import FORMS, SENTINEL_PASSWORD, read_address, with_option


class CacheSettings(BaseModel):
    redis_url: str | None = Field(
        None,
        description="Answer cache; without it a bounded one in this process. Behind Sentinels"
        " redis+sentinel://host,host,host/name-of-the-master/0, in a cluster"
        " redis+cluster://host,host; rediss+… with TLS.",
    )
    redis_password: SecretStr = Field(
        SecretStr(""), description="Added to REDIS_URL, so that this may be a secret of its own."
    )
    redis_sentinel_password: SecretStr = Field(
        SecretStr(""), description="What Sentinels ask for, where they do; never that of Redis."
    )
    answer_fresh_s: int = Field(
        86_400,
        ge=1,
        description="So long a cached answer is given out as it is: prompts have versions.",
    )
    answer_stale_s: int = Field(
        604_800, ge=0, description="So much longer it is given out while it is computed anew."
    )
    cache_budget_ms: int = Field(
        50, ge=1, description="One Redis call; a healthy one takes 0.3 ms, a slow one is a miss."
    )
    memory_cache_bytes: int = Field(
        32 * 1024 * 1024,
        ge=0,
        description="Bound of the in-process answer cache: about 50,000 answers.",
    )

    @field_validator("redis_url", mode="before")
    @classmethod
    def _unset(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("redis_url")
    @classmethod
    def _known_form(cls, value: str | None) -> str | None:
        try:
            if value is not None:
                read_address(value)
        except ValueError as error:
            # What others say may quote a part of the URL, which may be a part of the password.
            said = str(error) if FORMS in str(error) else f"it is none of {FORMS}"
            raise ValueError(said) from None
        return value

    @property
    def redis_address(self) -> str | None:
        """REDIS_URL with the passwords, unless it has one."""
        url, password = self.redis_url, self.redis_password.get_secret_value()
        if url is None:
            return None
        sentinels = self.redis_sentinel_password.get_secret_value()
        if sentinels and "+sentinel:" in url:
            url = with_option(url, SENTINEL_PASSWORD, sentinels)
        parts = urlsplit(url)
        if not password or parts.password is not None:
            return url
        place = parts.netloc.rpartition("@")[2]
        user = parts.username or ""
        return parts._replace(netloc=f"{user}:{quote(password, safe='')}@{place}").geturl()
