"""A replica's memory is flat: what large photos take for a moment goes back to the kernel."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from gateway.cli.embedded import Stack
from tests.support.asking import data_uri, post, text_of
from tests.support.pictures import encoded

# Eight photos of 12 MP, four at a time, once left 195 MB behind. Now 8 MB remain.
MAX_GROWTH_MB = 80


def resident_mb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) // 1024


def large_photo(seed: int) -> bytes:
    made = Image.effect_noise((40, 30), 40 + seed).resize((4000, 3000)).convert("RGB")
    kind = ("JPEG", "PNG")[seed % 2]
    return encoded(made, kind, **({"compress_level": 1} if kind == "PNG" else {}))


@pytest.mark.long
def test_large_photos_leave_no_memory_behind(embedded_stack: Stack) -> None:
    (replica,) = [child for child in embedded_stack.children if child.module == "inference"]
    bodies = [
        {"image": data_uri(large_photo(seed)), "prompt": "What is it?", "max_tokens": 4}
        for seed in range(9)
    ]

    def ask(body: dict[str, object]) -> str:
        return text_of(post(embedded_stack.replica_url, body, **{"x-deadline-ms": "120000"}))

    assert ask(bodies.pop())
    before = resident_mb(replica.process.pid)
    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(ask, bodies))
    assert resident_mb(replica.process.pid) - before < MAX_GROWTH_MB
