"""Clients that need nothing installed but what all tests need: OpenAI's for Python, and curl."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.clients.cells import BUILT_IN, CELLS, CLIENTS, check
from tests.support.stub_replica import StubReplica


def test_the_table_names_each_client_and_each_feature() -> None:
    assert {client for client, _ in CELLS} == set(CLIENTS)
    assert len(CELLS) == len(CLIENTS) * len({feature for _, feature in CELLS}) > 50


@pytest.mark.parametrize("cell", BUILT_IN, ids=" ".join)
def test_a_client_does_what_the_table_says(
    run: Callable[[tuple[str, str]], Any], stub: StubReplica, log: Engine, cell: tuple[str, str]
) -> None:
    check(cell, run(cell), stub, log)
