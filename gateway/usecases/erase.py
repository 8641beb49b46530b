"""The way of one erasure: everything of a person up to now is deleted, wherever it is kept."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from contract.errors import InvalidField
from gateway.batch.erasure import BatchErasure
from gateway.cache.redis import RedisUnavailableError
from gateway.cache.retries import Retries
from gateway.cache.shared import SharedAnswers
from gateway.erasure.log import LogErasure
from gateway.erasure.person import chunks
from gateway.erasure.spools import find_events, redact_spools
from gateway.errors import ErasureIncomplete, InvalidKey
from gateway.identity.callers import Caller
from gateway.identity.pseudonyms import Pseudonyms
from gateway.images.uploads import Uploads
from gateway.log import audit
from gateway.log.event import BadEvent
from gateway.log.faults import loggable
from gateway.log.given_answers import GivenAnswer, given_answers
from gateway.log.interaction import Interaction
from gateway.log.outbox.recorder import Recorder
from gateway.log.redaction import fields_of
from gateway.log.tombstones import Subject

log = logging.getLogger(__name__)

# The name under which an anonymous shopper, who is known by a cookie only, is erased.
ME = "me"
DATABASE_FILE = "database file"
# One is done at a time; more wait for it, in their order, and others are to be sent again.
WAITING = 4

R = TypeVar("R")


@dataclass
class Receipt:
    """What was erased where. `pending`: files that were in use or cannot be read, and may still
    hold something; nothing new comes out of them."""

    erased_at: datetime
    interactions: int = 0
    feedback: int = 0
    dead_letters: int = 0
    spooled_events: int = 0
    images: int = 0
    cached_answers: int = 0
    batch_lines: int = 0
    batch_results: int = 0
    pending: list[str] = field(default_factory=list)

    def wire(self) -> dict[str, Any]:
        fields = asdict(self) | {"erased_at": int(self.erased_at.timestamp())}
        return {"object": "erasure", **fields}


@dataclass
class Erasing:
    pseudonyms: Pseudonyms
    engine: Engine
    """Of its own, with more patience than a question's."""
    uploads: Uploads
    batches: BatchErasure
    cache: SharedAnswers
    spool_dir: Path
    recorder: Recorder
    retries: Retries
    # Of its own: a database that hangs must not keep those waiting who read a photo.
    _sql: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="erasing"), init=False
    )
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _waiting: int = field(default=0, init=False)

    def close(self) -> None:
        self._sql.shutdown(wait=False, cancel_futures=True)
        self.engine.dispose()

    async def on_request(
        self, identify: Callable[[], Awaitable[Caller]], user: str, interaction: Interaction
    ) -> Receipt:
        """An erasure that its own person or tenant asks for: done, and recorded. Raises InvalidKey
        and ErasureIncomplete."""
        async with self.recorder.recorded(interaction):
            caller = await identify()
            # The row says that there was an erasure, and of which tenant, but not of whom.
            interaction.caller = Caller(caller.tenant)
            with interaction.step("erase"):
                return await self._of_caller(caller, user)

    async def _of_caller(self, caller: Caller, user: str) -> Receipt:
        """A tenant erases its own users, an anonymous shopper itself. Raises InvalidKey, and
        InvalidField for nobody's id: its receipt would be of an erasure that erased nothing."""
        if not user:
            raise InvalidField("user", fault="missing")
        if caller.key is not None:
            return await self.of_user(caller.tenant, user, f"key:{caller.key}")
        if user != ME or caller.session is None or caller.is_new:
            raise InvalidKey
        return await self._erase([Subject(caller.tenant, "session", caller.session)], "session")

    async def of_user(self, tenant: str, user: str, actor: str = audit.INTERNAL) -> Receipt:
        names = self.pseudonyms.every(tenant, user)
        return await self._erase([Subject(tenant, "user", name) for name in names], actor)

    async def _erase(self, subjects: list[Subject], actor: str) -> Receipt:
        """Raises ErasureIncomplete: what was done stays done, and all of it may be done again."""
        now = datetime.now(UTC)
        receipt = Receipt(now.replace(microsecond=now.microsecond // 1000 * 1000))
        erasure = LogErasure(self.engine, subjects, receipt.erased_at)
        try:
            async with self._one_at_a_time():
                await self._in_thread(erasure.begin, actor)
                await self._erase_everywhere(erasure, receipt)
                await self.retries.forget(_whose_retries(subjects[0]))
                await self._in_thread(erasure.end, actor, receipt.wire())
        except (SQLAlchemyError, RedisUnavailableError, OSError) as error:
            log.warning("erasure incomplete", extra={"fields": {"why": loggable(error)}})
            raise ErasureIncomplete from None
        return receipt

    @asynccontextmanager
    async def _one_at_a_time(self) -> AsyncIterator[None]:
        if self._lock.locked() and self._waiting >= WAITING:
            log.warning("erasure incomplete", extra={"fields": {"why": "others are waiting"}})
            raise ErasureIncomplete
        self._waiting += 1
        try:
            await self._lock.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._lock.release()

    async def _in_thread(self, call: Callable[..., R], *arguments: Any) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._sql, call, *arguments)

    async def _erase_everywhere(self, erasure: LogErasure, receipt: Receipt) -> None:
        """Lines of batches first: workers go on asking them. Then each place after what is found by
        means of it: a row names answers and photos."""
        persons = erasure.subjects
        names = {subject.name for subject in persons if subject.kind == "user"}
        if names:
            tenant, at = persons[0].tenant, receipt.erased_at
            found = await self._in_thread(self.batches.erase, tenant, names, at)
            receipt.batch_lines, receipt.batch_results = found.lines, found.results

        events, letters = await self._in_thread(self._events, erasure)
        texts = [*events, *letters.values()]
        seen = {digest for text in texts if (digest := _photo_of(text))}
        photos = await self._in_thread(erasure.exclusive_photos, seen)
        for chunk in chunks(photos) if photos else [[]]:
            receipt.images += await self.uploads.erase(erasure.upload_condition(chunk))
        receipt.cached_answers = await self._delete_own(erasure, given_answers(texts))

        await self._in_thread(erasure.redact_dead_letters, letters)
        receipt.dead_letters = len(letters)
        receipt.feedback = await self._in_thread(erasure.delete_feedback)
        for which in erasure.interaction_conditions(photos):
            while batch := await self._in_thread(erasure.next_batch, which):
                given = [answer for answer in batch.values() if answer is not None]
                receipt.cached_answers += await self._delete_own(erasure, given)
                receipt.interactions += await self._in_thread(erasure.redact_rows, batch)

        redacted = await self._in_thread(redact_spools, self.spool_dir, erasure.tombstones)
        receipt.spooled_events, receipt.pending = redacted.events, redacted.pending
        if not await self._in_thread(erasure.truncate_wal):
            receipt.pending.append(DATABASE_FILE)

    async def _delete_own(self, erasure: LogErasure, given: list[GivenAnswer]) -> int:
        """Delete from the cache what nobody else was given, and what was computed because of it."""
        own = await self._in_thread(erasure.own_answers, given)
        deleted = await self.cache.delete(own)
        return deleted + await self.cache.delete(await self._in_thread(erasure.warmed_from, own))

    def _events(self, erasure: LogErasure) -> tuple[list[str], dict[UUID, str]]:
        return find_events(self.spool_dir, erasure.tombstones), erasure.dead_letters()


def _whose_retries(subject: Subject) -> str:
    """As `api.posts.idempotency` names them, which does not tell a tenant's users apart: all go."""
    kind = "session" if subject.kind == "session" else "tenant"
    return f"{kind} {subject.name if kind == 'session' else subject.tenant}"


def _photo_of(event: str) -> str | None:
    try:
        found = fields_of(event).get("image_digest")
    except BadEvent:
        return None
    return found if isinstance(found, str) else None
