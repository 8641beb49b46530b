"""Settings of photos: how they are decoded, where uploads are kept."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

from contract.process.home import Place, home


class ImageSettings(BaseModel):
    image_dir: Annotated[Path, Place()] = Field(
        default_factory=lambda: home() / "images",
        description="Uploads, in a folder that all gateways share.",
    )
    image_ttl_s: int = Field(86_400, description="An upload can be asked about for so long.")
    image_disk_free: float = Field(
        0.1, ge=0, lt=1, description="No upload is kept where less of the disk is free."
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
        description="Pictures kept that were encoded anew for servers that are not ours, in bytes.",
    )
