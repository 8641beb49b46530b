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
    image_threads: int = Field(2, description="Photos decoded at a time (3-46 ms each).")
    rendered_bytes: int = Field(
        16 * 1024 * 1024,
        description="Pictures kept that were encoded anew for servers that are not ours, in bytes.",
    )
