"""What is measured of photos that are fetched."""

from prometheus_client import CollectorRegistry, Counter, Histogram


class FetchMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.fetches = Counter(
            "gateway_image_url_fetches",
            "Photos asked for at their addresses. `outcome`: fetched, not_modified, or the error.",
            ["outcome"],
            registry=registry,
        )
        self.seconds = Histogram(
            "gateway_image_url_fetch_seconds",
            "How long that took, with the wait for one's turn.",
            registry=registry,
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        )
