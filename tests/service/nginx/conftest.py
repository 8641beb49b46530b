"""nginx before gateways that only note what reaches them. What a test starts ends with it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.cli.embedded import free_port
from tests.support.nginx_server import (
    NameServer,
    Nginx,
    StandInGateway,
    name_server,
    nginx_server,
    stand_in_gateway,
)
from tests.support.servers import wait_until

FIRST = "127.0.0.1"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def port() -> int:
    """Of all gateways."""
    return free_port()


@pytest.fixture
def names(stack: ExitStack) -> NameServer:
    return stack.enter_context(name_server(FIRST))


@pytest.fixture
def gateway(stack: ExitStack, port: int) -> StandInGateway:
    return stack.enter_context(stand_in_gateway(FIRST, port))


@pytest.fixture
def start(stack: ExitStack, tmp_path: Path, names: NameServer, port: int) -> Callable[..., Nginx]:
    def start(**settings: Any) -> Nginx:
        nginx = stack.enter_context(nginx_server(tmp_path / "nginx", names, port, **settings))
        if names.addresses:  # looked up in the background, a moment after the start
            wait_until("gateway", lambda: httpx.get(f"{nginx.url}/readyz").status_code != 502)
        return nginx

    return start
