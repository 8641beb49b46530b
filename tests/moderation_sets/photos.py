"""Photos in which there is nothing to refuse, put before the policy as it is by default: the page's
samples, and pictures that the demo's renderer draws."""

import asyncio
from collections.abc import Iterator

from contract.images import EncodedImage, check_image
from contract.process.home import shipped
from demo_model.pictures.renderer import render_jpeg
from gateway.moderation.photos.open import open_photo_policy
from gateway.moderation.settings import ModerationSettings
from gateway.moderation.text import TextPolicy

DRAWN = 300
# Of 320 pixels a side: drawing one takes longer than looking at it.
UNIT = 64


def pictures() -> Iterator[bytes]:
    for path in sorted((shipped("web") / "samples").glob("*.jpg")):
        yield path.read_bytes()
    for seed in range(DRAWN):
        yield render_jpeg(seed, UNIT)


async def _judged(texts: TextPolicy) -> tuple[int, int]:
    settings = ModerationSettings(_env_file=None, photo_check_timeout_s=120)
    policy = open_photo_policy(settings, ())
    looked_at = blocked = 0
    try:
        for data in pictures():
            image = EncodedImage(data)

            async def photo(image: EncodedImage = image) -> EncodedImage:
                return image

            digest = check_image(image).facts.digest
            verdict = await policy.judge(digest, photo, texts, "anybody")
            looked_at += bool(verdict.scores)
            blocked += verdict.blocked
    finally:
        policy.close()
    return looked_at, blocked


def judge_all(texts: TextPolicy) -> tuple[int, int]:
    """How many were looked at, how many of these were blocked."""
    return asyncio.run(_judged(texts))
