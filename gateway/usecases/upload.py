"""The way of one upload: identify the photo, check it, keep it, record it."""

import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from contract.images import EncodedImage, ImageFacts
from gateway.errors import ImageStoreUnavailable
from gateway.images.identify import ImageIdentifier
from gateway.images.upload import Consent, Upload
from gateway.images.uploads import Uploads
from gateway.log.interaction import Interaction
from gateway.log.outbox.recorder import Recorder
from gateway.moderation.photos.policy import Photo
from gateway.usecases.deadline import arrived, in_time
from gateway.usecases.screening import Screening


@dataclass
class Uploading:
    images: ImageIdentifier
    screening: Screening
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
            deadline = interaction.started + self.deadline_ms / 1000
            with interaction.step("identify"):
                facts = await self.images.identify(photo, interaction.caller.tenant)
                interaction.image = facts
            with interaction.step("screen"):
                await self.screening.upload(facts, _given(photo), interaction, deadline)
            with interaction.step("keep"):
                keeping = self._keep(photo, facts, consent, interaction)
                try:
                    return await in_time(keeping, deadline - time.monotonic())
                except TimeoutError:
                    raise ImageStoreUnavailable from None

    async def _keep(
        self,
        photo: EncodedImage,
        facts: ImageFacts,
        consent: Consent | None,
        interaction: Interaction,
    ) -> Upload:
        photo = await self.images.without_metadata(photo, facts)
        return await self.uploads.add(
            photo, facts, interaction.caller, consent, began_at=interaction.asked_at
        )


def _given(photo: EncodedImage) -> Photo:
    async def read() -> EncodedImage:
        return photo

    return read
