"""The checkpoint of a replica on this machine: whether its files are all there, and whole. Reads
only the heads of weight files, so that 17 GB take no time."""

import importlib.util
import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic_settings import SettingsConfigDict

from contract.process.home import PROJECT, HomeSettings, Place
from gateway.cli.doctor.finding import Finding, Grade
from gateway.config import Settings

# What a replica reads besides the weights; each entry is one file, or another that does as well.
NEEDED = (("config.json",), ("tokenizer.json", "vocab.json"), ("preprocessor_config.json",))
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
# https://huggingface.co/docs/safetensors: eight bytes, the length of a head in JSON, then tensors.
LENGTH = struct.Struct("<Q")
MAX_HEAD_BYTES = 100_000_000
LFS_POINTER = b"version https://git-lfs"


def _within(folder: Path, name: str) -> str:
    return str(folder / name) if (folder / name).is_dir() else name


class CheckpointSetting(HomeSettings):
    """The one setting of a replica that doctor must know. The gateway itself knows none of them."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    checkpoint: Annotated[str, Place(_within)] = str(PROJECT / "demo_model" / "checkpoint")


def check_weights(settings: Settings) -> Iterator[Finding]:
    if importlib.util.find_spec("inference") is None:
        yield Finding("weights", Grade.SKIP, "no replica is installed here")
        return
    if importlib.util.find_spec("torch") is None:
        advice = "pip install -c constraints.txt -e '.[gateway,inference,moderation]'"
        yield Finding("weights", Grade.FAIL, "torch is not installed", advice)
        return
    name = CheckpointSetting().checkpoint
    folder = Path(name)
    if not folder.is_dir():
        yield _of_the_hub(name)
        return
    faults = list(faults_of(folder))
    if not faults:
        yield Finding("weights", Grade.OK, f"{name} is whole")
    for fault in faults:
        advice = "fetch it again, or correct CHECKPOINT"
        yield Finding("weights", Grade.FAIL, f"{name}: {fault}", advice)


def _of_the_hub(name: str) -> Finding:
    """A name of the hub: whether it was fetched is known there, or when the replica starts."""
    if name.startswith(("/", ".", "~")) or name.count("/") > 1:
        return Finding("weights", Grade.FAIL, f"{name} is no folder", "correct CHECKPOINT")
    if os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0"):
        said = f"{name} is no folder, and HF_HUB_OFFLINE forbids to fetch it"
        return Finding("weights", Grade.WARN, said, "correct CHECKPOINT, or fetch it first")
    said = f"{name} is a name of the hub: the first start fetches it"
    return Finding("weights", Grade.SKIP, said)


def faults_of(folder: Path) -> Iterator[str]:
    for names in NEEDED:
        if not any((folder / name).is_file() for name in names):
            yield f"{names[0]} is missing"
        elif names[0].endswith("config.json") and _json(folder / names[0]) is None:
            yield f"{names[0]} is not JSON"
    if (folder / INDEX).is_file():
        index = _json(folder / INDEX)
        if not isinstance(index, dict) or not isinstance(index.get("weight_map"), dict):
            yield f"{INDEX} lists no files"
            return
        files = sorted(set(map(str, index["weight_map"].values())))
    else:
        files = [WEIGHTS]
    for name in files:
        if fault := _fault_of_file(folder / name):
            yield f"{name} {fault}"


def _fault_of_file(file: Path) -> str:
    """What is wrong with a file of tensors; empty if nothing is."""
    if not file.is_file():
        return "is missing"
    size = file.stat().st_size
    with file.open("rb") as opened:
        first = opened.read(LENGTH.size)
        if first + opened.read(len(LFS_POINTER) - LENGTH.size) == LFS_POINTER:
            return "is a pointer of git LFS (git lfs pull)"
        if len(first) < LENGTH.size:
            return "is empty"
        (length,) = LENGTH.unpack(first)
        if length > min(size, MAX_HEAD_BYTES):
            return "is damaged: no head of safetensors"
        opened.seek(LENGTH.size)
        try:
            head = json.loads(opened.read(length))
            ends = [each["data_offsets"][1] for name, each in head.items() if name[:2] != "__"]
        except (ValueError, LookupError, TypeError, AttributeError):
            return "is damaged: no head of safetensors"
    whole = LENGTH.size + length + max(ends, default=0)
    return "" if size == whole else f"has {size} bytes of {whole}"


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_bytes())
    except ValueError:
        return None
