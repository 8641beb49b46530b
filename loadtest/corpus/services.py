"""A gateway and a replica that get bad input: what asks them a good question in between, and what
they have made of it."""

from pathlib import Path

from contract.process.home import shipped
from gateway.cli.embedded import Stack
from loadtest.closed_loop import resident_mb

GOOD_PHOTO = shipped("web") / "samples" / "brown-leather-handbag.jpg"
# A question that takes longer hangs: the deadline of an answer is 30 s.
HANGS_S = 45


def errors_in(log: Path) -> list[str]:
    """Lines of a service's log that should not be there."""
    lines = log.read_text(errors="replace").splitlines()
    return [line[:300] for line in lines if '"level":"error"' in line or "Traceback" in line]


def memory_mb(stack: Stack) -> dict[str, float]:
    names = {"gateway": "gateway_mb", "inference": "replica_mb"}
    return {names[child.module]: round(resident_mb(child.process)) for child in stack.children}
