"""Clients that `make test-clients` installs first: a minute and a half, so they are outside CI."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.clients.cells import INSTALLED, check
from tests.support.stub_replica import StubReplica


@pytest.mark.parametrize("cell", INSTALLED, ids=" ".join)
def test_an_installed_client_does_what_the_table_says(
    run: Callable[[tuple[str, str]], Any], stub: StubReplica, log: Engine, cell: tuple[str, str]
) -> None:
    check(cell, run(cell), stub, log)
