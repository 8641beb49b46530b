"""What a machine lacks for a test: it is left out; in CI, where nobody would see, it fails."""

import os
from typing import NoReturn

import pytest


def missing(message: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)
