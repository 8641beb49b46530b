"""A question that replicas cannot digest never ejects one of them, in whatever form they say so. A
replica that fails at what others can answer still is ejected: test_faults.py."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from contract.wire import NOT_BEGUN_HEADER
from tests.support.asking import chat, photo, post
from tests.support.servers import wait_until
from tests.support.stub_replica import StubReplica, stub_replica

Start = Callable[..., str]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
QUESTIONS = 12


@pytest.fixture
def stubs() -> Iterator[list[StubReplica]]:
    with ExitStack() as stack:
        yield [stack.enter_context(stub_replica()) for _ in range(2)]


@pytest.fixture
def gateway(start_gateway: Start, stubs: list[StubReplica]) -> str:
    # No question is answered by a second replica unless the retry is free.
    return start_gateway(
        replicas=",".join(stub.url for stub in stubs), retry_share=1.0, retry_floor_per_s=100.0
    )


@pytest.fixture
def without_retries(start_gateway: Start, stubs: list[StubReplica]) -> str:
    replicas = ",".join(stub.url for stub in stubs)
    return start_gateway(replicas=replicas, retry_share=0.0, retry_floor_per_s=0.0)


def served_by_both(gateway: str, stubs: list[StubReplica], after: str = "that") -> bool:
    """Whether neither is ejected. Photos are spread by their digest and the replicas' addresses:
    that 30 of them go to one replica is no chance."""
    for stub in stubs:
        stub.calls.clear()
    for seed in range(100, 130):
        assert post(gateway, chat(f"still there after {after}?", photo(seed))).status_code == 200
        if all(stub.calls for stub in stubs):
            return True
    return False


@pytest.mark.parametrize("status", [400, 403, 406, 409, 413, 415, 418, 422, 431, 451, 500, 502])
@pytest.mark.parametrize("schema", [True, False])
def test_a_question_that_no_replica_answers_ejects_none(
    gateway: str, stubs: list[StubReplica], status: int, schema: bool
) -> None:
    for stub in stubs:
        stub.refusal, stub.refusal_status = {"message": "secret", "code": "unheard_of"}, status
    fields: dict[str, Any] = {"response_format": SCHEMA} if schema else {}
    for number in range(QUESTIONS):
        answer = post(gateway, chat(f"what {number}?", photo(number), **fields))
        if status < 500:
            assert answer.status_code in (400, 413)
            assert answer.json()["error"]["code"] in (
                ("invalid_schema",) if schema else ("invalid_field", "payload_too_large")
            )
        else:
            assert answer.status_code == 502
        assert "secret" not in json.dumps(answer.json())
    for stub in stubs:
        stub.refusal = None
    assert served_by_both(gateway, stubs)


def test_neither_does_one_that_ends_in_an_error_event(
    without_retries: str, stubs: list[StubReplica]
) -> None:
    for behaviour in ("error_event", "late_error_event"):
        for stub in stubs:
            stub.behaviour = behaviour
        for number in range(QUESTIONS):
            asked = chat(f"{behaviour} {number}?", photo(number), response_format=SCHEMA)
            assert post(without_retries, asked).status_code == 502
        for stub in stubs:
            stub.behaviour = "answer"
        assert served_by_both(without_retries, stubs, behaviour)


def test_a_replica_that_fails_where_the_other_answers_is_left_alone(
    gateway: str, stubs: list[StubReplica]
) -> None:
    """Also where all questions have a schema."""
    stubs[0].behaviour = "500"
    asked = iter(range(10_000))

    def left_alone() -> bool:
        before = len(stubs[0].calls)
        for number in (next(asked) for _ in range(10)):
            question = chat(f"{number}?", photo(number % 20), response_format=SCHEMA)
            assert post(gateway, question).status_code == 200
        return len(stubs[0].calls) == before

    wait_until("ejected", left_alone)


@pytest.mark.parametrize("ending", [2, 3])
def test_replicas_that_are_about_to_end_cost_no_try(start_gateway: Start, ending: int) -> None:
    with ExitStack() as stack:
        stubs = [stack.enter_context(stub_replica()) for _ in range(3)]
        replicas = ",".join(stub.url for stub in stubs)
        budget = {"retry_share": 0.0, "retry_floor_per_s": 0.0}
        gateway = start_gateway(replicas=replicas, probe_interval_s=1_000.0, **budget)
        for stub in stubs[:ending]:
            stub.refusal, stub.refusal_status = {"code": "no_replica"}, 503
            stub.refusal_headers = {NOT_BEGUN_HEADER: "1"}
        for number in range(QUESTIONS):
            answer = post(gateway, chat(f"what {number}?", photo(number)))
            if ending < len(stubs):
                assert answer.status_code == 200
            else:
                assert (answer.status_code, answer.json()["error"]["code"]) == (503, "no_replica")
        assert all(len(stub.calls) <= 1 for stub in stubs[:ending]), "each says it once"
        assert all(len(stub.calls) == QUESTIONS for stub in stubs[ending:])
