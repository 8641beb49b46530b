"""What a pool tells those whom it has no room for, and ops: when to ask again, and how often."""

from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry

from contract.errors import Overloaded
from gateway.pool.recovery import AnswerTimes
from tests.service.pool.test_lane import ask, started
from tests.support.asking import chat, post, text_of
from tests.support.stub_replica import StubReplica


@pytest.mark.parametrize("stream", [False, True])
def test_how_long_answers_take_is_known(
    start_gateway: Callable[..., str],
    stub: StubReplica,
    monkeypatch: pytest.MonkeyPatch,
    stream: bool,
) -> None:
    known: list[float] = []
    monkeypatch.setattr(AnswerTimes, "record", lambda _, seconds: known.append(seconds))
    gateway = start_gateway(replicas=stub.url)
    for number in range(3):
        text_of(post(gateway, chat(f"what {number}?", stream=stream)))
    assert len(known) == 3


async def test_what_full_replicas_refuse_is_counted_too(stub: StubReplica) -> None:
    registry = CollectorRegistry()
    stub.behaviour = "503"
    async with started(stub, registry=registry) as pool:
        for number in range(3):
            with pytest.raises(Overloaded):
                await ask(pool, f"what {number}?")
    assert registry.get_sample_value("gateway_pool_shed_total") == 3
