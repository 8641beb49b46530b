"""Metrics of the replica's GPU from NVML, where it has one and the `gpu` extra is present."""

import importlib.util
import logging
from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

log = logging.getLogger(__name__)

GAUGES = (
    ("inference_gpu_utilisation_ratio", "Share of time in kernels."),
    ("inference_gpu_memory_bytes", "In use."),
    ("inference_gpu_memory_total_bytes", "In all."),
)


class _NvmlCollector(Collector):
    """Asks the driver at each scrape, and does nothing in between. What the driver does not tell is
    missing, and nothing else is: a card in trouble is when the other metrics are needed."""

    def __init__(self, nvml: Any, uuid: str) -> None:
        self._nvml = nvml
        self._uuid = uuid
        self._missing: set[str] = set()
        nvml.nvmlInit()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        nvml = self._nvml
        busy, used, total = (GaugeMetricFamily(*gauge, labels=["gpu"]) for gauge in GAUGES)
        card = self._told("card", lambda: nvml.nvmlDeviceGetHandleByUUID(self._uuid))
        if card is not None:
            index = self._told("index", lambda: nvml.nvmlDeviceGetIndex(card))
            gpu = [self._uuid if index is None else str(index)]
            rates = self._told("utilisation", lambda: nvml.nvmlDeviceGetUtilizationRates(card))
            if rates is not None:
                busy.add_metric(gpu, rates.gpu / 100)
            memory = self._told("memory", lambda: nvml.nvmlDeviceGetMemoryInfo(card))
            if memory is not None:
                used.add_metric(gpu, memory.used)
                total.add_metric(gpu, memory.total)
        yield from (busy, used, total)

    def _told(self, what: str, ask: Callable[[], Any]) -> Any:
        """None where the driver does not tell. It is logged once for as long as that lasts."""
        try:
            answer = ask()
        except self._nvml.NVMLError as error:
            if what not in self._missing:
                fields = {"what": what, "why": str(error)}
                log.warning("the driver does not tell of the GPU", extra={"fields": fields})
            self._missing.add(what)
            return None
        self._missing.discard(what)
        return answer


def watch_gpu(registry: CollectorRegistry, uuid: str | None) -> bool:
    """Register the gauges of the GPU that the driver names so: others of the machine are other
    replicas'. False where there is none, or the driver or its Python binding is missing."""
    if uuid is None or importlib.util.find_spec("pynvml") is None:
        return False
    import pynvml

    try:
        registry.register(_NvmlCollector(pynvml, uuid))
    except pynvml.NVMLError as error:
        log.warning("no metrics of the GPU", extra={"fields": {"why": str(error)}})
        return False
    return True
