"""What the gateway's helpers do with a photo's file: what all helpers do, a file without metadata,
and a picture for a server that is not ours."""

from dataclasses import asdict
from io import BytesIO
from typing import Any

from contract.images import EncodedImage, ImageFacts, check_image
from contract.pixels import jobs
from contract.sandbox.fork_server import Work
from gateway.images.strip import without_metadata

# Kinds of work, beside those of contract.pixels.jobs.
STRIP, PICTURE = "strip", "picture"
# At 4:4:4: no difference is seen, also in small red print. A megapixel has about 300 KB.
JPEG_QUALITY = 92


def prepare(payload: bytes) -> Work:
    jobs.warm_up()
    return _work


def _work(head: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    photo = EncodedImage(data)
    if head["do"] == STRIP:
        facts = head["facts"]
        return {"facts": facts, "size": (1, 1)}, without_metadata(data, ImageFacts(**facts))
    if head["do"] == PICTURE:
        return _picture(photo, head["pixel_bound"])
    return jobs.work(head, data)


def _picture(photo: EncodedImage, pixel_bound: int) -> tuple[dict[str, Any], bytes]:
    made = BytesIO()
    checked = check_image(photo, pixel_bound)
    checked.pixels.save(made, "JPEG", quality=JPEG_QUALITY, subsampling="4:4:4")
    return {"facts": asdict(checked.facts), "size": checked.pixels.size}, made.getvalue()
