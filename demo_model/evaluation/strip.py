"""Makes the strip of sample photos for the shopper's page: names, questions and thumbnails of a few
KB in one file, which a slow phone gets in one answer.

python -m demo_model.evaluation.strip
"""

import base64
import io
import json
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

SAMPLES = Path("web/samples")
STRIP = "strip.json"
# 103 CSS pixels on the smallest phone, of two dots each.
SIDE = 192
QUALITY = 55
# What the page shows of a sample; its facts are for tests.
SHOWN = ("file", "alt_zh", "alt_en", "ask_zh", "ask_en")


def thumbnail(photo: Path) -> str:
    """The middle of a photo as a data URI."""
    with Image.open(photo) as picture:
        square = ImageOps.fit(picture.convert("RGB"), (SIDE, SIDE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    square.save(file, "WEBP", quality=QUALITY, method=6)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()


def strip(folder: Path) -> list[dict[str, Any]]:
    samples = json.loads((folder / "samples.json").read_text(encoding="utf-8"))
    return [
        {name: sample[name] for name in SHOWN} | {"thumbnail": thumbnail(folder / sample["file"])}
        for sample in samples
    ]


def main() -> None:
    listing = json.dumps(strip(SAMPLES), ensure_ascii=False, indent=1) + "\n"
    (SAMPLES / STRIP).write_text(listing, encoding="utf-8")


if __name__ == "__main__":
    main()
