"""inference/gpu.py: what the driver does not tell is missing, and nothing else is."""

import logging
from typing import Any

import pytest
import torch
from prometheus_client import CollectorRegistry, Counter, generate_latest

from inference.gpu import _NvmlCollector
from inference.model.device import gpu_uuid
from tests.support.nvml import Driver


def lines(driver: Driver, uuid: str = "GPU-1") -> set[str]:
    registry = CollectorRegistry()
    Counter("others", "", registry=registry)
    registry.register(_NvmlCollector(driver, uuid))
    text = generate_latest(registry).decode()
    return {line for line in text.splitlines() if line[0] != "#" and "created" not in line}


BUSY = 'inference_gpu_utilisation_ratio{gpu="1"} 0.5'
MEMORY = {
    'inference_gpu_memory_bytes{gpu="1"} 1.0',
    'inference_gpu_memory_total_bytes{gpu="1"} 2.0',
}
OTHERS = "others_total 0.0"


def test_the_replica_s_own_card_is_told_of_and_no_other() -> None:
    assert lines(Driver()) == {BUSY, *MEMORY, OTHERS}
    assert lines(Driver(), "GPU-2") == {line.replace('1"', '2"') for line in lines(Driver())}


@pytest.mark.parametrize(
    ("call", "left"),
    [
        ("nvmlDeviceGetUtilizationRates", {*MEMORY, OTHERS}),
        ("nvmlDeviceGetMemoryInfo", {BUSY, OTHERS}),
        ("nvmlDeviceGetHandleByUUID", {OTHERS}),
    ],
)
def test_what_the_driver_does_not_tell_takes_no_other_metric_along(
    call: str, left: set[str]
) -> None:
    assert lines(Driver(fails={call})) == left


def test_what_is_missing_is_logged_once_for_as_long_as_it_lasts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    driver = Driver()
    registry = CollectorRegistry()
    registry.register(_NvmlCollector(driver, "GPU-1"))
    with caplog.at_level(logging.WARNING):
        for fails in (set(), {"nvmlDeviceGetMemoryInfo"}, {"nvmlDeviceGetMemoryInfo"}):
            driver.fails = fails
            generate_latest(registry)
        assert len(caplog.records) == 1
        driver.fails = set()
        generate_latest(registry)
        driver.fails = {"nvmlDeviceGetMemoryInfo"}
        generate_latest(registry)
    assert len(caplog.records) == 2


def test_a_card_is_named_as_the_driver_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Properties:
        uuid = "6a5c-77"

    def properties(device: str) -> Any:
        assert device == "cuda:1"
        return Properties

    monkeypatch.setattr(torch.cuda, "get_device_properties", properties)
    assert gpu_uuid("cuda:1") == "GPU-6a5c-77"
    assert gpu_uuid("cpu") is None
