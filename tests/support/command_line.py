"""`shopsight …` as an operator types it."""

import subprocess

from tests.support import fork_server


def shopsight(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """To its end, and what it said; with these variables besides those of the test."""
    return fork_server.run("gateway.cli", *arguments, **environment)
