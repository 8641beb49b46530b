"""Traces as a collector gets them: one request through gateway and replica, without its words."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from contract.process.traces import Traces
from gateway.cli.embedded import embedded_stack
from tests.support import ROOT
from tests.support.asking import chat, data_uri, photo, post, text_of
from tests.support.limits import ROOMY
from tests.support.servers import gateway_process
from tests.support.stub_process import stub_process

QUESTION = "Is this Giraffenleder?"
REQUEST_ID = "4bf92f3577b34da6a3ce929d0e0e4736"  # as nginx makes them


class Collector:
    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.url = ""

    def spans(self) -> list[Any]:
        """Of all services, each with `service` beside it."""
        found = []
        for body in self.bodies:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                (service,) = (each.value.string_value for each in resource.resource.attributes)
                for scope in resource.scope_spans:
                    found += [(service, span) for span in scope.spans]
        return found


@contextmanager
def collector() -> Iterator[Collector]:
    kept = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            assert self.headers.get("content-encoding") is None
            kept.bodies.append(body)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    kept.url = f"http://127.0.0.1:{server.server_port}/v1/traces"
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.long
def test_a_question_is_one_trace_through_gateway_and_replica(tmp_path: Path) -> None:
    with collector() as kept:
        settings = {**ROOMY, "TRACES_ENDPOINT": kept.url, "TRACES_SHARE": "1"}
        with embedded_stack(tmp_path, **settings) as stack:
            answer = post(
                stack.url, chat(QUESTION, photo(), max_tokens=8), **{"x-request-id": REQUEST_ID}
            )
            words = text_of(answer)
    spans = [(service, span) for service, span in kept.spans() if span.trace_id.hex() == REQUEST_ID]
    named = {(service, span.name): span for service, span in spans}
    root = named["shopsight-gateway", "ask"]
    assert not root.parent_span_id
    within = [name for (_, name), span in named.items() if span.parent_span_id == root.span_id]
    steps = ["identify", "screen", "look-up", "upstream", "answer", "record"]
    assert sorted(within) == sorted([*steps, "inference"])  # the replica sends its own by itself
    assert [name for name in within if name != "inference"] == steps
    inference = named["shopsight-replica", "inference"]
    steps = [span for _, span in spans if span.parent_span_id == inference.span_id]
    assert [span.name for span in steps] == ["prepare", "queue", "prefill", "decode"]
    for span in (inference, *steps):
        assert root.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
        assert span.end_time_unix_nano <= root.end_time_unix_nano
    told = {each.key: each.value for each in root.attributes}
    assert told["shopsight.outcome"].string_value == "answered"
    assert told["gen_ai.usage.output_tokens"].int_value > 0
    sent = b"".join(kept.bodies)
    for private in (QUESTION, words, data_uri(photo())[:60]):
        assert private.encode() not in sent


def test_a_share_of_requests_is_traced(tmp_path: Path) -> None:
    with collector() as kept:
        settings = {"TRACES_ENDPOINT": kept.url, "TRACES_SHARE": "0.5"}
        ids = [f"{number:016x}{number * 2**60:016x}" for number in range(16)]
        with (
            stub_process(tmp_path) as stub,
            gateway_process(tmp_path, REPLICAS=stub.url, **settings) as gateway,
        ):
            for each in ids:
                text_of(post(gateway.url, chat("What?", photo()), **{"x-request-id": each}))
        found = {span.trace_id.hex() for _, span in kept.spans()}
    assert found & {*ids} == set(ids[1:8]) | (found & {ids[0]})


def test_a_collector_that_is_away_costs_no_answer(tmp_path: Path) -> None:
    settings = {"TRACES_ENDPOINT": "http://127.0.0.1:9/v1/traces", "TRACES_SHARE": "1"}
    with (
        stub_process(tmp_path) as stub,
        gateway_process(tmp_path, REPLICAS=stub.url, **settings) as gateway,
    ):
        for _ in range(3):
            text_of(post(gateway.url, chat("What?", photo())))


def test_without_an_endpoint_nothing_of_it_is_imported() -> None:
    code = (
        "import sys; from gateway.app import create_app; from gateway.config import Settings;"
        "from contract.process.traces import Traces;"
        "assert Traces.open(Settings(), 'gateway') is None;"
        # redis-py imports what it finds of it; no image has any of it.
        "print([name for name in sys.modules if name.startswith('opentelemetry.exporter')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_gateway_and_replica_choose_the_same_requests() -> None:
    one = Traces("http://127.0.0.1:9", 0.3, "gateway")
    other = Traces("http://127.0.0.1:9", 0.3, "replica")
    ids = [f"any-{number}" for number in range(1000)]
    chosen = [each for each in ids if one.wants(each)]
    assert chosen == [each for each in ids if other.wants(each)]
    assert 200 < len(chosen) < 400
    one.close()
    other.close()
