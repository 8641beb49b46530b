"""The way of one question, in eight steps; each step's detail lives in the folder it names."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

from contract.errors import InvalidField, ModelNotFound, ReplicaFailed, RequestTimeout
from contract.forms import MODEL_ALIAS
from contract.render import Event, joined
from contract.request import Completion
from contract.response import Delta, Finished
from gateway.cache.answers import AnswerCache
from gateway.cache.flights import Flights
from gateway.cache.key import AnswerKey, answer_key
from gateway.images.identify import ImageIdentifier
from gateway.log.interaction import Interaction
from gateway.log.recorder import Recorder
from gateway.policy.images import ImagePolicy
from gateway.policy.text import StreamScreen, TextPolicy
from gateway.pool.pool import Pool


@dataclass
class Answering:
    images: ImageIdentifier
    text_policy: TextPolicy
    image_policy: ImagePolicy
    answers: AnswerCache
    flights: Flights
    pool: Pool
    recorder: Recorder
    deadline_ms: int

    async def answer(
        self, read: Callable[[], Awaitable[Completion]], interaction: Interaction
    ) -> AsyncGenerator[Event]:
        """The pieces of the answer, and its end once the interaction is recorded."""
        async with self.recorder.recorded(interaction):
            asked = interaction.asked = await self._arrived(read)
            _check_scope(asked)

            with interaction.step("identify"):  # 1 which photo is it
                if asked.image is not None:
                    interaction.image = await self.images.identify(asked.image)
            digest = interaction.image.digest if interaction.image else ""

            with interaction.step("screen"):  # 2 may it be asked
                self.text_policy.check_question([turn.text for turn in asked.turns])
                self.image_policy.check(digest)

            # 3 which model answers this caller
            revision = self.pool.choose_revision(interaction.caller.sticky_id)
            _check_model(asked, revision)
            interaction.revision = revision
            key = answer_key(asked, digest, revision, interaction.caller.tenant)

            with interaction.step("look-up"):  # 4 was it answered before
                cached = await self._look_up(asked, key)

            if cached is not None:
                interaction.cache = "hit"
                events = cached
            else:  # 5 join whoever is being answered the same, or lead
                shared = key.digest if asked.sampling.repeatable else None
                flight, joined = self.flights.join_or_lead(
                    shared, lambda: self._compute(asked, key, interaction)
                )
                interaction.cache = "joined" if joined else "miss"
                events = flight.follow()

            async with aclosing(events):
                async for event in events:
                    interaction.hear(event)
                    if isinstance(event, Delta):
                        yield event
            if interaction.end is None:
                raise ReplicaFailed
        # 8 recorded, by leaving `recorded`: only now the last byte may go out
        yield interaction.end

    async def _arrived(self, read: Callable[[], Awaitable[Completion]]) -> Completion:
        """The question, once its last byte is here; a trickling upload ends with the deadline."""
        try:
            async with asyncio.timeout(self.deadline_ms / 1000):
                return await read()
        except TimeoutError:
            raise RequestTimeout from None

    async def _look_up(self, asked: Completion, key: AnswerKey) -> AsyncGenerator[Event] | None:
        if not asked.sampling.repeatable:
            return None
        cached = await self.answers.get(key)
        if cached is None:
            return None
        # Answered under older rules: screened again before it is given out.
        if cached.policy_version != self.text_policy.version and self.text_policy.category(
            cached.answer.text
        ):
            return None
        return _replay(cached.answer, cached.end)

    async def _compute(
        self, asked: Completion, key: AnswerKey, interaction: Interaction
    ) -> AsyncGenerator[Event]:
        """Steps 6, 7 and the storing half of 8: once for everybody who asks the same now."""
        screen = StreamScreen(self.text_policy)
        pieces: list[Delta] = []
        end: Finished | None = None
        events = self.pool.complete(  # 6 ask a replica
            asked,
            revision=key.revision,
            affinity=key.image,
            headers={
                "x-request-id": interaction.request_id,
                "x-image-digest": key.image,
                "x-cache-namespace": key.namespace,
            },
            deadline=interaction.started + self.deadline_ms / 1000,
        )
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Finished):
                    end = event
                    break
                if piece := screen.push(event):  # 7 may it be answered
                    pieces.append(piece)
                    yield piece
                if screen.blocked:
                    yield Finished("content_filter")
                    return
        if end is None:
            raise ReplicaFailed
        if piece := screen.flush():
            pieces.append(piece)
            yield piece
        if asked.sampling.repeatable:  # 8 keep it
            await self.answers.put(key, joined(pieces), end, self.text_policy.version)
        yield end


def _check_scope(asked: Completion) -> None:
    # The instruction is ours: a client's would make the answers of a tenant's shoppers its own.
    if any(turn.role == "system" for turn in asked.turns):
        raise InvalidField("messages")


def _check_model(asked: Completion, revision: str) -> None:
    if asked.model not in (MODEL_ALIAS, revision):
        raise ModelNotFound("model")


async def _replay(answer: Delta, end: Finished) -> AsyncGenerator[Event]:
    yield answer
    yield end
