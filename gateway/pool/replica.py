"""One inference replica as the gateway sees it: its state, and questions sent to it."""

import asyncio
import logging
import math
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from contract.completion import CompletionRequest
from contract.errors import DeadlineExceeded, ReplicaFailed, ShopsightError
from contract.render import AnswerPiece
from contract.response import Delta, Finished
from contract.wire import Priority, priority_of
from gateway.pool.addresses import replica_name
from gateway.pool.health import Health
from gateway.pool.http.answer_stream import answer_pieces
from gateway.pool.http.connection import UpstreamError
from gateway.pool.http.connection_pool import ConnectionPool
from gateway.pool.http.first_piece import first_piece
from gateway.pool.places import Places
from gateway.pool.refusals import DOUBTFUL, NotBegunError, UnavailableError, error_of
from gateway.pool.silence import SilenceWatch
from gateway.pool.telemetry import PoolMetrics
from gateway.pool.upstreams.probe import NotReadyError, ServedModel, probe
from gateway.pool.upstreams.question import body_of
from gateway.pool.upstreams.salts import Salts
from gateway.pool.upstreams.trial import answers
from gateway.pool.upstreams.upstream import Upstream

log = logging.getLogger(__name__)

# One late probe may be a busy machine. After so many in a row the replica is down.
LATE_PROBES_UNTIL_DOWN = 2


class Replica:
    """`silence_s`: a replica that sends nothing at all for so long, though questions wait, counts
    as hung."""

    def __init__(
        self,
        url: str,
        upstream: Upstream,
        metrics: PoolMetrics,
        places: Places,
        silence_s: float,
        salts: Salts,
    ) -> None:
        self.url = url
        self.name = replica_name(url)
        self.upstream = upstream
        self.places = places
        self.ready = False
        self.served: ServedModel | None = None
        self.health = Health()
        self._connections = ConnectionPool(url)
        # Probes have their own: an answered probe must not count as a sign that questions are
        # answered. A replica that is slow to accept the connection is late, not down.
        self._probe_connections = ConnectionPool(url, bounds_connecting=False)
        self._metrics = metrics
        self._silence_s = silence_s
        self._salts = salts
        self._late_probes, self._not_ready_reason = 0, ""
        self._renaming = asyncio.Lock()
        self._silence = SilenceWatch(
            silence_s,
            lambda: self._connections.last_byte_at,
            self._answers,
            lambda: self._set_ready(False, "its engine does not answer"),
        )

    @property
    def revision(self) -> str | None:
        return self.served.revision if self.served else None

    @property
    def ejected(self) -> bool:
        return self.health.ejected(time.monotonic())

    @property
    def state(self) -> str:
        return "down" if not self.ready else "ejected" if self.ejected else "ready"

    @property
    def in_flight(self) -> int:
        """Questions of shoppers."""
        return self.places.taken("interactive")

    def has_capacity(self, priority: Priority) -> bool:
        return self.places.has_room(priority, self.health.half_open(time.monotonic()))

    async def probe(self, afresh: bool = False) -> None:
        """`afresh`: it may serve another model than at the last probe, under the same address. So
        may one that was not ready since."""
        known = self.served if self.ready and not afresh else None
        try:
            self.served = await probe(self._probe_connections, self.upstream, known)
        except TimeoutError:
            self._late_probes += 1
            if self._late_probes >= LATE_PROBES_UNTIL_DOWN:
                self._set_ready(False, "no answer in time")
        except NotReadyError as error:
            self._set_ready(False, str(error))
        else:
            self._late_probes = 0
            if self.upstream.foreign:  # ours are not ready when their engine is not
                self._silence.check()
            if not self._silence.silent:
                self._set_ready(True, "")

    def close(self) -> None:
        """It gets no more questions. Those in flight go on to their end."""
        self._silence.close()
        self._connections.close()
        self._probe_connections.close()
        self._metrics.forget(self.url)

    async def complete(
        self,
        asked: CompletionRequest,
        headers: dict[str, str],
        revision: str,
        deadline: float,
        last_try: bool,
    ) -> AsyncGenerator[AnswerPiece]:
        """Stream the answer of `revision`; `deadline` in time.monotonic seconds.

        Unless this is the `last_try`, half of the remaining time is kept for another replica. A
        question of the batch lane may wait in silence. Raises UnavailableError before the first
        piece and ReplicaFailed after it; DeadlineExceeded; and the named error of a request that
        the replica refuses."""
        started_at = time.monotonic()
        in_lane = priority_of(headers) == "batch"
        silence_s = math.inf if in_lane else self._silence_s
        first_piece_at = None
        deltas = 0
        try:
            request = self._request(asked, headers, revision)
            async with self._silence.question(), aclosing(request) as pieces:
                piece = await first_piece(
                    pieces,
                    deadline=deadline,
                    last_try=last_try,
                    silence_s=silence_s,
                    last_byte_at=lambda: self._connections.last_byte_at,
                )
                if piece is None:
                    raise UnavailableError("late")
                first_piece_at = now = time.monotonic()
                if not in_lane and not self._connections.closed:
                    self._metrics.observe_first_byte(self.url, first_piece_at - started_at)
                while piece is not None:
                    if isinstance(piece, Delta):
                        deltas += 1
                    else:
                        timed = deltas > 1 and not in_lane
                        interval_s = (now - first_piece_at) / (deltas - 1) if timed else None
                        first_s = None if in_lane else first_piece_at - started_at
                        self.health.record_success(now, first_s, interval_s)
                        piece = replace(piece, replica=self.name)
                    yield piece
                    async with asyncio.timeout(deadline - time.monotonic()):
                        piece = await anext(pieces, None)
                    now = time.monotonic()
        except TimeoutError:  # after the first piece: a long answer, or a replica that hangs
            if time.monotonic() - self._connections.last_byte_at >= silence_s:
                self.health.record_failure(time.monotonic(), "silent")
            raise DeadlineExceeded from None
        except NotBegunError as error:
            self._set_ready(False, str(error))
            raise
        except ShopsightError as error:
            log.warning("question refused", extra={"fields": {"url": self.url, "code": error.code}})
            raise
        except UpstreamError as error:
            fields = {"url": self.url, "kind": error.kind, "why": str(error)}
            log.warning("replica failed", extra={"fields": fields})
            self._metrics.failures.labels(error.kind).inc()
            doubt = error.kind if error.kind in DOUBTFUL else None
            # After its first piece no other replica can tell whose fault it is.
            if doubt is None or (first_piece_at is not None and asked.sampling.schema is None):
                self.health.record_failure(time.monotonic(), error.kind)
            if error.kind == "connect":
                self._set_ready(False, str(error))
                raise NotBegunError(str(error)) from error
            if first_piece_at is not None:
                raise ReplicaFailed from None
            raise UnavailableError(str(error), doubt=doubt) from error

    async def _request(
        self, asked: CompletionRequest, headers: dict[str, str], revision: str
    ) -> AsyncGenerator[AnswerPiece]:
        own_headers = {
            "content-type": "application/json",
            **self.upstream.authorization,
            **self.upstream.visible_headers(headers),
        }
        path = "/v1/chat/completions"
        for again in (False, True):
            served = self.served
            if self.revision != revision:  # a probe has found another model meanwhile
                raise UnavailableError("another revision")
            body = body_of(self.upstream, asked, self._model_name, headers, self._salts)
            async with self._connections.request("POST", path, own_headers, body) as response:
                if response.status == 404 and not again and await self._renamed(served):
                    continue
                if response.status != 200:
                    refusal = b"".join([chunk async for chunk in response.chunks()])
                    response.finished = True
                    raise error_of(response.status, response.headers, refusal, asked)
                if response.headers.get("x-model-revision", revision) != revision:
                    # The server was replaced since the last probe: another cache key is needed.
                    self._set_ready(False, "another revision")
                    raise UnavailableError("another revision")
                if not response.headers.get("content-type", "").startswith("text/event-stream"):
                    raise UpstreamError("garbage", "no event stream")
                chunks = response.chunks()
                async with aclosing(chunks), aclosing(answer_pieces(chunks, asked)) as pieces:
                    async for piece in pieces:
                        response.finished = isinstance(piece, Finished)
                        yield piece
                return

    @property
    def _model_name(self) -> str | None:
        """What a server of another kind calls its model; ours answer to the alias."""
        if self.upstream.model or not self.upstream.foreign:
            return self.upstream.model
        return self.served.model_id if self.served else None

    async def _renamed(self, served: ServedModel | None) -> bool:
        """Whether it serves another model than `served`, or under another name: it was started anew
        since the last probe."""
        async with self._renaming:
            if self.served is served:
                await self.probe(afresh=True)
        return self.ready and self.served != served

    async def _answers(self, within_s: float) -> bool:
        connections, model = self._probe_connections, self._model_name
        return await answers(connections, self.upstream, model, self._salts, within_s)

    def _set_ready(self, ready: bool, reason: str) -> None:
        if (ready, reason) != (self.ready, self._not_ready_reason):
            fields = {"url": self.url, "ready": ready, "why": reason, "revision": self.revision}
            log.info("replica changed", extra={"fields": fields})
        self.ready, self._not_ready_reason = ready, reason
