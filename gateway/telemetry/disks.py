"""How much is free on the disks of a gateway's folders, asked at each scrape."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class DiskCollector(Collector):
    """`folders`: their names in the metric's label, and where they are."""

    def __init__(self, folders: Mapping[str, Path], registry: CollectorRegistry) -> None:
        self._folders = folders
        registry.register(self)

    def collect(self) -> Iterable[Metric]:
        free = GaugeMetricFamily(
            "gateway_disk_free_ratio", "Free share of a folder's disk.", labels=["folder"]
        )
        for name, folder in self._folders.items():
            place = folder.absolute()
            while not place.exists():  # it is made when the first file comes
                place = place.parent
            usage = shutil.disk_usage(place)
            free.add_metric([name], usage.free / usage.total)
        yield free
