"""One small model with random weights, whose answers wander, for all tests of the engine."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from inference.config import Settings
from inference.model.model import Model
from inference.model.network import Extension, Network
from loadtest.random_checkpoint import SHAPE_TINY, make_checkpoint
from tests.engine.asks import SLOTS, Result, mixed, reference


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = make_checkpoint(tmp_path_factory.mktemp("model"), SHAPE_TINY)
    settings = Settings(_env_file=None, checkpoint=str(folder), slots=SLOTS)  # type: ignore[call-arg]
    return Model(settings)


@pytest.fixture(scope="session")
def expected(model: Model) -> list[Result]:
    """What transformers' own `generate` answers to each of `mixed` alone."""
    return asyncio.run(reference(model, mixed(model, 64)))


@pytest.fixture(autouse=True)
def _clean_slate(model: Model) -> None:
    model.network.reset()
    model.network.vision.clear()


class Failing:
    """Stands before the network and fails as the test says."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.fails: Any = lambda first, rows: None

    def extend(self, first: int, rows: Sequence[Extension]) -> Any:
        error = self.fails(first, rows)
        if error is not None:
            raise error
        return self._network.extend(first, rows)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)


@pytest.fixture
def failing(model: Model) -> Iterator[Failing]:
    network = model.network
    stand_in = Failing(network)
    model.network = stand_in  # type: ignore[assignment]
    yield stand_in
    model.network = network
