"""What a replica measures of itself, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# Seconds. A demo answer takes 0.2-0.6, an 8B answer on an A10 0.4-2.
BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2.5, 5, 10, 30)
# An 8B token takes 9-25 ms on an A10 alone, longer in a batch.
TOKEN_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 1)
ROWS = (1, 2, 4, 8, 12, 16, 24, 32, 64)


class Metrics:
    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "inference_requests", "Questions by outcome.", ["outcome"], registry=registry
        )
        self._tokens = Counter(
            "inference_tokens", "Tokens by kind: prompt, completion.", ["kind"], registry=registry
        )
        self._rows = Histogram(
            "inference_pass_rows", "Rows of a pass.", ["kind"], registry=registry, buckets=ROWS
        )
        self.queue_depth = Gauge("inference_queue_depth", "Questions waiting.", registry=registry)
        self.kv_bytes = Gauge(
            "inference_kv_cache_bytes", "Keys and values of the rows in flight.", registry=registry
        )
        self.slots_used = Gauge("inference_slots_used", "Rows in flight.", registry=registry)
        self.vision_bytes = Gauge(
            "inference_vision_cache_bytes", "Features of photos kept.", registry=registry
        )
        self.vision_lookups = Counter(
            "inference_vision_cache_lookups", "By result.", ["result"], registry=registry
        )
        self.wait_s = Histogram(
            "inference_wait_seconds", "Time in the queue.", registry=registry, buckets=BUCKETS
        )
        self.ttft_s = Histogram(
            "inference_ttft_seconds", "Arrival to first token.", registry=registry, buckets=BUCKETS
        )
        self.token_s = Histogram(
            "inference_time_per_output_token_seconds",
            "Mean over an answer, behind its first token.",
            registry=registry,
            buckets=TOKEN_BUCKETS,
        )

    def passed(self, kind: str, rows: int, tokens: int) -> None:
        """Take note of one forward pass."""
        self._rows.labels(kind).observe(rows)
        self._tokens.labels(kind).inc(tokens)
