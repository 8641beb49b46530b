"""From Debian packages and drawn pages to shards of pictures."""

import io
import json
import tempfile
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from demo_model.pictures.facts import random_for
from demo_model.pictures.outside.framing import is_flat, on_white, opened, view
from demo_model.pictures.outside.packages import Package, fetch, packages, unpacked
from demo_model.pictures.outside.pages import PAGE_SEEDS, page
from demo_model.pictures.shards import SHARD, write_shard

SPLITS = ("test", "train")
# Raised when this code makes other pictures of the same packages.
RECIPE = 2
PACKAGES = "packages"  # the folder of downloads below the target
# A training picture whose fingerprint differs in so few of 64 bits from a test picture's is left
# out: some sample photos are in several packages.
NEAR = 6


@dataclass(frozen=True)
class Found:
    """A picture of the right size, compressed. `source` tells which file it was made of."""

    jpeg: bytes
    frame: str
    kind: str
    source: str


def build(
    folder: Path,
    split: str,
    among: tuple[Package, ...] | None = None,
    pages: Mapping[str, range] = PAGE_SEEDS,
) -> int:
    """Write the shards of "train" or "test" into `folder / split`, unless they are there. Returns
    the number of pictures. The same packages give the same pictures.

    `among`: packages of both parts, by default those of packages.toml. `pages`: the seeds of the
    drawn pages of each part.

    Raises OutsideMissing where the packages cannot be had.
    """
    target = folder / split
    done = target / "pictures.json"
    among = among or packages()
    made_of = f"{zlib.crc32(repr((RECIPE, among, pages)).encode()):08x}"
    if done.exists() and (known := json.loads(done.read_text()))["made_of"] == made_of:
        return int(known["pictures"])
    wanted = tuple(package for package in among if package.split == split)
    fetch(wanted, folder / PACKAGES, _say)
    seen_in_test = _fingerprints_of_test(folder, among) if split == "train" else set()
    pictures: list[Found] = []
    for package in wanted:
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            for pictures_of, path in unpacked(package, folder / PACKAGES, Path(scratch)):
                source = f"{package.name}/{path.relative_to(scratch)}"
                picture = opened(path)
                if picture is None or _near(picture, seen_in_test):
                    continue
                for number in range(pictures_of.views):
                    rng = Random(f"outside:{source}:{number}")
                    seen, frame = view(picture, number, pictures_of.kind, rng)
                    if number and is_flat(seen):
                        continue
                    pictures.append(
                        Found(_jpeg(seen, rng), frame, pictures_of.kind, f"{source}#{number}")
                    )
        _say(f"{split}: {len(pictures)} pictures up to {package.name}")
    for seed in pages[split]:
        seen, frame, kind = page(seed)
        pictures.append(Found(_jpeg(seen, random_for(seed, "page jpeg")), frame, kind, f"{seed}"))
    # Mixed, so that a shard is no single package's.
    Random(split).shuffle(pictures)
    _write(target, pictures)
    summary = {
        "made_of": made_of,
        "pictures": len(pictures),
        "kinds": Counter(picture.kind for picture in pictures),
        "packages": Counter(
            picture.source.split("/")[0] for picture in pictures if "/" in picture.source
        ),
    }
    done.write_text(json.dumps(summary, indent=1) + "\n")
    _say(f"{split}: {len(pictures)} pictures in {target}")
    return len(pictures)


def _write(target: Path, pictures: list[Found]) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for old in target.glob("*.npz"):
        old.unlink()
    for index in range(0, len(pictures), SHARD):
        part = pictures[index : index + SHARD]
        write_shard(
            target / f"outside-{index // SHARD:05d}.npz",
            [picture.jpeg for picture in part],
            frames=[picture.frame for picture in part],
            kinds=[picture.kind for picture in part],
            sources=[picture.source for picture in part],
        )


def _jpeg(picture: Image.Image, rng: Random) -> bytes:
    """Compressed as phones and pages do it, now and then with a camera's noise, as photos of
    products have: the noise must not tell the one from the other."""
    if rng.random() < 0.4:
        pixels = np.asarray(picture, dtype=np.float32)
        noise = np.random.default_rng(rng.getrandbits(32)).normal(
            0, rng.uniform(0, 3), pixels.shape[:2]
        )
        noisy = np.clip(pixels + noise[..., None], 0, 255).astype(np.uint8)
        picture = Image.fromarray(noisy)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=rng.randint(70, 95))
    return buffer.getvalue()


def fingerprint(picture: Image.Image) -> int:
    """64 bits that hardly change with size and compression: whether each point of a 9 x 8 grid is
    darker than its neighbour."""
    flat = on_white(picture) if picture.mode == "RGBA" else picture
    grid = np.asarray(flat.convert("L").resize((9, 8), Image.Resampling.BOX), dtype=np.int16)
    return int.from_bytes(np.packbits(grid[:, 1:] > grid[:, :-1]).tobytes(), "big")


def _near(picture: Image.Image, others: set[int]) -> bool:
    own = fingerprint(picture) if others else 0
    return any((own ^ other).bit_count() <= NEAR for other in others)


def _fingerprints_of_test(folder: Path, among: tuple[Package, ...]) -> set[int]:
    """Of the whole files of the test's packages."""
    wanted = tuple(package for package in among if package.split == "test")
    fetch(wanted, folder / PACKAGES, _say)
    found = set()
    for package in wanted:
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            for _, path in unpacked(package, folder / PACKAGES, Path(scratch)):
                if picture := opened(path):
                    found.add(fingerprint(picture))
    return found


def _say(line: str) -> None:
    print(line, flush=True)
