"""What is read from a gateway's metrics at one moment, for the page of its last hour. Pure."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from prometheus_client.core import Metric

# What is read. All metrics together would take three times as long.
NAMES = (
    "gateway_requests_total",
    "gateway_request_seconds_bucket",
    "gateway_pool_waiting",
    "gateway_pool_replicas",
    "gateway_log_lag_seconds",
    "gateway_revision_requests_total",
    "gateway_revision_seconds_bucket",
    "gateway_votes_total",
)

# Seconds to the number of answers that took no longer, since the process began.
Buckets = dict[float, float]


def _buckets() -> Buckets:
    return defaultdict(float)


@dataclass
class OfRevision:
    """Since the process began."""

    requests: float = 0
    failed: float = 0
    up: float = 0
    down: float = 0
    computed_s: Buckets = field(default_factory=_buckets)
    """Times of the answers that its replicas computed."""


@dataclass
class Snapshot:
    """Counts since the process began, and what is so right now. Batches are left out: they may
    wait."""

    requests: float = 0
    failed: float = 0
    answers: float = 0
    """Of which it is known whether they came from the cache."""
    from_cache: float = 0
    answer_s: Buckets = field(default_factory=_buckets)
    waiting: float = 0
    replicas: dict[str, float] = field(default_factory=dict)
    """Their number by state."""
    lag_s: float = 0
    revisions: dict[str, OfRevision] = field(default_factory=dict)

    def of(self, revision: str) -> OfRevision:
        return self.revisions.setdefault(revision, OfRevision())


def read(metrics: Iterable[Metric]) -> Snapshot:
    """The snapshot of all that a registry collects."""
    snapshot = Snapshot()
    for metric in metrics:
        for sample in metric.samples:
            labels, value = sample.labels, sample.value
            if labels.get("route", "").startswith("batch"):
                continue
            match sample.name:
                case "gateway_requests_total":
                    _request(snapshot, labels, value)
                case "gateway_request_seconds_bucket" if labels["cache"]:
                    snapshot.answer_s[float(labels["le"])] += value
                case "gateway_pool_waiting":
                    snapshot.waiting = value
                case "gateway_pool_replicas":
                    snapshot.replicas[labels["state"]] = value
                case "gateway_log_lag_seconds":
                    snapshot.lag_s = value
                case "gateway_revision_requests_total":
                    snapshot.of(labels["revision"]).requests += value
                    if labels["outcome"] == "failed":
                        snapshot.of(labels["revision"]).failed += value
                case "gateway_revision_seconds_bucket":
                    snapshot.of(labels["revision"]).computed_s[float(labels["le"])] += value
                case "gateway_votes_total" if labels["vote"] == "up":
                    snapshot.of(labels["revision"]).up += value
                case "gateway_votes_total":
                    snapshot.of(labels["revision"]).down += value
    return snapshot


def _request(snapshot: Snapshot, labels: dict[str, str], count: float) -> None:
    snapshot.requests += count
    if labels["outcome"] == "failed":
        snapshot.failed += count
    if labels["cache"]:
        snapshot.answers += count
        snapshot.from_cache += count * (labels["cache"] != "miss")


def quantile(share: float, before: Buckets, after: Buckets) -> float | None:
    """Seconds within which this share of the answers came between two snapshots, as Prometheus's
    `histogram_quantile` reckons: evenly spread within a bucket. None without answers."""
    bounds = sorted(after)
    counts = [after[bound] - before.get(bound, 0) for bound in bounds]
    if not counts or counts[-1] <= 0:
        return None
    rank = share * counts[-1]
    lower, below = 0.0, 0.0
    for bound, count in zip(bounds, counts, strict=True):
        if count >= rank:
            if bound == float("inf"):
                return lower  # it took longer than that, and nobody knows how much
            return lower + (bound - lower) * (rank - below) / max(count - below, 1e-9)
        lower, below = bound, count
    return lower
