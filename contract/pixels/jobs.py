"""What helpers do with a photo's file: decode it, and tell what it is. Run in a helper process; the
service's side is `decoder`."""

from dataclasses import asdict
from functools import cache
from io import BytesIO
from typing import Any

from PIL import Image

from contract.images import MODEL_PIXELS, EncodedImage, check_image
from contract.sandbox.fork_server import Work

# Kinds of work.
FACTS, PIXELS = "facts", "pixels"


def prepare(payload: bytes) -> Work:
    """The work of helpers that check photos. What Pillow loads at the first photo of a kind is
    loaded here: a helper can open no file."""
    warm_up()
    return work


def work(head: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    checked = check_image(EncodedImage(data), head.get("pixel_bound", MODEL_PIXELS))
    pixels = checked.pixels
    result = {"facts": asdict(checked.facts), "size": pixels.size}
    return result, pixels.tobytes() if head["do"] == PIXELS else b""


@cache
def warm_up() -> None:
    """Decode a photo of each kind, with all that photos have beside their pixels. Once in a process
    and those that are forked from it."""
    picture = Image.new("RGB", (64, 64), "red")
    exif = Image.Exif()
    exif[0x0112] = 6
    profile = picture.info.get("icc_profile") or _profile()
    for format_, options in (
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {}),
    ):
        made = BytesIO()
        picture.save(made, format_, exif=exif, icc_profile=profile, **options)
        check_image(EncodedImage(made.getvalue()), 32 * 32)
    two = BytesIO()
    picture.save(two, "MPO", save_all=True, append_images=[picture])
    check_image(EncodedImage(two.getvalue()))
    cut = BytesIO()
    picture.save(cut, "JPEG")
    check_image(EncodedImage(cut.getvalue()[:-2]))


def _profile() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
