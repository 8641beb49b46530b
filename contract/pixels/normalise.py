"""A decoded picture → the pixels that the model sees: turned as EXIF says, transparency flattened
on white, in sRGB, bounded. Both services normalise with this file."""

from PIL import Image, ImageChops

from contract.pixels.bands import UPRIGHT, shrunk
from contract.pixels.colour import to_srgb
from contract.pixels.png_colour import profile_of

# Where the number of bits of a sample stands in a PNG: the file's head is always the same.
_PNG_DEPTH_AT = 24


# Modes in which a transparent pixel's colour does not count when pixels are mixed.
_PREMULTIPLIED = {"LA": "La", "RGBA": "RGBa"}
_STRAIGHT = {premultiplied: mode for mode, premultiplied in _PREMULTIPLIED.items()}


def normalised(
    picture: Image.Image, data: bytes, orientation: int, pixel_bound: int
) -> Image.Image:
    """A loaded picture of the file `data` as RGB with at most `pixel_bound` pixels. Turned first:
    resizing goes by rows, then columns, so that a turned copy would come out otherwise.

    `picture` cannot be used afterwards: a large one never has a second copy of full size."""
    profile = profile_of(picture, data)
    whole = _upright(picture, data, orientation, pixel_bound)
    if whole.mode not in ("LA", "RGBA"):
        return to_srgb(whole, profile)
    alpha = whole.getchannel("A")
    opaque = to_srgb(whole.convert(whole.mode[:-1]), profile)
    canvas = Image.new("RGB", whole.size, "white")
    canvas.paste(opaque, mask=alpha)
    return canvas


def _upright(picture: Image.Image, data: bytes, orientation: int, pixel_bound: int) -> Image.Image:
    """As L, RGB, CMYK, LA or RGBA."""
    width, height = picture.size if orientation <= 4 else picture.size[::-1]
    scale = (pixel_bound / (width * height)) ** 0.5
    if scale >= 1:
        if orientation in UPRIGHT:
            picture = _instead_of(picture, picture.transpose(UPRIGHT[orientation]))
        return _with_alpha(picture, data)
    size = max(1, int(width * scale)), max(1, int(height * scale))

    def prepared(band: Image.Image) -> Image.Image:
        band = _with_alpha(band, data)
        mode = _PREMULTIPLIED.get(band.mode)
        return band.convert(mode) if mode else band

    small = shrunk(picture, orientation, size, None if is_plain(picture) else prepared)
    return small.convert(_STRAIGHT[small.mode]) if small.mode in _STRAIGHT else small


def is_plain(picture: Image.Image) -> bool:
    """Whether nothing is to be converted before it is resized."""
    return picture.mode in ("L", "RGB", "CMYK") and "transparency" not in picture.info


def _instead_of(picture: Image.Image, copy: Image.Image) -> Image.Image:
    """The copy; the memory of the picture is given back, whoever still refers to it."""
    picture.close()
    return copy


def _with_alpha(picture: Image.Image, data: bytes) -> Image.Image:
    """As L, RGB or CMYK, or with an alpha channel as LA or RGBA."""
    if picture.mode == "P" or picture.mode == "PA":
        mode = "RGBA" if picture.has_transparency_data else "RGB"
        return _instead_of(picture, picture.convert(mode))
    key = picture.info.get("transparency")
    mask = None
    if isinstance(key, int | tuple):
        mask = _unlike(picture, key, data[_PNG_DEPTH_AT])
    if picture.mode.startswith("I"):
        picture = _instead_of(picture, _high_bytes(picture))
    elif picture.mode == "1":
        picture = _instead_of(picture, picture.convert("L"))
    if mask is not None:
        picture.info.pop("transparency", None)
        picture.putalpha(mask)
    return picture


def _unlike(picture: Image.Image, key: int | tuple[int, ...], depth: int) -> Image.Image:
    """255 where a PNG's pixel is not its transparent colour `key`, which counts in the file's own
    samples of `depth` bits. Pillow has scaled samples of fewer bits up to 8."""
    if picture.mode.startswith("I"):
        assert isinstance(key, int)
        high = _equals(_high_bytes(picture), key >> 8)
        return ImageChops.invert(ImageChops.multiply(high, _equals(_low_bytes(picture), key & 255)))
    # Of 16-bit colour Pillow keeps the high bytes only, so that they alone are compared.
    scale = 1 / 257 if depth == 16 else 255 / (2**depth - 1)
    wanted = [int(value * scale) for value in (key if isinstance(key, tuple) else (key,))]
    channels = picture.convert("L") if picture.mode == "1" else picture
    same = None
    for channel, value in enumerate(wanted):
        alike = _equals(channels.getchannel(channel), value)
        same = alike if same is None else ImageChops.multiply(same, alike)
    assert same is not None
    return ImageChops.invert(same)


def _equals(channel: Image.Image, value: int) -> Image.Image:
    return channel.point([255 if level == value else 0 for level in range(256)])


def _high_bytes(picture: Image.Image) -> Image.Image:
    """16-bit grey as 8 bits: convert() would clip to white."""
    return _bytes_of(picture, picture.mode != "I;16B")


def _low_bytes(picture: Image.Image) -> Image.Image:
    return _bytes_of(picture, picture.mode == "I;16B")


def _bytes_of(picture: Image.Image, second: bool) -> Image.Image:
    if picture.mode == "I":
        picture = picture.convert("I;16")
    return Image.frombytes("L", picture.size, picture.tobytes()[int(second) :: 2])
