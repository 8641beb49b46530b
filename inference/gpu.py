"""Metrics of GPU utilisation and memory from NVML, where a GPU and the `gpu` extra are present."""

import importlib.util
from collections.abc import Iterator
from typing import Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry


class _NvmlCollector(Collector):
    """Asks the driver at each scrape, and does nothing in between."""

    def __init__(self, nvml: Any) -> None:
        self._nvml = nvml
        nvml.nvmlInit()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        busy = GaugeMetricFamily(
            "inference_gpu_utilisation_ratio", "Share of time in kernels.", labels=["gpu"]
        )
        used = GaugeMetricFamily("inference_gpu_memory_bytes", "In use.", labels=["gpu"])
        total = GaugeMetricFamily("inference_gpu_memory_total_bytes", "In all.", labels=["gpu"])
        for index in range(self._nvml.nvmlDeviceGetCount()):
            device = self._nvml.nvmlDeviceGetHandleByIndex(index)
            rates = self._nvml.nvmlDeviceGetUtilizationRates(device)
            busy.add_metric([str(index)], rates.gpu / 100)
            memory = self._nvml.nvmlDeviceGetMemoryInfo(device)
            used.add_metric([str(index)], memory.used)
            total.add_metric([str(index)], memory.total)
        yield from (busy, used, total)


def watch_gpus(registry: CollectorRegistry) -> bool:
    """Register the GPUs' gauges. False where the driver or its Python binding is missing."""
    if importlib.util.find_spec("pynvml") is None:
        return False
    import pynvml

    try:
        registry.register(_NvmlCollector(pynvml))
    except pynvml.NVMLError:
        return False
    return True
