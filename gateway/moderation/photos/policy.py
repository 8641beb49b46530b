"""Judges photos: block lists, then what a helper process has seen. What was seen is remembered by
tenant and the photo's digest: how long a look takes would tell one tenant what another has sent.
The verdict is made of it anew, so a new policy needs no new look."""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from contract.errors import DeadlineExceeded
from contract.images import EncodedImage
from gateway.errors import ModerationUnavailable
from gateway.moderation.photos.examiner import ExaminerDownError, PhotoExaminer
from gateway.moderation.photos.findings import Findings, looks_like
from gateway.moderation.text import TextPolicy
from gateway.moderation.verdict import NOTHING, Verdict, stronger

# About 400 bytes an entry.
REMEMBERED_PHOTOS = 10_000

Photo = Callable[[], Awaitable[EncodedImage | None]]


@dataclass(slots=True)
class _Judged:
    findings: Findings
    judged_by: str = ""
    """Version of the text policy that `verdict` is of."""
    verdict: Verdict = NOTHING


class PhotoPolicy:
    """`blocked`: digests of pixels. `alike`: perceptual hashes."""

    def __init__(
        self,
        blocked: frozenset[str],
        alike: frozenset[int] = frozenset(),
        examiner: PhotoExaminer | None = None,
        when_down: Literal["allow", "refuse"] = "allow",
        nsfw_threshold: float = 0.8,
    ) -> None:
        self._blocked = blocked
        self._alike = alike
        self._examiner = examiner
        self._when_down = when_down
        self._nsfw_threshold = nsfw_threshold
        self._seen: OrderedDict[str, _Judged] = OrderedDict()
        self._looking: dict[str, asyncio.Task[Findings]] = {}

    def is_listed(self, digest: str) -> bool:
        return digest in self._blocked

    def known(self, digest: str, texts: TextPolicy, tenant: str) -> Verdict | None:
        """The verdict on a photo; None for one that has to be looked at."""
        if self._examiner is None:
            return NOTHING
        seen = self._seen.get(tenant + digest)
        if seen is None:
            return None
        self._seen.move_to_end(tenant + digest)
        if seen.judged_by != texts.version:
            seen.verdict = self._verdict(seen.findings, texts, tenant)
            seen.judged_by = texts.version
        return seen.verdict

    def look(
        self, digest: str, photo: Photo, texts: TextPolicy, tenant: str, deadline: float = math.inf
    ) -> asyncio.Task[Verdict]:
        """Have it looked at, from now on. Its result raises what `judge` does."""
        looking = asyncio.create_task(self.judge(digest, photo, texts, tenant, deadline))
        looking.add_done_callback(_retrieve)
        return looking

    async def judge(
        self, digest: str, photo: Photo, texts: TextPolicy, tenant: str, deadline: float = math.inf
    ) -> Verdict:
        """Raises ImageTooComplex, Overloaded where too many photos wait, DeadlineExceeded
        (`deadline` in time.monotonic seconds); ModerationUnavailable where nothing can look at
        photos and the setting says so."""
        verdict = self.known(digest, texts, tenant)
        if verdict is not None:
            return verdict
        assert self._examiner is not None
        owned = tenant + digest
        looking = self._looking.get(owned)
        if looking is None:
            looking = asyncio.create_task(_examined(photo, self._examiner))
            self._looking[owned] = looking
            looking.add_done_callback(lambda done: self._keep(owned, done))
        try:
            async with asyncio.timeout(deadline - time.monotonic()):  # those before it, too
                # Shielded: one asker who leaves must not take the photo from the others.
                found = await asyncio.shield(looking)
        except TimeoutError:
            raise DeadlineExceeded from None
        except ExaminerDownError:
            if self._when_down == "refuse":
                raise ModerationUnavailable from None
            return NOTHING
        return self._verdict(found, texts, tenant)

    def start(self) -> None:
        if self._examiner is not None:
            self._examiner.start()

    def close(self) -> None:
        if self._examiner is not None:
            self._examiner.close()

    def _keep(self, owned: str, done: asyncio.Task[Findings]) -> None:
        del self._looking[owned]
        if not _retrieve(done):
            return
        self._seen[owned] = _Judged(done.result())
        if len(self._seen) > REMEMBERED_PHOTOS:
            self._seen.popitem(last=False)

    def _verdict(self, found: Findings, texts: TextPolicy, tenant: str) -> Verdict:
        if looks_like(found.hash, self._alike):
            return Verdict("block", "illegal")
        verdict = Verdict(scores=(("sexual", found.nsfw),))
        if found.nsfw >= self._nsfw_threshold:
            action = texts.action("sexual", tenant)
            verdict = Verdict(action, "sexual", verdict.scores)
        written = [*found.codes, *found.texts]
        together = list(found.texts)
        return stronger(verdict, texts.judge(written, tenant, "photo", said_together=together))


def _retrieve(done: asyncio.Future[Any]) -> bool:
    """Whether it has a result. An error that nobody waits for any more is looked at here: else
    Python complains of it."""
    return not done.cancelled() and done.exception() is None


async def _examined(photo: Photo, examiner: PhotoExaminer) -> Findings:
    encoded = await photo()
    assert encoded is not None
    return await examiner.examine(encoded.data)
