"""Settings of the outbox: spool, forwarder and durability."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from contract.process.home import Place, home
from contract.process.stopping import STOP_S


class OutboxSettings(BaseModel):
    spool_dir: Annotated[Path, Place()] = Field(
        default_factory=lambda: home() / "spool",
        description="Where finished requests wait for the database: a local disk that survives the"
        " process, shared by the gateways of one machine.",
    )
    log_durability: Literal["process", "power"] = Field(
        "process",
        description="What an acknowledged answer's row survives: the end of the process, however it"
        " ends, or also of the machine (fsync).",
    )
    spool_max_bytes: int = Field(
        512 * 1024 * 1024,
        ge=1,
        description="Events that may wait for the database, about 900 bytes each; then 503.",
    )
    spool_reserve_bytes: int = Field(
        64 * 1024 * 1024,
        ge=0,
        description="Free space of the spool's disk below which it is 503, too.",
    )
    log_drain_s: float = Field(
        5.0,
        ge=0,
        le=STOP_S - 1,  # and a second to end
        description="For what waits in the spool when the gateway stops; the rest is adopted.",
    )
