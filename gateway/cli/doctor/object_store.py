"""The bucket of uploads: whether a photo can be written there, read, missed and deleted."""

import time
import uuid
from collections.abc import Iterator

from gateway.cli.doctor.finding import Finding, Grade
from gateway.config import Settings
from gateway.images.store import PhotoStore, StoreFailedError

CHECK = "images"
# Beside a question that waits for it, reading takes a second or it is noticed.
SLOW_MS = 1_000


def check_object_store(settings: Settings) -> Iterator[Finding]:
    place = settings.image_store
    if not place:
        said = "IMAGE_STORE is not set: uploads lie in the folder IMAGE_DIR"
        yield Finding(CHECK, Grade.SKIP, said)
        return
    store, key, data = PhotoStore.open(settings), uuid.uuid4(), b"doctor"
    step = "written"
    try:
        began = time.perf_counter()
        store.write(key, data)
        step = "read"
        same = store.read(key) == data
        took_ms = (time.perf_counter() - began) * 1000
        step = "deleted"
        store.delete([key])
        # Without the right to list, S3 says "forbidden" of what is not there: each photo that has
        # expired would then look like a store that fails.
        step = "missed"
        gone = not store.exists(key)
    except (StoreFailedError, FileNotFoundError) as error:
        advice = "correct IMAGE_STORE…, and give the account Get, Put, DeleteObject and ListBucket"
        yield Finding(CHECK, Grade.FAIL, f"{place}: nothing can be {step} there: {error}", advice)
        return
    if not (same and gone):
        said = f"{place} does not give back what was written, or keeps what was deleted"
        yield Finding(CHECK, Grade.FAIL, said, "use a store with strong consistency")
    elif took_ms > SLOW_MS:
        said = f"{place} takes photos, but in {took_ms:.0f} ms: questions wait for them"
        yield Finding(CHECK, Grade.WARN, said, "use a store in the same region")
    else:
        yield Finding(CHECK, Grade.OK, f"{place} takes photos, in {took_ms:.0f} ms")
