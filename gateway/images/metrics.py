"""What is measured of photos."""

from prometheus_client import CollectorRegistry, Counter, Histogram


class ImageMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.render_s = Histogram(
            "gateway_picture_render_seconds",
            "Decoding a photo and encoding it anew, for a server that is not ours.",
            registry=registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
        )
        self.render_reused = Counter(
            "gateway_pictures_reused", "Such pictures that had been made before.", registry=registry
        )
