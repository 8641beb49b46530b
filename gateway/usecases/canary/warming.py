"""Fills the answer cache of a revision before it gets everybody: the questions that are asked for
the most are put to it in the batch lane, behind all shoppers."""

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from contract.errors import ImageNotFound, ShopsightError
from gateway.cache.key import AnswerKey
from gateway.cache.redis import RedisUnavailableError
from gateway.cache.shared import SharedAnswers
from gateway.cache.stored_key import asked_by
from gateway.canary.hottest import forget_older, hottest, note_warmed
from gateway.identity.callers import Caller
from gateway.images.upload import Upload
from gateway.images.uploads import Uploads
from gateway.log.faults import loggable
from gateway.log.given_answers import GivenAnswer
from gateway.log.interaction import Interaction
from gateway.usecases.answer import Answering
from gateway.usecases.question import Known, Question
from gateway.usecases.tasks import PHOTO_MATCH, PRODUCT_CARD, QUESTION

log = logging.getLogger(__name__)

# As many as keep a replica's batch lane busy: it takes them between shoppers.
AT_ONCE = 8
TASKS = {task.version: task for task in (QUESTION, PRODUCT_CARD, PHOTO_MATCH)}

Outcome = Literal["warmed", "there", "not_cached", "no_photo", "refused", "failed"]


@dataclass
class WarmReport:
    """How many of the most asked questions are now answered by the revision, and what became of
    the others. `there`: it had answered them already. `not_cached`: the answer has left the cache.
    `no_photo`: their photo was sent along with each question, so it is kept nowhere. `refused`:
    what must not be asked any more. `left`: there was no time for them."""

    found: int = 0
    warmed: int = 0
    there: int = 0
    not_cached: int = 0
    no_photo: int = 0
    refused: int = 0
    failed: int = 0
    left: int = 0
    seconds: float = 0.0

    def wire(self) -> dict[str, Any]:
        return asdict(self) | {"seconds": round(self.seconds, 1)}


@dataclass
class Warming:
    engine: Engine
    """Of its own patience: it reads the questions of a day."""
    answering: Answering
    cache: SharedAnswers
    uploads: Uploads
    kept_s: int
    """How long an answer may be in the cache."""
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def warm(self, source: str, revision: str, pairs: int, seconds: float) -> WarmReport:
        """Up to so many of the answers of `source` that are asked for the most, for so long. Raises
        SQLAlchemyError."""
        begun = time.monotonic()
        async with self._lock:
            await asyncio.to_thread(forget_older, self.engine, self.kept_s)
            found = await asyncio.to_thread(hottest, self.engine, source, pairs)
            report = WarmReport(found=len(found))
            waiting = iter(found)
            try:
                async with asyncio.timeout(seconds), asyncio.TaskGroup() as workers:
                    for _ in range(AT_ONCE):
                        workers.create_task(self._work(waiting, revision, report))
            except TimeoutError:
                log.info("warming ended before its work", extra={"fields": {"seconds": seconds}})
        done = sum(getattr(report, outcome) for outcome in get_args(Outcome))
        report.left = report.found - done
        report.seconds = time.monotonic() - begun
        return report

    async def _work(
        self, waiting: Iterator[GivenAnswer], revision: str, report: WarmReport
    ) -> None:
        for source in waiting:
            outcome: Outcome
            try:
                outcome = await self._one(source, revision)
            except ImageNotFound:
                outcome = "no_photo"
            except (ShopsightError, SQLAlchemyError, RedisUnavailableError) as error:
                log.info("not warmed", extra={"fields": {"why": loggable(error)}})
                refused = isinstance(error, ShopsightError) and error.status < 500
                outcome = "refused" if refused else "failed"
            setattr(report, outcome, getattr(report, outcome) + 1)

    async def _one(self, source: GivenAnswer, revision: str) -> Outcome:
        """Raises ShopsightError, SQLAlchemyError, RedisUnavailableError."""
        answering = self.answering
        stored = await self.cache.answers.key_of(source)
        if stored is None or (asked := asked_by(stored)) is None:
            return "not_cached"
        if (task := TASKS.get(stored.prompt_version)) is None:
            return "not_cached"  # asked by another instruction of ours, which nobody gives any more
        key = answering.quarantine.current_key(stored.at(revision))
        if await self.cache.answers.get(key) is not None:
            return "there"
        photos = await self._photos(stored)
        if photos is None:
            return "no_photo"
        facts = [photo.facts for photo in photos]
        known = Known(asked, asked, personal=False, task=task)
        known.image, known.further = (facts[0], tuple(facts[1:])) if facts else (None, ())
        question = Question(known, _no_photo, [photo.read for photo in photos[1:]])
        if photos:
            question.photo = photos[0].read
            question.unread_bytes = sum(photo.unread_bytes for photo in photos)
        interaction = Interaction("warm", caller=Caller(stored.namespace, batch=True))
        await answering.screening.question(question, interaction)

        answer = GivenAnswer(revision, key.image, key.digest)
        await asyncio.to_thread(note_warmed, self.engine, source, answer)
        async with aclosing(answering.compute(question, key, True, interaction, False)) as pieces:
            async for _ in pieces:
                pass
        # Whoever was erased meanwhile has taken the source along, and perhaps looked for this one
        # before it was there.
        if await self.cache.answers.key_of(source) is None:
            await self.cache.delete([answer])
            return "not_cached"
        stored_now = await self.cache.answers.get(key) is not None
        return "warmed" if stored_now else "refused"

    async def _photos(self, key: AnswerKey) -> list[Upload] | None:
        """None where one of them is not kept."""
        found = []
        for digest in key.images if key.image else []:
            upload = await self.uploads.of_photo(key.namespace, digest)
            if upload is None:
                return None
            found.append(upload)
        return found


async def _no_photo() -> None:
    return None
