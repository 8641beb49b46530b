"""Metrics of a replica for Prometheus."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.requests import ClientDisconnect

from contract.errors import ShopsightError
from contract.process.traces import Step, Traces
from contract.wire import Priority
from inference.batching.rows import Rows
from inference.batching.sequence import Sequence
from inference.model.model import Model

# Seconds. An answer of the demo model takes 0.2-0.6 s, one of an 8B model on an A10 0.4-2 s.
BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2.5, 5, 10, 30)
# A question of the batch lane may wait for as long as shoppers take all slots.
LANE_BUCKETS = (60, 300, 1800)
# A token of an 8B model takes 9-25 ms on an A10 without a batch, longer in one.
TOKEN_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 1)
ROWS = (1, 2, 4, 8, 12, 16, 24, 32, 64)


class Lanes(Protocol):
    @property
    def shoppers_waiting(self) -> int: ...
    @property
    def lane_waiting(self) -> int: ...


class Preparing:
    """One question on its way to the queue."""

    def __init__(self, under_way: Gauge, seconds: Histogram) -> None:
        self.began_at = time.monotonic()
        self.ended = False
        self._under_way, self._seconds = under_way, seconds
        under_way.inc()

    def end(self) -> None:
        self.ended = True
        self._under_way.dec()
        self._seconds.observe(time.monotonic() - self.began_at)


class Metrics:
    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "inference_requests", "Questions by outcome.", ["outcome"], registry=registry
        )
        self.not_finite = Counter(
            "inference_not_finite",
            "Questions for which the model computed no number.",
            registry=registry,
        )
        self._tokens = Counter(
            "inference_tokens",
            "Tokens that were read, by kind: prompt, completion, again (after a row had to wait).",
            ["kind"],
            registry=registry,
        )
        self.known_tokens = Counter(
            "inference_known_prompt_tokens",
            "Tokens of prompts that were not read, because they were read before.",
            registry=registry,
        )
        self._rows = Histogram(
            "inference_pass_rows",
            "Rows in a pass.",
            ["kind"],
            registry=registry,
            buckets=ROWS,
        )
        self._queue_depth = Gauge(
            "inference_queue_depth", "Questions waiting, by lane.", ["lane"], registry=registry
        )
        self.preemptions = Counter(
            "inference_preemptions",
            "Rows that had to wait again, by reason: shopper (a batch row gave its slot), memory.",
            ["reason"],
            registry=registry,
        )
        self._kv_bytes = Gauge(
            "inference_kv_cache_bytes", "Keys and values of the rows in flight.", registry=registry
        )
        self._slots_used = Gauge("inference_slots_used", "Rows in flight.", registry=registry)
        self._lane_slots_used = Gauge(
            "inference_batch_slots_used", "Rows of the batch lane in flight.", registry=registry
        )
        self._vision_bytes = Gauge(
            "inference_vision_cache_bytes", "Cached features of photos.", registry=registry
        )
        self._prefix_bytes = Gauge(
            "inference_prefix_cache_bytes", "Kept beginnings of prompts.", registry=registry
        )
        self.vision_lookups = Counter(
            "inference_vision_cache_lookups", "By result.", ["result"], registry=registry
        )
        self._preparing = Gauge(
            "inference_preparing",
            "Questions whose body, photos or schema are worked on before they are in the queue.",
            registry=registry,
        )
        self._preparing_s = Histogram(
            "inference_preparing_seconds",
            "Arrival to the queue, or to a refusal before it, by lane.",
            ["lane"],
            registry=registry,
            buckets=BUCKETS,
        )
        self.wait_s = Histogram(
            "inference_wait_seconds",
            "Time in the queue, by lane.",
            ["lane"],
            registry=registry,
            buckets=BUCKETS + LANE_BUCKETS,
        )
        self.ttft_s = Histogram(
            "inference_ttft_seconds",
            "Arrival to first token, by lane.",
            ["lane"],
            registry=registry,
            buckets=BUCKETS + LANE_BUCKETS,
        )
        self._token_s = Histogram(
            "inference_time_per_output_token_seconds",
            "Mean over the tokens of an answer after the first, by lane.",
            ["lane"],
            registry=registry,
            buckets=TOKEN_BUCKETS,
        )

        self.traces: Traces | None = None

    @contextmanager
    def preparing(self, lane: Priority) -> Iterator["Preparing"]:
        """Around a whole request: whoever is refused, or leaves, before `Preparing.end` is counted
        here. After that it is the engine's to count."""
        preparing = Preparing(self._preparing, self._preparing_s.labels(lane))
        outcome = "internal_error"
        try:
            yield preparing
        except ShopsightError as error:
            outcome = error.code
            raise
        except (asyncio.CancelledError, ClientDisconnect):
            outcome = "cancelled"
            raise
        finally:
            if not preparing.ended:
                preparing.end()
                self.requests.labels(outcome).inc()

    def record_pass(self, decoding: int, prefilling: int, tokens: Mapping[str, int]) -> None:
        """Rows of each kind, and the tokens that they have added, by kind."""
        for kind, rows in (("completion", decoding), ("prompt", prefilling)):
            if rows:
                self._rows.labels(kind).observe(rows)
        for kind, count in tokens.items():
            self._tokens.labels(kind).inc(count)

    def record_end(self, row: Sequence, error: ShopsightError | None) -> None:
        """A question has ended: with this error, answered, or because its asker has left."""
        outcome = error.code if error else "cancelled" if row.job.cancelled else "answered"
        if row.first_token_at is not None and row.answer_tokens > 1:
            spent_s = time.monotonic() - row.first_token_at
            self._token_s.labels(row.priority).observe(spent_s / (row.answer_tokens - 1))
        self.requests.labels(outcome).inc()
        if self.traces is not None and self.traces.wants(row.job.request_id):
            self._send_trace(self.traces, row, outcome)

    def _send_trace(self, traces: Traces, row: Sequence, outcome: str) -> None:
        """Prepare, queue, prefill and decode, as far as it came."""
        now, since_1970 = time.monotonic(), time.time()
        times = [row.job.asked_at, row.job.arrived_at, row.job.began_at, row.first_token_at, now]
        reached = [since_1970 - now + at for at in times if at is not None]
        names = ("prepare", "queue", "prefill", "decode")
        attributes: dict[str, str | int] = {
            "shopsight.outcome": outcome,
            "shopsight.lane": row.priority,
            "shopsight.known_tokens": row.known_tokens,
            "gen_ai.usage.input_tokens": len(row.job.prompt.ids),
            "gen_ai.usage.output_tokens": row.answer_tokens,
        }
        traces.send(
            row.job.request_id,
            Step("inference", reached[0], reached[-1]),
            [Step(*each) for each in zip(names, reached, reached[1:], strict=False)],
            attributes,
            failed=outcome not in ("answered", "cancelled"),
        )

    def record_state(self, model: Model, rows: Rows, waiting: Lanes) -> None:
        """After each step: what waits, what is in flight, and what that takes."""
        self._queue_depth.labels("interactive").set(waiting.shoppers_waiting)
        self._queue_depth.labels("batch").set(waiting.lane_waiting)
        self._slots_used.set(len(rows))
        self._lane_slots_used.set(len(rows) - rows.shoppers)
        tokens = sum(row.cached_tokens for row in rows)
        self._kv_bytes.set(tokens * model.facts.kv_bytes_per_token)
        vision_cache = model.network.vision
        self._vision_bytes.set(vision_cache.bytes)
        self._prefix_bytes.set(model.network.prefixes.bytes)
        for result, count in zip(("hit", "miss"), vision_cache.pop_counts(), strict=True):
            self.vision_lookups.labels(result).inc(count)

    def close(self) -> None:
        """Send the traces that wait."""
        if self.traces is not None:
            self.traces.close()
