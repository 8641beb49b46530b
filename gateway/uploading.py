"""The way of one upload: identify the photo, check it, keep it, record it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from contract.errors import RequestTimeout
from contract.images import EncodedImage
from gateway.images.identify import ImageIdentifier
from gateway.images.uploads import Consent, Upload, Uploads
from gateway.log.interaction import Interaction
from gateway.log.recorder import Recorder
from gateway.policy.images import ImagePolicy


@dataclass
class Uploading:
    images: ImageIdentifier
    image_policy: ImagePolicy
    uploads: Uploads
    recorder: Recorder
    deadline_ms: int

    async def upload(
        self,
        read: Callable[[], Awaitable[tuple[EncodedImage, Consent | None]]],
        interaction: Interaction,
    ) -> Upload:
        """The upload, once it is kept and recorded."""
        async with self.recorder.recorded(interaction):
            try:
                async with asyncio.timeout(self.deadline_ms / 1000):
                    photo, consent = await read()
            except TimeoutError:
                raise RequestTimeout from None
            with interaction.step("identify"):
                facts = interaction.image = await self.images.identify(photo)
            with interaction.step("screen"):
                self.image_policy.check(facts.digest, interaction.flags)
            with interaction.step("keep"):
                return await self.uploads.add(
                    photo, facts, interaction.caller, consent, began_at=interaction.asked_at
                )
