"""Settings of photos: how they are decoded, where uploads are kept."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, SecretStr, field_validator

from contract.process.home import Place, home


class ImageSettings(BaseModel):
    image_dir: Annotated[Path, Place()] = Field(
        default_factory=lambda: home() / "images",
        description="Uploads, in a folder that all gateways share.",
    )
    image_store: str = Field(
        "",
        description="s3://bucket/prefix: uploads lie in an object store instead. IMAGE_DIR is not"
        " used then.",
    )
    image_store_endpoint: str = Field(
        "",
        pattern="^(https?://.+)?$",
        description="Where that store is, if it is not Amazon's: https://storage.example:9000.",
    )
    image_store_region: str = Field("", description="Its region; empty: us-east-1, or AWS_REGION.")
    image_store_key_id: SecretStr = Field(
        SecretStr(""),
        description="Of the account there. Empty: AWS_ACCESS_KEY_ID, or the machine's own role.",
    )
    image_store_secret: SecretStr = Field(SecretStr(""), description="The secret of that key.")
    image_store_virtual_host: bool = Field(
        False,
        description="The store wants its bucket in the host name, as Alibaba's OSS does. Then it"
        " also stands in IMAGE_STORE_ENDPOINT.",
    )
    image_ttl_s: int = Field(86_400, ge=1, description="An upload can be asked about for so long.")
    image_disk_free: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="No upload is kept where less of the disk is free, and less than"
        " IMAGE_DISK_FREE_BYTES, too.",
    )
    image_disk_free_bytes: int = Field(
        2 * 1024**3,
        ge=0,
        description="So much is enough for uploads, whatever share of a large disk it is.",
    )
    image_helpers: int = Field(
        2,
        ge=1,
        description="Processes that decode photos (3-46 ms each); one more is for large ones.",
    )
    body_bytes_in_flight: int = Field(
        200 * 1024 * 1024,
        ge=16 * 1024 * 1024,
        description="Bytes of bodies, photos mostly, that a gateway holds; more are refused (503).",
    )
    rendered_bytes: int = Field(
        16 * 1024 * 1024,
        ge=0,
        description="Pictures kept that were encoded anew for servers that are not ours, in bytes.",
    )

    @field_validator("image_store")
    @classmethod
    def _a_bucket(cls, value: str) -> str:
        scheme, _, rest = value.partition("://")
        if value and (scheme != "s3" or not rest.partition("/")[0]):
            raise ValueError("it looks like s3://bucket/prefix")
        return value.rstrip("/")

    def disk_is_full(self, total: int, free: int) -> bool:
        """Bytes of a disk: whether neither its share nor what is left of it is enough."""
        return free < min(total * self.image_disk_free, self.image_disk_free_bytes)
