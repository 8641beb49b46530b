"""One small model with random weights, whose answers vary, for all tests of the engine."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from inference.config import Settings
from inference.model.model import Model
from inference.model.network import Network, RowInput
from inference.model.tensors import DeviceLost
from loadtest.published_checkpoint import CONFIG_8B, make_published, narrow
from loadtest.random_checkpoint import SHAPE_TINY, make_checkpoint
from tests.engine.asks import SLOTS, Result, mixed, reference


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("model"), SHAPE_TINY)


@pytest.fixture(scope="session")
def model(model_folder: Path) -> Model:
    settings = Settings(_env_file=None, checkpoint=str(model_folder), slots=SLOTS)  # type: ignore[call-arg]
    return Model(settings)


@pytest.fixture(scope="session")
def published_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A narrow model in the layout of the published checkpoints."""
    folder = tmp_path_factory.mktemp("published") / "narrow"
    return make_published(folder, narrow(CONFIG_8B))


@pytest.fixture(scope="session")
def expected(model: Model) -> list[Result]:
    """What transformers' own `generate` answers to each of `mixed` alone."""
    return asyncio.run(reference(model, mixed(model, 64)))


@pytest.fixture(autouse=True)
def _clean_slate(model: Model) -> None:
    model.network.reset()
    model.network.vision.clear()
    model.network.prefixes.clear()


class Failing:
    """Wraps the network, and fails where the test says. `lost`: whatever touches the device fails,
    as with CUDA after an illegal access to memory."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.fails: Any = lambda rows: None
        self.moving_fails: Any = lambda: None
        self.copying_fails: Any = lambda: None
        self.lost = False
        self.cache = FailingCache(self)

    def device_error(self) -> RuntimeError:
        self.lost = True
        return RuntimeError("CUDA error: an illegal memory access was encountered")

    def touch(self) -> None:
        if self.lost:
            raise self.device_error()

    def forward(self, rows: Sequence[RowInput]) -> Any:
        self.touch()
        error = self.fails(rows)
        if error is not None:
            raise error
        return self._network.forward(rows)

    def reset(self) -> None:
        self.touch()
        self._network.reset()

    def release_memory(self) -> None:
        self.touch()
        self._network.release_memory()

    def check_device(self) -> None:
        try:
            self.touch()
        except RuntimeError as error:
            raise DeviceLost from error
        self._network.check_device()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)


class FailingCache:
    def __init__(self, failing: Failing) -> None:
        self._failing = failing

    def move(self, *args: int) -> None:
        self._failing.touch()
        error = self._failing.moving_fails()
        if error is not None:
            raise error
        self._failing._network.cache.move(*args)

    def read(self, *args: int) -> Any:
        error = self._failing.copying_fails()
        if error is not None:
            raise error
        return self._failing._network.cache.read(*args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._failing._network.cache, name)


@pytest.fixture
def failing(model: Model) -> Iterator[Failing]:
    network = model.network
    wrapper = Failing(network)
    model.network = wrapper  # type: ignore[assignment]
    yield wrapper
    model.network = network
