"""What a replica measures of itself, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# Seconds. A demo answer takes 0.2-0.6, an 8B answer on an A10 0.4-2.
BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2.5, 5, 10, 30)


class Metrics:
    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "inference_requests", "Questions by outcome.", ["outcome"], registry=registry
        )
        self.tokens = Counter(
            "inference_tokens", "Tokens by kind: prompt, completion.", ["kind"], registry=registry
        )
        self.queue_depth = Gauge("inference_queue_depth", "Questions waiting.", registry=registry)
        self.wait_s = Histogram(
            "inference_wait_seconds", "Time in the queue.", registry=registry, buckets=BUCKETS
        )
        self.ttft_s = Histogram(
            "inference_ttft_seconds", "Arrival to first token.", registry=registry, buckets=BUCKETS
        )
