"""Settings of moderation."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints, field_validator
from pydantic_settings import NoDecode

from contract.process.home import Place, home

PhotoHash = Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f]{16}$")]


class ModerationSettings(BaseModel):
    moderation_rules: Annotated[Path, Place()] = Field(
        default_factory=lambda: home() / "moderation",
        description="Folder of rule files (*.toml) beside the project's own, read again on change.",
    )
    moderation_reload_s: float = Field(
        2, gt=0, description="How often the rule files are looked at for changes."
    )
    photo_checks: Annotated[tuple[Literal["nsfw", "codes", "text"], ...], NoDecode] = Field(
        ("nsfw", "codes"),
        description="What is looked for in photos, comma-separated: `nsfw`, `codes` (QR), `text`"
        " (a second of CPU for each new photo). Empty: nothing.",
    )
    photo_check_timeout_s: float = Field(
        10, gt=0, description="A photo that occupies a helper process for longer is refused."
    )
    photo_check_helpers: int = Field(
        2, ge=1, description="Processes that look at photos: 60 ms of CPU for each new one."
    )
    photo_check_down: Literal["allow", "refuse"] = Field(
        "allow", description="What becomes of photos while no helper process can be started."
    )
    nsfw_threshold: float = Field(
        0.8,
        gt=0,
        le=1,
        description="From this likelihood on a photo is sexual: of our pictures none has 0.05.",
    )
    blocked_photo_hashes: Annotated[tuple[PhotoHash, ...], NoDecode] = Field(
        (),
        description="Perceptual hashes of blocked photos, 16 hex digits each, as `python -m"
        " gateway.moderation.photos.perceptual_hash FILE` prints them.",
    )

    @field_validator("photo_checks", "blocked_photo_hashes", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(item.strip() for item in value.split(",") if item.strip())
        return value
