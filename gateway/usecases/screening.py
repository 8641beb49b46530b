"""What may be asked, shown and answered: puts the texts of a request before the policy, and notes
in the log what was found."""

import asyncio
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from contract.completion import CompletionRequest
from contract.images import ImageFacts
from contract.response import Delta
from gateway.cache.answers import CachedAnswer
from gateway.errors import ContentBlocked
from gateway.log.interaction import Interaction
from gateway.moderation.photos.policy import Photo, PhotoPolicy
from gateway.moderation.policies import TextPolicies
from gateway.moderation.stream import StreamScreen
from gateway.moderation.verdict import Verdict, stronger
from gateway.usecases.question import Question

# Characters that are read at once: 300 take 2 to 4 ms, and 8,000 fifty. A thread reads what is
# longer, one text after the other: other questions wait for none of them.
SHORT_CHARS = 300

Read = TypeVar("Read")


@dataclass
class Screening:
    texts: TextPolicies
    photos: PhotoPolicy
    _reader: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, "moderation"), repr=False
    )

    @property
    def version(self) -> str:
        return self.texts.version

    async def question(self, question: Question, interaction: Interaction) -> None:
        """Raises ContentBlocked. What passed once is not read again under the same policy. A photo
        that has not been seen before is being looked at from now on: `photo_passed` waits for it.
        """
        known, policy = question.known, self.texts.current
        tenant = interaction.caller.tenant
        if known.screened_by != policy.version:
            asked = [turn.text for turn in known.asked.turns if turn.role == "user"]
            texts = texts_of(known.asked, known.canonical)
            known.verdict = await self._in_turn(
                sum(map(len, texts)),
                partial(policy.judge, texts, tenant, said_together=asked),
            )
            known.screened_by = policy.version
        refuse("question", known.verdict, interaction)
        for facts, photo in question.photos():
            self._refuse_listed(facts, interaction)
            verdict = self.photos.known(facts.digest, policy, tenant)
            if verdict is None:
                question.looks.append(self.photos.look(facts.digest, photo, policy, tenant))
            else:
                question.photo_verdict = stronger(question.photo_verdict, verdict)
                refuse("image", verdict, interaction)

    async def photo_passed(self, question: Question, interaction: Interaction) -> None:
        """Waits for the look at a photo. Raises ContentBlocked and ModerationUnavailable."""
        if question.looks:
            refuse("image", await question.verdict_on_photo(), interaction)

    async def upload(self, facts: ImageFacts, photo: Photo, interaction: Interaction) -> None:
        """Raises ContentBlocked and ModerationUnavailable."""
        self._refuse_listed(facts, interaction)
        refuse("image", await self.photo_verdict(facts, photo, interaction), interaction)

    def _refuse_listed(self, facts: ImageFacts, interaction: Interaction) -> None:
        if self.photos.is_listed(facts.digest):
            interaction.flags.append("image:listed")
            raise ContentBlocked

    async def judge(self, texts: Sequence[str], tenant: str) -> Verdict:
        chars = sum(map(len, texts))
        return await self._in_turn(chars, partial(self.texts.current.judge, texts, tenant))

    async def rest(self, screen: StreamScreen) -> Delta | None:
        """What remains of an answer that is complete; None once it is blocked."""
        return await self._in_turn(screen.chars, screen.flush)

    async def _in_turn(self, chars: int, read: Callable[[], Read]) -> Read:
        if chars <= SHORT_CHARS:
            return read()
        return await asyncio.get_running_loop().run_in_executor(self._reader, read)

    async def photo_verdict(
        self, facts: ImageFacts, photo: Photo, interaction: Interaction
    ) -> Verdict:
        if self.photos.is_listed(facts.digest):
            return Verdict("block", "illegal", (("illegal", 1.0),))
        tenant = interaction.caller.tenant
        return await self.photos.judge(facts.digest, photo, self.texts.current, tenant)

    def text_passes(self, text: str, interaction: Interaction) -> bool:
        """Of what somebody writes beside a question. Notes what was found."""
        verdict = self.texts.current.judge([text], interaction.caller.tenant)
        note("text", verdict, interaction)
        return not verdict.blocked

    def stream(self, tenant: str) -> StreamScreen:
        return StreamScreen(self.texts.current, tenant)

    def allows(self, cached: CachedAnswer, tenant: str) -> bool:
        """An answer of an older policy is screened again before it is given out."""
        policy = self.texts.current
        return (
            cached.policy_version == policy.version
            or policy.judge([cached.answer.text], tenant, "answer").shareable
        )


def refuse(what: str, verdict: Verdict, interaction: Interaction) -> None:
    """Raises ContentBlocked."""
    note(what, verdict, interaction)
    if verdict.blocked:
        raise ContentBlocked


def note(what: str, verdict: Verdict, interaction: Interaction) -> None:
    """In the log, what was found, once."""
    if (label := verdict.label(what)) and label not in interaction.flags:
        interaction.flags.append(label)


def texts_of(asked: CompletionRequest, canonical: CompletionRequest) -> Sequence[str]:
    """All that the model may read: turns as typed and as asked, a schema as it reads, stops."""
    texts = [turn.text for turn in asked.turns]
    texts += [turn.text for turn in canonical.turns]
    if asked.sampling.schema is not None:
        texts += _strings(json.loads(asked.sampling.schema))
    return list(dict.fromkeys([*texts, *asked.sampling.stop]))


def _strings(value: object) -> list[str]:
    """The texts and names in a JSON value, as one text: they are read one after the other."""
    found: list[str] = []
    rest = [value]
    while rest:
        item = rest.pop()
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, dict):
            rest += [part for pair in reversed(item.items()) for part in reversed(pair)]
        elif isinstance(item, list):
            rest += reversed(item)
    return ["\n".join(found)]
