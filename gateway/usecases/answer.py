"""The way of one question, in eight steps; each step's detail lives in the folder it names."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from contract import attempts
from contract.completion import CompletionRequest
from contract.errors import DeadlineExceeded, ReplicaFailed, ShopsightError
from contract.images import EncodedImage
from contract.render import AnswerPiece, AnswerPieces, joined
from contract.response import Delta, Finished
from gateway.cache.answers import AnswerCache, CachedAnswer, read_answer
from gateway.cache.computation import Computation, SharedComputation
from gateway.cache.control import CacheControl
from gateway.cache.flights import Flight, Flights
from gateway.cache.key import AnswerKey
from gateway.cache.lease import Leases
from gateway.feedback.quarantine import Quarantine
from gateway.images.render import PictureRenderer
from gateway.log.interaction import Interaction
from gateway.log.outbox.recorder import Recorder
from gateway.moderation.images import ImagePolicy
from gateway.moderation.text import StreamScreen, TextPolicy
from gateway.pool.pool import Pool
from gateway.usecases.deadline import arrived
from gateway.usecases.questions import Question, Questions, check_model, check_turns

# With less time than this a follower does not try again what its leader had no time for.
LEAST_LEFT_S = 0.5


@dataclass
class Answering:
    questions: Questions
    text_policy: TextPolicy
    image_policy: ImagePolicy
    quarantine: Quarantine
    answers: AnswerCache
    leases: Leases | None
    flights: Flights
    pool: Pool
    renderer: PictureRenderer
    recorder: Recorder
    deadline_ms: int
    _refreshing: set[asyncio.Task[None]] = field(default_factory=set)

    async def answer(
        self, read: Callable[[], Coroutine[Any, Any, Question]], interaction: Interaction
    ) -> AsyncGenerator[AnswerPiece]:
        """The pieces of the answer, and its end once the interaction is recorded."""
        async with self.recorder.recorded(interaction):
            question = await arrived(read(), self.deadline_ms)
            asked = interaction.asked = question.asked
            check_turns(asked)

            with interaction.step("identify"):  # 1 which photo is it
                interaction.image = await self.questions.identify(
                    question, interaction.caller, interaction.started + self.deadline_ms / 1000
                )

            with interaction.step("screen"):  # 2 may it be asked
                self._screen(question, interaction.flags)

            # 3 which model answers this caller
            revision = self.pool.choose_revision(interaction.caller.sticky_id)
            check_model(asked, revision)
            interaction.revision = revision
            key = question.known.key(revision, interaction.caller.tenant)
            key = self.quarantine.current_key(key)
            interaction.answer_key = key.digest

            with interaction.step("look-up"):  # 4 was it answered before
                cached = await self._look_up(asked, key, interaction.control)

            if cached is not None:
                interaction.cache_hit(cached)
                if cached.stale:
                    self._refresh(question, key, interaction)
                events = _replay(cached)
            else:  # 5 join whoever is being answered the same, or lead
                events = self._computed(question, key, interaction)

            async with aclosing(events):
                async for event in events:
                    interaction.add_piece(event)
                    if isinstance(event, Delta):
                        yield event
            if interaction.end is None:
                raise ReplicaFailed
        # 8 recorded, by leaving `recorded`: only now the last byte may go out
        yield interaction.end

    def _screen(self, question: Question, flags: list[str]) -> None:
        known = question.known
        if known.passed != self.text_policy.version:
            self.text_policy.check_question([turn.text for turn in known.asked.turns], flags)
            known.passed = self.text_policy.version
        if known.image is not None:
            self.image_policy.check(known.image.digest, flags)

    async def _look_up(
        self, asked: CompletionRequest, key: AnswerKey, control: CacheControl
    ) -> CachedAnswer | None:
        if not (asked.sampling.repeatable and control.look_up):
            return None
        cached = await self.answers.get(key)
        usable = cached is not None and self._allowed(cached) and control.accepts(cached.age_s)
        return cached if usable else None

    def _allowed(self, cached: CachedAnswer) -> bool:
        """An answer of older rules is screened again before it is given out."""
        return (
            cached.policy_version == self.text_policy.version
            or self.text_policy.category(cached.answer.text) is None
        )

    async def _computed(
        self, question: Question, key: AnswerKey, interaction: Interaction
    ) -> AsyncGenerator[AnswerPiece]:
        """The events of a computation, one's own or another's. Who follows one whose leader runs
        out of time, before its first word, has time of its own left and goes on."""
        while True:
            flight, under_way = self._join_or_lead(question, key, interaction)
            begun = False
            try:
                async with aclosing(flight.follow()) as events:
                    async for event in events:
                        if not begun:
                            begun = True
                            interaction.first_piece("joined" if under_way else flight.outcome)
                        yield event
                return
            except DeadlineExceeded:
                led_elsewhere = under_way or flight.outcome == "joined"
                spent_s = time.monotonic() - interaction.started
                if begun or not led_elsewhere or spent_s > self.deadline_ms / 1000 - LEAST_LEFT_S:
                    raise

    def _join_or_lead(
        self, question: Question, key: AnswerKey, interaction: Interaction, refresh: bool = False
    ) -> tuple[Flight, bool]:
        """The flight that computes this answer, and whether it was under way already."""
        control = interaction.control
        shared = question.asked.sampling.repeatable and control.share
        deadline = interaction.started + self.deadline_ms / 1000

        def compute() -> AnswerPieces:
            return self._compute(question, key, shared, interaction.request_id, deadline)

        def stored(value: bytes) -> list[AnswerPiece] | None:
            cached = read_answer(value, key)
            usable = cached is not None and self._allowed(cached)
            return [cached.answer, cached.end] if cached is not None and usable else None

        def computation() -> Computation:
            if self.leases is None or not shared:
                return Computation(compute)
            return SharedComputation(
                compute,
                leases=self.leases,
                key=key,
                read_stored=stored,
                accept_stored=control.look_up and control.max_age_s is None and not refresh,
                deadline=deadline,
            )

        return self.flights.join_or_lead(key.digest if shared else None, computation)

    def _refresh(self, question: Question, key: AnswerKey, interaction: Interaction) -> None:
        """Compute a stale answer anew, once for all who meet it, while they have the old one."""
        flight, was_under_way = self._join_or_lead(question, key, interaction, refresh=True)
        if not was_under_way:
            task = asyncio.create_task(_watch(flight))
            self._refreshing.add(task)
            task.add_done_callback(self._refreshing.discard)

    async def _compute(
        self, question: Question, key: AnswerKey, keep: bool, request_id: str, deadline: float
    ) -> AsyncGenerator[AnswerPiece]:
        """Steps 6, 7 and the storing half of 8: once for everybody who asks the same now."""
        screen = StreamScreen(self.text_policy)
        pieces: list[Delta] = []
        end: Finished | None = None
        asked = await question.complete()

        async def render(max_pixels: int) -> EncodedImage:
            assert asked.image is not None
            bound = min(max_pixels, attempts.pixel_bound(key.attempt))
            return await self.renderer.render(asked.image, key.image, bound)

        events = self.pool.complete(  # 6 ask a replica
            asked,
            revision=key.revision,
            affinity=key.image,
            headers={
                "x-request-id": request_id,
                "x-image-digest": key.image,
                "x-cache-namespace": key.namespace,
                **({attempts.HEADER: str(key.attempt)} if key.attempt else {}),
            },
            render=render,
            deadline=deadline,
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
        if keep and end.reason != "content_filter":  # 8 keep it
            await self.answers.put(key, joined(pieces), end, self.text_policy.version)
        yield end


async def _replay(cached: CachedAnswer) -> AsyncGenerator[AnswerPiece]:
    yield cached.answer
    yield cached.end


async def _watch(flight: Flight) -> None:
    """See a refresh to its end. That it failed is in the pool's own log; the old answer stays."""
    with contextlib.suppress(ShopsightError):
        async with aclosing(flight.follow()) as events:
            async for _ in events:
                pass
