"""Which tests one worker of pytest-xdist runs, and in which order. A file is one worker's. Files
that share something dear, or that must not disturb each other, belong together."""

import os
from functools import cache
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from gateway.cli import embedded

TIMED = "load"
# From the longest to the shortest: whoever is last of all should not have long to go.
TOGETHER = {
    # Each one embedded stack, and one Chromium: the pages of one worker would be the last to end.
    "the page": (
        "tests/browser/test_appearance.py",
        "tests/browser/test_everywhere.py",
        "tests/browser/test_memory.py",
        "tests/browser/test_slow_phone.py",
        "tests/browser/test_thumbs.py",
    ),
    "the embedded stack": (
        "tests/browser/",
        "tests/service/cli/test_embedded.py",
        "tests/service/cli/test_evaluate.py",
        "tests/service/inference/",
        "tests/service/monitoring/test_metrics.py",
        "tests/service/test_costly_inputs.py",
    ),
    # They time what shoppers feel, under a load of their own: one after the other.
    TIMED: (
        "tests/service/pool/test_faults.py",
        "tests/service/cache/test_faults_redis.py",
        "tests/drills/test_drills.py",
    ),
    # The imports of torch and transformers, and one small model.
    "the engine": ("tests/engine/",),
}
# Chromium takes whole seconds of a processor that others want, too.
PAGES = "tests/browser/"
# A neighbour on the machine may stop everything for a second. A fault of ours fails twice; what
# passed the second time is told in the summary as `rerun`.
ONCE_MORE = pytest.mark.flaky(reruns=1)
# Of every worker whose first test is not timed: on a busy processor the timed ones come first.
NICE = 10
# File by file at the end, so that all workers end at about the same time.
SHORT = ("tests/unit/", "tests/test_architecture.py")


def group_of(nodeid: str) -> str:
    for group, places in TOGETHER.items():
        if nodeid.startswith(places):
            return group
    return nodeid.split("::")[0]


class ByGroup(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByGroup:
    config.option.loadscopereorder = False  # by number of tests, which says little of their time
    return ByGroup(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = [*TOGETHER, "", "short"]

    def place(item: pytest.Item) -> int:
        if item.nodeid.startswith(SHORT):
            return order.index("short")
        group = group_of(item.nodeid)
        return order.index(group if group in order else "")

    items.sort(key=place)
    for item in items:
        if group_of(item.nodeid) == TIMED or item.nodeid.startswith(PAGES):
            item.add_marker(ONCE_MORE)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Whatever runs beside the timed tests gives way to them."""
    if "PYTEST_XDIST_WORKER" in os.environ and group_of(item.nodeid) != TIMED:
        _give_way()


@cache
def _give_way() -> None:
    os.nice(NICE)


def share_out_ports() -> None:
    """Give each worker its own, so that none takes one that another's server is about to take."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    embedded.PORTS = embedded.PORTS[worker::workers]
