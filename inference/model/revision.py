"""The name of what answers: a fingerprint of a checkpoint's files, and what is set beside them that
changes answers. Equal names may share cached answers, and are no canary of each other."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

# What shapes an answer: weights, configuration, vocabulary, template, calibration.
_SUFFIXES = {".json", ".jinja", ".safetensors", ".txt"}
# Larger files are weights, and are hashed in samples: of each tensor so many bytes, and as many
# again after each stride. Of 17.5 GB that is about 100 MB; all of them would take a minute.
WHOLE_BYTES = 64 * 1024 * 1024
SAMPLE_BYTES, STRIDE_BYTES = 64 * 1024, 16 * 1024 * 1024
# safetensors itself takes no longer header.
MAX_HEADER_BYTES = 100_000_000


def revision_of(
    files: Iterable[Path], quantisation: str, dtype: str | None, image_tokens: int | None
) -> str:
    """The last three: as they are set, None where the answers are those of the default."""
    marks = [fingerprint(files)]
    if quantisation != "none":
        marks.append(quantisation)
    if dtype is not None:
        marks.append(dtype)
    if image_tokens is not None:
        marks.append(f"{image_tokens}tokens")
    return "-".join(marks)


def fingerprint(files: Iterable[Path]) -> str:
    """12 hex digits of a hash over the files that shape an answer."""
    digest = hashlib.sha256()
    for path in files:
        if path.suffix not in _SUFFIXES:
            continue
        size = path.stat().st_size
        digest.update(f"{path.name}\0{size}\0".encode())
        with path.open("rb") as file:
            if size <= WHOLE_BYTES:
                digest.update(file.read())
                continue
            for start, length in _samples(file, size):
                file.seek(start)
                digest.update(file.read(length))
    return digest.hexdigest()[:12]


def _samples(file: BinaryIO, size: int) -> Iterator[tuple[int, int]]:
    """Of a large file: where each sample begins, and how long it is."""
    data, tensors = _tensors(file)
    yield 0, data
    for start, end in tensors or [(data, size)]:
        for at in range(start, end, STRIDE_BYTES):
            yield at, min(SAMPLE_BYTES, end - at)


def _tensors(file: BinaryIO) -> tuple[int, list[tuple[int, int]]]:
    """Of a file of safetensors: where its data begin, and where in the file each tensor begins and
    ends, in their order. 0 and none for a file of another kind."""
    length = int.from_bytes(file.read(8), "little")
    if length > MAX_HEADER_BYTES:
        return 0, []
    try:
        header = json.loads(file.read(length))
        places = [
            tensor["data_offsets"] for name, tensor in header.items() if name != "__metadata__"
        ]
        data = 8 + length
        return data, sorted((data + int(start), data + int(end)) for start, end in places)
    except (AttributeError, KeyError, TypeError, ValueError):
        return 0, []
