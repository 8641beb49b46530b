"""The way of one upload: identify the photo, check it, keep it, record it."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from contract.images import EncodedImage
from gateway.images.identify import ImageIdentifier
from gateway.images.uploads import Consent, Upload, Uploads
from gateway.log.interaction import Interaction
from gateway.log.outbox.recorder import Recorder
from gateway.moderation.images import ImagePolicy
from gateway.usecases.deadline import arrived


@dataclass
class Uploading:
    images: ImageIdentifier
    image_policy: ImagePolicy
    uploads: Uploads
    recorder: Recorder
    deadline_ms: int

    async def upload(
        self,
        read: Callable[[], Coroutine[Any, Any, tuple[EncodedImage, Consent | None]]],
        interaction: Interaction,
    ) -> Upload:
        """The upload, once it is kept and recorded."""
        async with self.recorder.recorded(interaction):
            photo, consent = await arrived(read(), self.deadline_ms)
            with interaction.step("identify"):
                facts = interaction.image = await self.images.identify(photo)
            with interaction.step("screen"):
                self.image_policy.check(facts.digest, interaction.flags)
            with interaction.step("keep"):
                return await self.uploads.add(
                    photo, facts, interaction.caller, consent, began_at=interaction.asked_at
                )
