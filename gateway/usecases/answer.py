"""The way of one question, in eight steps; each step's detail lives in the folder it names."""

import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from contract.errors import ReplicaFailed
from contract.render import AnswerPiece, joined
from contract.response import Delta, Finished
from gateway.cache.answers import AnswerCache, CachedAnswer, read_answer
from gateway.cache.computation import Computation, SharedComputation, iterate, skip_text
from gateway.cache.flights import Flight, Flights
from gateway.cache.key import AnswerKey
from gateway.cache.lease import Leases
from gateway.cache.sharing import NotSharedError
from gateway.feedback.quarantine import Quarantine
from gateway.limits.limiter import Limiter
from gateway.log.interaction import Interaction
from gateway.log.masking import SHARED, personal
from gateway.log.outbox.recorder import Recorder
from gateway.pool.pool import Pool
from gateway.pool.upstreams.question import headers_of
from gateway.usecases.deadline import arrived
from gateway.usecases.question import ASKERS_OWN, Question
from gateway.usecases.questions import Questions, check_allowed, revision_of
from gateway.usecases.refresh import Refreshes
from gateway.usecases.screening import Screening
from gateway.usecases.showing import Showing

# With less time than this a follower does not try again what its leader had no time for.
LEAST_LEFT_S = 0.5


@dataclass
class Answering:
    questions: Questions
    screening: Screening
    quarantine: Quarantine
    answers: AnswerCache
    leases: Leases | None
    flights: Flights
    pool: Pool
    showing: Showing
    recorder: Recorder
    limits: Limiter
    deadline_ms: int
    _refreshes: Refreshes = field(default_factory=Refreshes)

    async def answer(
        self, read: Callable[[], Coroutine[Any, Any, Question]], interaction: Interaction
    ) -> AsyncGenerator[AnswerPiece]:
        """The pieces of the answer, and its end once the interaction is recorded."""
        async with self.recorder.recorded(interaction):
            question = await arrived(read(), self.deadline_ms)
            asked = interaction.begin(question.asked, *question.known.task.names)
            check_allowed(asked, interaction.caller)
            if not (interaction.control.look_up and interaction.control.share):
                await self.limits.recompute(interaction)

            with interaction.step("identify"):  # 1 which photo is it
                interaction.image = await self.questions.identify(
                    question, interaction.caller, self._deadline(interaction)
                )

            with interaction.step("screen"):  # 2 may it be asked
                await self.screening.question(question, interaction, self._deadline(interaction))

            # 3 which model answers this caller
            caller = interaction.caller
            revision = revision_of(asked, caller, interaction.sticky_id, self.pool)
            interaction.revision = revision
            key = question.known.key(revision, interaction.caller.tenant)
            key = self.quarantine.current_key(key)
            if not question.known.personal:  # a digest could be guessed, and nothing lies there
                interaction.answer_key = key.digest

            with interaction.step("look-up"):  # 4 was it answered before
                cached = await self._look_up(question, key, interaction)

            if cached is not None:
                await self.screening.photo_passed(question, interaction)
                interaction.cache_hit(cached)
                if cached.stale:
                    self._refresh(question, key, interaction)
                events = iterate([cached.answer, cached.end])
            else:  # 5 join whoever is being answered the same, or lead
                events = self._computed(question, key, interaction)

            async with aclosing(events):
                async for event in events:
                    interaction.add_piece(event)
                    if isinstance(event, Delta):
                        yield event
            if interaction.end is None:
                raise ReplicaFailed
            if (read_product := question.known.task.read_product) is not None:
                worth = self.pool.calibration(revision)
                interaction.product = read_product(interaction.answer, interaction.end, worth)
        # 8 recorded, by leaving `recorded`: only now the last byte may go out
        yield interaction.end

    def _deadline(self, interaction: Interaction) -> float:
        return interaction.started + self.deadline_ms / 1000

    async def _look_up(
        self, question: Question, key: AnswerKey, interaction: Interaction
    ) -> CachedAnswer | None:
        if not (question.known.shareable and interaction.control.look_up):
            return None
        cached = await self.answers.get(key)
        if cached is None or not self.screening.allows(cached, interaction.caller.tenant):
            return None
        if not interaction.control.accepts(cached.age_s):
            # A `max-age` is one way more past the cache.
            await self.limits.recompute(interaction)
            return None
        return cached

    async def _computed(
        self, question: Question, key: AnswerKey, interaction: Interaction
    ) -> AsyncGenerator[AnswerPiece]:
        """The events of a computation, one's own or another's. Who follows one whose leader meets
        what is its own, before its first word, goes on while it has time: it follows the next, or
        leads once. So does who follows one that turns out to name a person: alone."""
        begun, alone, sent = False, False, ""
        while True:
            flight, under_way = self._join_or_lead(question, key, interaction, alone=alone)
            try:
                followed = flight.follow(own=not under_way)
                async with aclosing(skip_text(followed, sent)) as events:
                    async for event in events:
                        if not begun:
                            begun = True
                            await self.screening.photo_passed(question, interaction)
                            interaction.first_piece("joined" if under_way else flight.outcome)
                        if isinstance(event, Delta):
                            sent += event.text
                        yield event
                return
            except NotSharedError:
                alone = True
            except ASKERS_OWN as error:
                led_elsewhere = under_way or flight.outcome == "joined"
                spent_s = time.monotonic() - interaction.started
                if begun or not led_elsewhere or spent_s > self.deadline_ms / 1000 - LEAST_LEFT_S:
                    raise
                error.with_traceback(
                    None
                )  # whoever makes an answer of one does so, and nobody does

    def _join_or_lead(
        self,
        question: Question,
        key: AnswerKey,
        interaction: Interaction,
        *,
        refresh: bool = False,
        alone: bool = False,
    ) -> tuple[Flight, bool]:
        """The flight that computes this answer, and whether it was under way already. `alone`: it
        is known to name a person."""
        control = interaction.control
        shared = question.known.shareable and control.share and not alone
        compute = partial(self.compute, question, key, shared, interaction, not refresh)
        lane = "batch " if interaction.caller.batch else ""  # no shopper follows who may wait

        def stored(value: bytes) -> list[AnswerPiece] | None:
            cached = read_answer(value, key)
            usable = cached is not None and self.screening.allows(cached, key.namespace)
            return [cached.answer, cached.end] if cached is not None and usable else None

        def computation() -> Computation:
            if self.leases is None or not shared or lane:
                return Computation(compute)
            return SharedComputation(
                compute,
                leases=self.leases,
                key=key,
                read_stored=stored,
                accept_stored=control.look_up and control.max_age_s is None and not refresh,
                deadline=self._deadline(interaction),
                policy=SHARED,
            )

        return self.flights.join_or_lead(lane + key.digest if shared else None, computation)

    def _refresh(self, question: Question, key: AnswerKey, interaction: Interaction) -> None:
        """Compute a stale answer anew, once for all who meet it, while they have the old one."""
        flight, was_under_way = self._join_or_lead(question, key, interaction, refresh=True)
        if not was_under_way:
            self._refreshes.watch(flight)

    async def compute(
        self, question: Question, key: AnswerKey, keep: bool, interaction: Interaction, paid: bool
    ) -> AsyncGenerator[AnswerPiece]:
        """Steps 6, 7 and the storing half of 8: once for everybody who asks the same now. `paid`:
        by who began it, even where it has left since."""
        screen = self.screening.stream(key.namespace)
        pieces: list[Delta] = []
        end: Finished | None = None
        with self.showing.of(question, key) as show:
            events = self.pool.complete(  # 6 ask a replica
                question.known.canonical,
                revision=key.revision,
                affinity=key.image,
                headers=headers_of(key, interaction.request_id),
                show=show,
                deadline=self._deadline(interaction),
                asker=self.limits.asker(interaction.caller),
                system=question.known.task.system,
                priority="batch" if interaction.caller.batch else "interactive",
            )
            if paid:
                events = self.limits.paid(interaction.caller, events)
            async with aclosing(events):
                async for event in events:
                    photo = await question.verdict_on_photo()  # 7 may it be answered
                    if photo.blocked:
                        yield screen.filtered()
                        return
                    if isinstance(event, Finished):
                        end = event
                        break
                    if piece := screen.push(event):
                        pieces.append(piece)
                        yield piece
                    if screen.blocked:
                        yield screen.filtered()
                        return
        if end is None:
            raise ReplicaFailed
        if piece := await self.screening.rest(screen, self._deadline(interaction)):
            pieces.append(piece)
            yield piece
        if screen.blocked:
            yield screen.filtered()
            return
        answer = joined(pieces)
        keep = keep and photo.shareable and screen.verdict.shareable
        keep = keep and end.reason != "content_filter" and question.known.task.usable(answer, end)
        if keep and not personal(answer.text):  # 8 keep it
            await self.answers.put(key, answer, end, screen.version)
        yield screen.noted(end)
