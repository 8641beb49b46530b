"""How much memory one photo takes at most while it is read: one copy of its pixels."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from contract.errors import ImageTooManyPixels
from contract.images import MAX_WEBP_PIXELS, EncodedImage, check_image
from tests.support import ROOT
from tests.support.pictures import encoded

WIDTH, HEIGHT = 4000, 3000
# A copy is 4 bytes a pixel, and a progressive JPEG's coefficients are 3 more. The rest is what the
# smaller picture takes, and of 12 MP that is as much as of 60.
MAX_BYTES_A_PIXEL = 7.8
PEAK = """
import sys
from pathlib import Path
from contract.images import EncodedImage, check_image
from contract.process.memory import limit_mmap_threshold

def kb(name):
    status = Path("/proc/self/status").read_text()
    return int(status.partition(name + ":")[2].split()[0])

limit_mmap_threshold()
for path in sys.argv[1:]:
    photo = EncodedImage(Path(path).read_bytes())
    Path("/proc/self/clear_refs").write_text("5")  # the peak is that of what follows
    before = kb("VmRSS")
    check_image(photo)
    print(kb("VmHWM") - before)
"""


def large_photos() -> dict[str, bytes]:
    turned: Any = Image.Exif()
    turned[0x0112] = 6
    small = Image.effect_noise((WIDTH // 100, HEIGHT // 100), 80)
    grey = small.resize((WIDTH, HEIGHT), Image.Resampling.NEAREST)
    colour = grey.convert("RGB")
    clear = colour.copy()
    clear.putalpha(grey)
    quick = {"compress_level": 1}
    return {
        "turned": encoded(colour, "JPEG", exif=turned),
        "without its end": encoded(colour, "JPEG", progressive=True)[:-2],
        "transparent and turned": encoded(clear, exif=turned, **quick),
        "a transparent colour": encoded(colour, transparency=(1, 2, 3), **quick),
        "a transparent palette": encoded(
            colour.quantize(64), transparency=bytes(range(64)), **quick
        ),
        "a transparent grey of 16 bits": encoded(grey.convert("I;16"), transparency=77, **quick),
    }


@pytest.mark.long
def test_a_photo_takes_one_copy_of_its_pixels(tmp_path: Path) -> None:
    photos = large_photos()
    paths = []
    for name, data in photos.items():
        paths.append(tmp_path / name)
        paths[-1].write_bytes(data)
    command = [sys.executable, "-c", PEAK, *map(str, paths)]
    peaks = subprocess.check_output(command, cwd=ROOT, text=True).split()
    taken = {
        name: int(peak) * 1024 / (WIDTH * HEIGHT) for name, peak in zip(photos, peaks, strict=True)
    }
    assert max(taken.values()) < MAX_BYTES_A_PIXEL, taken


def test_a_webp_may_have_fewer_pixels_for_its_decoder_takes_twice_as_much() -> None:
    wide = Image.new("RGB", (8000, MAX_WEBP_PIXELS // 8000 + 1), "red")
    with pytest.raises(ImageTooManyPixels):
        check_image(EncodedImage(encoded(wide, "WEBP", lossless=True, method=0)))
    assert check_image(EncodedImage(encoded(wide, "JPEG"))).facts.width == 8000
