"""The way of one request for a verdict: read it, judge each input, record that it was asked."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from contract.images import EncodedImage
from contract.request import told_in_the_language_of
from gateway.images.identify import ImageIdentifier
from gateway.log.interaction import Interaction
from gateway.log.outbox.recorder import Recorder
from gateway.moderation.form import ModerationInput
from gateway.moderation.verdict import Verdict, stronger
from gateway.usecases.deadline import arrived
from gateway.usecases.screening import Screening


@dataclass(frozen=True)
class InputVerdict:
    text: Verdict | None
    """None where there was no text."""
    photo: Verdict | None

    @property
    def both(self) -> Verdict:
        return stronger(self.text or Verdict(), self.photo or Verdict())


@dataclass
class Moderating:
    images: ImageIdentifier
    screening: Screening
    recorder: Recorder
    deadline_ms: int

    async def moderate(
        self,
        read: Callable[[], Coroutine[Any, Any, Sequence[ModerationInput]]],
        interaction: Interaction,
    ) -> list[InputVerdict]:
        """The verdicts, once they are recorded. Nothing is refused for what it says."""
        async with self.recorder.recorded(interaction):
            inputs = await arrived(read(), self.deadline_ms)
            deadline = interaction.started + self.deadline_ms / 1000
            verdicts = []
            for each in inputs:
                text = photo = None
                if each.texts:
                    tenant = interaction.caller.tenant
                    text = await self.screening.judge(each.texts, tenant, deadline)
                if each.photo is not None:
                    with told_in_the_language_of({"input": list(each.texts)}):
                        photo = await self._photo(each.photo, interaction, deadline)
                verdict = InputVerdict(text, photo)
                verdicts.append(verdict)
                if label := verdict.both.label("input"):
                    interaction.flags.append(label)
                await asyncio.sleep(0)  # others' turn: there may be many
            return verdicts

    async def _photo(
        self, photo: EncodedImage, interaction: Interaction, deadline: float
    ) -> Verdict:
        facts = await self.images.identify(photo, interaction.caller.tenant)
        if interaction.image is None:
            interaction.image = facts

        async def read() -> EncodedImage:
            return photo

        return await self.screening.photo_verdict(facts, read, interaction, deadline)
