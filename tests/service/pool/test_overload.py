"""What a pool tells those whom it has no room for: when to ask again."""

from collections.abc import Callable

import pytest

from gateway.pool.recovery import AnswerTimes
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
