"""All settings of a replica, read once from the environment in `__main__`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import SettingsConfigDict

from contract.process.home import PROJECT, HomeSettings, Place
from contract.process.logs import LEVELS
from contract.process.traces import TraceSettings

DEMO_CHECKPOINT = PROJECT / "demo_model" / "checkpoint"


def _folder_within(folder: Path, name: str) -> str:
    """What is no folder there is a name of the hub."""
    return str(folder / name) if (folder / name).is_dir() else name


class ModelSettings(BaseModel):
    """The checkpoint, its precision, its device, and the sizes of its caches."""

    # Pydantic reserves names that begin with `model_` otherwise.
    model_config = ConfigDict(protected_namespaces=())

    checkpoint: Annotated[str, Place(_folder_within)] = Field(
        str(DEMO_CHECKPOINT), description="Folder or hub name, e.g. Qwen/Qwen3-VL-8B-Instruct."
    )
    model_revision: str | None = Field(
        None,
        pattern="^[!-~]{1,64}$",  # a header has no other characters, and the log's column no more
        description="Name of the weights in headers and cache keys; unset: a fingerprint, and"
        " settings that change answers.",
    )
    device_map: str = Field(
        "auto", description="`cuda:0` or `cpu`; `auto`: the first GPU, where there is one."
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        description="`auto`: float32 on a CPU (exact); bfloat16 on a GPU that has it, or float16.",
    )
    quantisation: Literal["none", "int8", "int4"] = Field(
        "none",
        description="Of the language model, in 8 or 4 bits (bitsandbytes); not of the tower.",
    )
    vision_attention: Literal["sdpa", "flash_attention_2"] = Field(
        "sdpa",
        description="Of the tower only: FlashAttention does not take our batches' masks.",
    )
    max_image_tokens: int | None = Field(
        None,
        ge=4,
        description="Limit of visual tokens a photo (each 32 × 32 px); fewer are faster.",
    )
    torch_threads: int = Field(
        1,
        ge=1,
        description="On a busy two-core machine 2 threads are 4-15 times slower than 1.",
    )
    gpu_memory_bytes: int | None = Field(
        None,
        gt=0,
        description="Of the GPU, for all of the process; unset: what is free, less 5 %.",
    )
    max_context_tokens: int | None = Field(
        None,
        ge=64,
        description="Prompt (photo included) and answer together, in tokens; unset: what fits, at"
        " most 4,096.",
    )
    slots: int | None = Field(
        None,
        ge=1,
        description="Questions in flight at once; each reserves memory of the KV cache; unset: what"
        " fits, on a CPU 8.",
    )
    prefill_tokens: int = Field(
        512,
        ge=1,
        description="Prompt tokens in one step: bounds how long answers are delayed.",
    )
    vision_cache_bytes: int = Field(
        64 * 1024 * 1024,
        ge=0,
        description="Cache of photos' features: at 8B 8.4 MB for 512², 33.6 MB for 1024².",
    )
    prefix_cache_bytes: int = Field(
        256 * 1024 * 1024,
        ge=0,
        description="Cache of prompts that were read, each with its photo: at 8B 53 MB for 360"
        " tokens.",
    )


class Settings(ModelSettings, TraceSettings, HomeSettings):
    # Empty is unset: compose passes what nobody has set as an empty string.
    model_config = SettingsConfigDict(
        extra="ignore",
        frozen=True,
        protected_namespaces=(),
        env_ignore_empty=True,
        allow_inf_nan=False,
    )

    queue_limit: int = Field(
        64,
        ge=1,
        description="Waiting questions of shoppers; more are refused (503 with Retry-After).",
    )
    default_deadline_ms: int = Field(
        30_000, gt=0, description="Deadline of requests without x-deadline-ms."
    )
    batch_queue_limit: int = Field(
        32,
        ge=0,
        description="Waiting questions of the batch lane, apart from shoppers'; each holds its"
        " photo in memory (6 MB at 512²).",
    )
    batch_deadline_ms: int = Field(
        3_600_000, gt=0, description="Deadline of questions of the batch lane without one."
    )
    reserved_slots: int | None = Field(
        None,
        ge=0,
        description="The batch lane never takes the last so many free slots; unset: a quarter.",
    )
    batch_share: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Of the engine's time, that the batch lane may take beside shoppers; 0: none.",
    )
    batch_prefill_tokens: int = Field(
        128,
        ge=1,
        description="Prompt tokens of the batch lane in one step: a shopper may wait for them.",
    )
    max_step_s: float = Field(
        120.0,
        gt=0,
        description="Longer no step of the engine takes: then the device hangs, and the process"
        " ends to be started again.",
    )
    image_helpers: int = Field(
        2, ge=1, description="Processes that decode photos; one more is for large ones."
    )
    host: str = "127.0.0.1"
    inference_port: int = Field(8081, ge=0, le=65_535)
    log_level: str = Field("INFO", pattern=LEVELS)
