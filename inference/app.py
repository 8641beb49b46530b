"""Composition root of a replica: constructs all its parts and passes them on."""

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from prometheus_client import ProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contract.errors import NoReplica
from contract.http import install_error_handlers
from contract.http_protocol import answer_in_our_form
from contract.pixels.decoder import PhotoDecoder
from contract.process.traces import Traces
from inference import routes
from inference.batching.engine import Engine
from inference.batching.lane import LaneLimits
from inference.batching.watch import End, end_process
from inference.config import Settings
from inference.gpu import watch_gpu
from inference.model.device import gpu_uuid
from inference.model.model import Model
from inference.model.unfit import UnfitError
from inference.replica import Replica
from inference.schema_trials import SchemaTrials
from inference.telemetry import Metrics

log = logging.getLogger(__name__)


def create_app(settings: Settings, end: End = end_process) -> FastAPI:
    """`end` is called when the engine has failed for good."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # Loading may block: the port only opens once the weights are in memory.
        try:
            replica = app.state.replica = load_replica(settings, end)
            await replica.warm_up()
        except UnfitError as error:
            app.state.unfit = str(error)
            raise
        yield
        await replica.drain()

    app = FastAPI(
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # it would redirect to whatever host the client names
    )
    app.add_middleware(InOurForm)
    app.include_router(routes.router)
    install_error_handlers(app)
    return app


class InOurForm:
    """What is not answered when the time to end has come may be asked elsewhere. Why nothing can be
    served here is a sentence without a traceback."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await answer_in_our_form(self._app, scope, receive, send, NoReplica())
            return

        async def send_told(message: Message) -> None:
            if message["type"] == "lifespan.startup.failed":
                said = getattr(scope["app"].state, "unfit", message.get("message", ""))
                message = {**message, "message": said}
            await send(message)

        await self._app(scope, receive, send_told)


def load_replica(settings: Settings, end: End) -> Replica:
    """Load the model and construct its engine. Blocks: seconds for the demo checkpoint, minutes for
    17 GB. Raises UnfitError."""
    started = time.monotonic()
    metrics = Metrics()
    ProcessCollector(registry=metrics.registry)
    metrics.traces = Traces.open(settings, "replica")
    model = Model(settings)
    model.check_room()
    watch_gpu(metrics.registry, gpu_uuid(model.facts.device))
    # Where memory is bounded, it is told now whether all of it fits.
    peak = model.rehearse() if model.plan.needs.budget is not None else None
    fields = {
        **vars(model.facts),
        "slots": model.plan.slots,
        "kv_cache_bytes": model.network.cache.bytes,
        "planned_bytes": model.plan.total,
        "rehearsal_bytes": peak,
        "seconds": round(time.monotonic() - started, 1),
    }
    log.info("model loaded", extra={"fields": fields})
    engine = Engine(
        model,
        metrics,
        queue_limit=settings.queue_limit,
        prefill_tokens=settings.prefill_tokens,
        lane=LaneLimits(
            settings.batch_queue_limit,
            settings.reserved_slots,
            settings.batch_share,
            settings.batch_prefill_tokens,
        ),
    )
    schemas = SchemaTrials(model.vocabulary.packed())
    decoder = PhotoDecoder(settings.image_helpers)
    slots = model.plan.slots
    return Replica(
        model,
        engine,
        metrics,
        schemas,
        decoder,
        {"interactive": settings.default_deadline_ms, "batch": settings.batch_deadline_ms},
        {"interactive": settings.queue_limit + slots, "batch": settings.batch_queue_limit + slots},
        settings.max_step_s,
        end,
    )
