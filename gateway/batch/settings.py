"""Settings of the batch lane: where files are kept, and how its worker works."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

from contract.process.home import Place, home


class BatchSettings(BaseModel):
    file_dir: Annotated[Path, Place()] = Field(
        default_factory=lambda: home() / "files",
        description="Files of batches, in a folder that gateways and workers share.",
    )
    file_max_bytes: int = Field(
        200_000_000, ge=1, description="Of one uploaded file. nginx has a bound of its own."
    )
    file_ttl_s: int = Field(
        30 * 86_400, ge=1, description="Files are deleted after so long, a client may say sooner."
    )
    batch_concurrency: int = Field(
        4,
        ge=0,
        description="Lines that one worker has under way. The rest of the places is shoppers'.",
    )
    batch_line_deadline_ms: int = Field(
        3_600_000,
        ge=1_000,
        description="For one try of a line, which waits behind shoppers. A replica where they take"
        " all slots gives its lane one a minute, and has half of this time if there is another.",
    )
    batch_window_s: int = Field(
        86_400, ge=1, description="What a batch has not done by then has expired."
    )
    batch_lease_s: float = Field(
        15.0, gt=0, description="Lines of a worker that died are taken by another after so long."
    )
    batch_poll_s: float = Field(
        1.0, gt=0, description="How often a worker without work looks for some."
    )
