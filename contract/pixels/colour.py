"""Colour profiles: the same numbers mean other colours under another profile. What a profile says
is converted to sRGB, which is what models were trained on."""

import hashlib
from collections import OrderedDict
from io import BytesIO
from itertools import product
from threading import Lock
from typing import Any

from PIL import Image, ImageCms

# The largest that printers' profiles have is about 3 MB. A larger one is not looked at.
MAX_PROFILE_BYTES = 4 * 1024 * 1024
# Per channel, of 255: what differs less from sRGB is sRGB in another maker's words.
TOLERANCE = 2
# Transforms kept; one of a printer's profile has up to 1 MB.
REMEMBERED = 16
# Bytes of one colour in the modes that have profiles.
_CHANNELS = {"L": 1, "RGB": 3, "CMYK": 4}
_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
_known: OrderedDict[tuple[bytes, str], Any] = OrderedDict()
_lock = Lock()


def to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """An L, RGB or CMYK picture as RGB in the sRGB colour space. A missing, damaged or unfitting
    profile counts as sRGB."""
    transform = _transform(profile, picture.mode) if profile else None
    if transform is None:
        return picture.convert("RGB")
    converted = ImageCms.applyTransform(picture, transform)
    assert converted is not None  # only in place there is nothing to return
    return converted


def _transform(profile: bytes, mode: str) -> Any:
    """None where there is nothing to convert. Built once for each profile: that takes some ms."""
    if len(profile) > MAX_PROFILE_BYTES:
        return None
    name = hashlib.sha256(profile).digest(), mode
    with _lock:
        if name not in _known:
            _known[name] = _built(profile, mode)
            if len(_known) > REMEMBERED:
                _known.popitem(last=False)
        _known.move_to_end(name)
        return _known[name]


def _built(profile: bytes, mode: str) -> Any:
    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(BytesIO(profile)),
            _SRGB,
            mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        sample = _sample(mode)
        converted = ImageCms.applyTransform(sample, transform)
        assert converted is not None
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None  # garbage, or of another kind of picture
    if mode != "CMYK":
        pairs = zip(sample.convert("RGB").tobytes(), converted.tobytes(), strict=True)
        if all(abs(one - other) <= TOLERANCE for one, other in pairs):
            return None
    return transform


def _sample(mode: str) -> Image.Image:
    """Colours all over the space of a mode."""
    channels = _CHANNELS[mode]
    if mode == "RGB":
        steps = range(0, 256, 17)
        colours = bytes(value for colour in product(steps, repeat=3) for value in colour)
    else:
        colours = bytes(level for level in range(256) for _ in range(channels))
    return Image.frombytes(mode, (len(colours) // channels, 1), colours)
