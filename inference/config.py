"""Every setting of a replica, read once from the environment in `__main__`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import SettingsConfigDict

from contract.home import PROJECT, HomeSettings, Place

DEMO_CHECKPOINT = PROJECT / "demo_model" / "checkpoint"


def _folder_within(folder: Path, name: str) -> str:
    """What is no folder there is a name of the hub."""
    return str(folder / name) if (folder / name).is_dir() else name


class ModelSettings(BaseModel):
    """Which checkpoint, in which precision, with how much room."""

    # Pydantic would keep names that begin with `model_` for itself.
    model_config = ConfigDict(protected_namespaces=())

    checkpoint: Annotated[str, Place(_folder_within)] = Field(
        str(DEMO_CHECKPOINT), description="Folder or hub name, e.g. Qwen/Qwen3-VL-8B-Instruct."
    )
    model_revision: str | None = Field(
        None, description="Name of these weights in headers and cache keys; default: a fingerprint."
    )
    device_map: str = Field("auto", description="`auto`, `cpu`, `cuda:0`, as in transformers.")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="`auto`: float32 on a CPU (exact), bfloat16 on a GPU."
    )
    quantisation: Literal["none", "int8", "int4"] = Field(
        "none", description="Language model in 8 or 4 bits (bitsandbytes); the tower stays whole."
    )
    vision_attention: Literal["sdpa", "flash_attention_2"] = Field(
        "sdpa", description="Of the tower only: FlashAttention takes no mask of our batches' kind."
    )
    max_image_tokens: int | None = Field(
        None, description="Bound of a photo in visual tokens (32 px square each); fewer are faster."
    )
    torch_threads: int = Field(
        1, ge=1, description="Two threads on a contended two-core machine are 4-15 times slower."
    )
    max_context_tokens: int = Field(
        4096, description="Prompt (photo included) and answer together, in tokens."
    )
    slots: int = Field(8, ge=1, description="Questions in flight at once; each holds KV memory.")
    vision_cache_bytes: int = Field(
        64 * 1024 * 1024, description="Photos' features kept: 8 MB a 1024² photo of the 8B model."
    )


class Settings(ModelSettings, HomeSettings):
    model_config = SettingsConfigDict(extra="ignore", frozen=True, protected_namespaces=())

    prefill_tokens: int = Field(
        512, ge=1, description="Prompt tokens read in one step: bounds how long answers stall."
    )
    queue_limit: int = Field(64, description="Waiting questions; beyond it 503 with Retry-After.")
    default_deadline_ms: int = Field(30_000, description="Used when x-deadline-ms is not sent.")
    host: str = "127.0.0.1"
    inference_port: int = 8081
    log_level: str = "INFO"
