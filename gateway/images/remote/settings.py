"""Settings of photos that are fetched from the web."""

from typing import Annotated

from pydantic import BaseModel, Field, field_validator
from pydantic_settings import NoDecode

from gateway.images.remote.hosts import check_hosts, read_hosts


class ImageUrlSettings(BaseModel):
    image_url_hosts: Annotated[dict[str, tuple[str, ...]], NoDecode] = Field(
        {},
        description="`tenant=host host,…`: hosts from which photos are fetched for a tenant, by"
        " https. *.a.example: all below one; a.example:8443: another port. Empty: none.",
    )
    image_url_proxy: str | None = Field(
        None, description="Proxy that they are fetched through, as http://host:port."
    )
    image_url_timeout_s: float = Field(
        10.0, gt=0, description="For one photo, from the look-up of its host to its last byte."
    )
    image_url_concurrency: int = Field(
        16, ge=1, description="Photos that a gateway fetches at once; tenants have equal parts."
    )
    image_url_fresh_s: int = Field(
        300, ge=0, description="A photo is not asked for again for so long, if its server says so."
    )
    image_url_bytes: int = Field(
        16 * 1024 * 1024, ge=0, description="Fetched photos that a gateway keeps, in bytes."
    )

    @field_validator("image_url_hosts", mode="before")
    @classmethod
    def _hosts_by_tenant(cls, value: object) -> object:
        return read_hosts(value) if isinstance(value, str) else value

    @field_validator("image_url_hosts")
    @classmethod
    def _readable_hosts(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        check_hosts(value)
        return value

    @field_validator("image_url_proxy", mode="before")
    @classmethod
    def _no_proxy(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("image_url_proxy")
    @classmethod
    def _proxy_over_http(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith("http://"):
            raise ValueError("IMAGE_URL_PROXY is http://host:port")
        return value
