"""Traces of requests for OpenTelemetry (OTLP over HTTP). Off unless TRACES_ENDPOINT is set: without
it none of its packages is imported. Spans are made when a request has ended, out of times that were
taken anyway, so nothing is carried along with a request. They hold neither photos nor texts."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

# A collector that is away must not hold up the end of a process.
EXPORT_TIMEOUT_S = 3


class TraceSettings(BaseModel):
    traces_endpoint: str = Field(
        "",
        pattern="^(https?://.+)?$",
        description="Where traces go, e.g. http://collector:4318/v1/traces; empty: nowhere."
        " Needs the extra `traces`.",
    )
    traces_share: float = Field(
        0.05, ge=0, le=1, description="Share of requests that are traced, by their id."
    )


@dataclass(frozen=True)
class Step:
    """`began`, `ended`: seconds since 1970."""

    name: str
    began: float
    ended: float


def trace_id(request_id: str) -> int:
    """nginx's request id is a trace id already. Another one is hashed."""
    try:
        number = int(request_id, 16) if len(request_id) == 32 else 0
    except ValueError:
        number = 0
    return number or int.from_bytes(sha256(request_id.encode()).digest()[:16])


def gateway_span_id(request_id: str) -> int:
    """Of the gateway's span, to which the replica's belongs: both know it without being told."""
    return int.from_bytes(sha256(b"gateway" + request_id.encode()).digest()[:8])


class Traces:
    def __init__(self, endpoint: str, share: float, service: str) -> None:
        """`service`: gateway, replica. Raises ImportError."""
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
        from opentelemetry.sdk.trace.sampling import ALWAYS_ON

        class Ids(RandomIdGenerator):
            trace = span = 0

            def generate_trace_id(self) -> int:
                return self.trace

            def generate_span_id(self) -> int:
                given, self.span = self.span, 0
                return given or super().generate_span_id()

        self._ids = Ids()
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=Resource({"service.name": f"shopsight-{service}"}),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        exporter = OTLPSpanExporter(endpoint, timeout=EXPORT_TIMEOUT_S)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer: Tracer = self._provider.get_tracer("shopsight")
        self._service, self._below = service, share * 2**64
        self._lock = threading.Lock()

    @classmethod
    def open(cls, settings: TraceSettings, service: str) -> "Traces | None":
        """None without an endpoint. Raises SystemExit where the extra is missing."""
        if not settings.traces_endpoint:
            return None
        try:
            return cls(settings.traces_endpoint, settings.traces_share, service)
        except ImportError as error:
            raise SystemExit(f"TRACES_ENDPOINT needs the extra `traces`: {error}") from None

    def wants(self, request_id: str) -> bool:
        """The same for gateway and replica."""
        return trace_id(request_id) % 2**64 < self._below

    def send(
        self,
        request_id: str,
        whole: Step,
        steps: Sequence[Step],
        attributes: Mapping[str, str | int],
        *,
        failed: bool,
    ) -> None:
        """A span and those within it. A background thread sends them; what it cannot is dropped."""
        from opentelemetry import trace
        from opentelemetry.context import Context

        with self._lock:
            context = Context()
            self._ids.trace = trace_id(request_id)
            if self._service == "gateway":
                self._ids.span = gateway_span_id(request_id)
            else:
                of_gateway = trace.SpanContext(
                    trace_id(request_id),
                    gateway_span_id(request_id),
                    is_remote=True,
                    trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED),
                )
                context = trace.set_span_in_context(trace.NonRecordingSpan(of_gateway), context)
            span = self._tracer.start_span(
                whole.name, context, attributes=attributes, start_time=_ns(whole.began)
            )
            inside = trace.set_span_in_context(span, context)
            for step in steps:
                part = self._tracer.start_span(step.name, inside, start_time=_ns(step.began))
                part.end(_ns(step.ended))
            if failed:
                span.set_status(trace.StatusCode.ERROR)
            span.end(_ns(whole.ended))

    def close(self) -> None:
        """Send what waits, for EXPORT_TIMEOUT_S at most: the provider would wait for 30 s."""
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(EXPORT_TIMEOUT_S)


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)
