"""User agents as they are sent."""

import time

import pytest

from gateway.log.client import MAX_CHARS, client_of
from tests.support import ROOT

LINES = (ROOT / "tests/unit/log/user_agents.tsv").read_text().splitlines()
AGENTS = [tuple(line.split("\t")) for line in LINES if not line.startswith("#")]


@pytest.mark.parametrize(("client", "agent"), AGENTS)
def test_an_agent_has_a_class(client: str, agent: str) -> None:
    assert client_of(agent) == client


def test_who_sends_none_has_none() -> None:
    assert client_of("") is None


def test_there_are_many_and_of_each_class() -> None:
    assert len(AGENTS) >= 60
    assert len({client for client, _ in AGENTS}) == 17


def test_a_known_agent_costs_next_to_nothing() -> None:
    agent = AGENTS[30][1]
    client_of(agent)
    begun = time.process_time()
    for _ in range(10_000):
        client_of(agent)
    assert time.process_time() - begun < 0.1  # 0.3 µs each


@pytest.mark.parametrize("piece", ["a", "; ", "HTC ", "Android 4; ", "(", "Mozilla/5.0 (", "bot/"])
def test_no_agent_takes_long(piece: str) -> None:
    agent = piece * 8000
    client_of("warm")
    begun = time.process_time()
    client_of(agent)
    assert time.process_time() - begun < 0.5  # 20 ms on a machine of its own
    assert client_of(agent) == client_of(agent[:MAX_CHARS])
