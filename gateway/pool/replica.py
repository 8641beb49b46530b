"""One inference replica as the gateway sees it: its state, and one question sent to it."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from urllib.parse import urlsplit

from contract.completion import CompletionRequest
from contract.errors import DeadlineExceeded, InvalidField, InvalidSchema, ReplicaFailed
from contract.render import AnswerPiece
from contract.response import Delta, Finished
from contract.wire import wire_parts
from gateway.pool.health import Health
from gateway.pool.http.answer_stream import answer_events, named_error
from gateway.pool.http.connection import BrokenError, Connection
from gateway.pool.http.hop import Hop
from gateway.pool.probe import Found, NotReadyError, probe
from gateway.pool.telemetry import PoolMetrics
from gateway.pool.upstream import Upstream

log = logging.getLogger(__name__)

# What a replica said while our own event loop was busy is read before it is judged.
GRACE_S = 0.05
# Of the log's column `replica`.
REPLICA_LENGTH = 64
# A replica that says it is full is left alone for so long while others have room.
REST_S = 1.0
# One late answer may be a full machine; two are a replica that does not get on.
LATE_PROBES = 2


class UnavailableError(Exception):
    """Nothing of the answer has come: another replica may be asked instead. `full`: this one would
    have answered, had it room."""

    def __init__(self, why: str, full: bool = False) -> None:
        super().__init__(why)
        self.full = full


class UnreachableError(UnavailableError):
    """Not even the question has gone out."""


def name_of(url: str) -> str:
    """For the log: where it is, without a password; as its column takes it, or the whole row would
    be refused."""
    parts = urlsplit(url)
    name = parts.netloc.rpartition("@")[2] + parts.path
    return name.encode("ascii", "replace").decode()[:REPLICA_LENGTH]


class Replica:
    """`limit`: questions at once; `silence_s`: a replica that says nothing to anybody for so long,
    though asked, is taken for hung."""

    def __init__(
        self, url: str, upstream: Upstream, metrics: PoolMetrics, limit: int, silence_s: float
    ) -> None:
        self.url = url
        self.name = name_of(url)
        self.upstream = upstream
        self.in_flight = 0
        self.ready = False
        self.found: Found | None = None
        self.health = Health()
        self._hop = Hop(url)
        # Apart: that it answers probes does not say that it answers questions. One that is slow to
        # take a connection is late, not down.
        self._probes = Hop(url, connect_s=None)
        self._metrics = metrics
        self._limit = limit
        self._silence_s = silence_s
        self._late_probes = 0
        self._why = ""
        self._resting_until = 0.0

    @property
    def revision(self) -> str | None:
        return self.found.revision if self.found else None

    @property
    def ejected(self) -> bool:
        return self.health.ejected(time.monotonic())

    @property
    def state(self) -> str:
        return "down" if not self.ready else "ejected" if self.ejected else "ready"

    @property
    def has_room(self) -> bool:
        probation = self.health.on_probation(time.monotonic())
        return self.in_flight < (1 if probation else self._limit)

    @property
    def resting(self) -> bool:
        """Has just said that it is full."""
        return time.monotonic() < self._resting_until

    async def probe(self) -> None:
        try:
            self.found = await probe(self._probes, self.upstream, self.found)
        except TimeoutError:
            self._late_probes += 1
            if self._late_probes >= LATE_PROBES:
                self._mark(False, "no answer in time")
        except NotReadyError as error:
            self._mark(False, str(error))
        else:
            self._late_probes = 0
            self._mark(True, "")

    def close(self) -> None:
        """No more questions come; those in flight end as they would."""
        self._hop.close()
        self._probes.close()
        self._metrics.forget(self.url)

    async def complete(
        self, asked: CompletionRequest, headers: dict[str, str], deadline: float, last: bool
    ) -> AsyncGenerator[AnswerPiece]:
        """Stream the answer. Before its first event UnavailableError, after it ReplicaFailed; the
        question's own faults as their named errors. Unless this is the `last` try, half of the time
        left until `deadline` is kept for another."""
        begun = time.monotonic()
        first_at = None
        pieces = 0
        try:
            async with aclosing(self._events(asked, headers)) as events:
                event: AnswerPiece | None = await self._first(events, deadline, last)
                first_at = now = time.monotonic()
                self._metrics.first_byte(self.url, first_at - begun)
                while event is not None:
                    if isinstance(event, Delta):
                        pieces += 1
                    else:
                        pace_s = (now - first_at) / (pieces - 1) if pieces > 1 else None
                        self.health.succeeded(now, first_at - begun, pace_s)
                        event = replace(event, replica=self.name)
                    yield event
                    async with asyncio.timeout(deadline - time.monotonic()):
                        event = await anext(events, None)
                    now = time.monotonic()
        except TimeoutError:  # in mid-stream: a long answer, or a replica that hangs
            if time.monotonic() - self._hop.heard_at >= self._silence_s:
                self.health.failed(time.monotonic(), "silent")
            raise DeadlineExceeded from None
        except BrokenError as error:
            fields = {"url": self.url, "kind": error.kind, "why": str(error)}
            log.warning("replica failed", extra={"fields": fields})
            self._metrics.failures.labels(error.kind).inc()
            self.health.failed(time.monotonic(), error.kind)
            if error.kind == "connect":
                self._mark(False, str(error))
                raise UnreachableError(str(error)) from error
            if first_at is not None:
                raise ReplicaFailed from None
            raise UnavailableError(str(error)) from error

    async def _events(
        self, asked: CompletionRequest, headers: dict[str, str]
    ) -> AsyncGenerator[AnswerPiece]:
        foreign = self.upstream.kind != "shopsight"
        model = self.upstream.model or (self.found.model_id if foreign and self.found else None)
        headers = {
            "content-type": "application/json",
            **self.upstream.authorization,
            **self.upstream.visible(headers),
        }
        body = wire_parts(asked, model, self.upstream.names)
        async with self._hop.request("POST", "/v1/chat/completions", headers, body) as answer:
            if answer.status != 200:
                raise await self._refusal(answer, asked)
            if answer.headers.get("x-model-revision", self.revision) != self.revision:
                # Replaced since the last probe: its answer belongs under another key.
                self._mark(False, "another revision")
                raise UnavailableError("another revision")
            if not answer.headers.get("content-type", "").startswith("text/event-stream"):
                raise BrokenError("garbage", "no event stream")
            chunks = answer.chunks()
            async with aclosing(chunks), aclosing(answer_events(chunks, asked)) as events:
                async for event in events:
                    answer.finished = isinstance(event, Finished)
                    yield event

    async def _first(
        self, events: AsyncGenerator[AnswerPiece], deadline: float, last: bool
    ) -> AnswerPiece:
        """The first event; a replica that stays silent is given up. It is not taken for hung while
        it speaks to others: a full one is slow to begin."""
        loop = asyncio.get_running_loop()
        begun = time.monotonic()
        by = deadline if last else begun + (deadline - begun) / 2
        timer: asyncio.TimerHandle | None = None
        try:
            async with asyncio.timeout(None) as limit:

                def look(sure: bool = False) -> None:
                    nonlocal timer
                    now = time.monotonic()
                    silent_at = max(begun, self._hop.heard_at) + self._silence_s
                    due = by if last else min(by, silent_at)
                    if due > now:
                        timer = loop.call_later(due - now, look)
                    elif sure:
                        limit.reschedule(loop.time())
                    else:
                        timer = loop.call_later(GRACE_S, look, True)

                look()
                return await anext(events)
        except TimeoutError:
            if time.monotonic() - begun >= self._silence_s:
                raise BrokenError("silent") from None
            raise UnavailableError("late") from None
        finally:
            if timer is not None:
                timer.cancel()

    async def _refusal(self, answer: Connection, asked: CompletionRequest) -> Exception:
        body = b"".join([chunk async for chunk in answer.chunks()])
        answer.finished = True
        try:
            error = json.loads(body)["error"]
            code = error.get("code")
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            error = code = None
        if known := named_error(error):
            return known
        if answer.status in (429, 503) and code != "no_replica":
            self._resting_until = time.monotonic() + REST_S
            return UnavailableError(f"status {answer.status}", full=True)
        if self.upstream.kind != "shopsight" and answer.status in (400, 422):
            # Ours was checked before: what is left is a schema, or a conversation too long for it.
            log.warning("question refused", extra={"fields": {"url": self.url}})
            by_schema = asked.sampling.schema is not None
            return InvalidSchema("response_format") if by_schema else InvalidField("messages")
        return BrokenError("status", f"status {answer.status}")

    def _mark(self, ready: bool, why: str) -> None:
        if (ready, why) != (self.ready, self._why):
            fields = {"url": self.url, "ready": ready, "why": why, "revision": self.revision}
            log.info("replica changed", extra={"fields": fields})
        self.ready, self._why = ready, why
