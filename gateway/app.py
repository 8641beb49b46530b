"""Composition root of a gateway: constructs all its parts and passes them on."""

import asyncio
import logging
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.datastructures import State
from starlette.routing import Route

from contract.http import install_error_handlers
from gateway.api import feedback, images, models, users
from gateway.api.admin import admin_router
from gateway.api.ask import AskEndpoint, form_question, json_question
from gateway.api.fast_path import FastPath
from gateway.api.page import Page
from gateway.cache.flights import Flights
from gateway.cache.shared import SharedAnswers
from gateway.config import Settings
from gateway.feedback.quarantine import Quarantine
from gateway.feedback.tally import FeedbackMetrics, Tally
from gateway.gateway import Gateway
from gateway.identity.callers import Callers
from gateway.identity.pseudonyms import Pseudonyms
from gateway.images.identify import ImageIdentifier
from gateway.images.metrics import ImageMetrics
from gateway.images.render import PictureRenderer
from gateway.images.uploads import Uploads
from gateway.log.audit import Audit
from gateway.log.outbox.forwarder import ANSWER_TIMEOUT_S
from gateway.log.outbox.metrics import OutboxMetrics
from gateway.log.outbox.recorder import Recorder
from gateway.log.reader import LogReader
from gateway.log.request_metrics import RequestMetrics
from gateway.log.rollups.upkeep import Upkeep, UpkeepMetrics
from gateway.log.schema.database import open_database
from gateway.moderation.images import ImagePolicy
from gateway.moderation.text import TextPolicy
from gateway.pool.pool import Pool
from gateway.pool.telemetry import PoolMetrics
from gateway.usecases.answer import Answering
from gateway.usecases.erase import Erasing
from gateway.usecases.questions import Questions
from gateway.usecases.upload import Uploading
from gateway.usecases.vote import Voting

log = logging.getLogger(__name__)

# For queries within a request: who owns an upload, which answer to purge.
SQL_TIMEOUT_S = 3
# An erasure reads all rows of a person, and waits for locks.
ERASURE_SQL_TIMEOUT_S = 60


def create_app(settings: Settings, registry: CollectorRegistry) -> FastPath:
    """The public application."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with running_gateway(settings, registry) as gateway:
            app.state.gateway = gateway
            yield

    app = FastAPI(
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # a redirect would go to whatever host the client named
    )
    ask_endpoints = {
        "/v1/chat/completions": AskEndpoint(json_question, app.state),
        "/v1/ask": AskEndpoint(form_question, app.state),
    }
    for path, endpoint in ask_endpoints.items():  # the router needs them too, for its 405
        app.router.routes.append(Route(path, endpoint, methods=["POST"]))
    for routes in (images, feedback, models, users):
        app.include_router(routes.router)
    install_error_handlers(app)
    if settings.web_dir is not None:
        app.mount("/", Page(settings.web_dir))
    return FastPath(ask_endpoints, app)


def create_internal_app(registry: CollectorRegistry, public: State) -> FastAPI:
    """Metrics and administration, on a port of their own that is never published."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(admin_router(public))
    install_error_handlers(app)

    @app.get("/metrics")
    async def scrape() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return app


@asynccontextmanager
async def running_gateway(
    settings: Settings, registry: CollectorRegistry
) -> AsyncIterator[Gateway]:
    """All parts of a gateway, started on entry and stopped on exit."""
    if "pseudonym_key" not in settings.model_fields_set:
        log.warning("PSEUDONYM_KEY is not set: after a restart nobody is found for an erasure")
    engine = open_database(settings, answer_timeout_s=SQL_TIMEOUT_S)
    forwarding_engine = open_database(settings, answer_timeout_s=ANSWER_TIMEOUT_S)
    erasing_engine = open_database(settings, answer_timeout_s=ERASURE_SQL_TIMEOUT_S)
    deadline_ms = settings.deadline_ms

    photo_threads = ThreadPoolExecutor(settings.image_threads, thread_name_prefix="photo")
    images = ImageIdentifier(photo_threads)
    renderer = PictureRenderer(photo_threads, settings.rendered_bytes, ImageMetrics(registry))
    image_policy = ImagePolicy(frozenset(settings.blocked_images))
    pseudonyms = Pseudonyms(settings.pseudonym_key.get_secret_value())
    uploads = Uploads(settings.image_dir, engine, settings.image_ttl_s, pseudonyms)
    cache = SharedAnswers.open(settings, settings.cache_budget_ms)
    pool = Pool(
        settings, PoolMetrics(registry), deadline_ms=deadline_ms, redis_url=settings.redis_url
    )
    recorder = Recorder(
        settings,
        forwarding_engine,
        RequestMetrics(registry),
        OutboxMetrics(registry),
        pseudonyms,
        cache.delete_from_thread(asyncio.get_running_loop()),
    )
    quarantine = Quarantine()
    tally = Tally(settings, engine, quarantine, FeedbackMetrics(registry))
    # An SQLite file has no worker: the gateway itself does the upkeep of the log.
    upkeep = None
    if engine.dialect.name == "sqlite":
        upkeep = Upkeep(settings, engine, UpkeepMetrics(registry))
    erasing = Erasing(pseudonyms, erasing_engine, uploads, cache, settings.spool_dir, recorder)
    gateway = Gateway(
        callers=Callers(settings),
        answering=Answering(
            questions=Questions(images, uploads),
            text_policy=TextPolicy.load(),
            image_policy=image_policy,
            quarantine=quarantine,
            answers=cache.answers,
            leases=cache.leases,
            flights=Flights(),
            pool=pool,
            renderer=renderer,
            recorder=recorder,
            deadline_ms=deadline_ms,
        ),
        uploading=Uploading(images, image_policy, uploads, recorder, deadline_ms),
        voting=Voting(recorder, deadline_ms),
        erasing=erasing,
        answers=cache.answers,
        pool=pool,
        recorder=recorder,
        log=LogReader(engine),
        audit=Audit(engine),
    )
    if upkeep is not None:
        upkeep.start()
    recorder.start()
    uploads.start()
    tally.start()
    await pool.start()
    try:
        yield gateway
    finally:
        await pool.close()
        await uploads.close()
        await asyncio.to_thread(tally.stop)
        await recorder.close()
        if upkeep is not None:
            await asyncio.to_thread(upkeep.stop, settings.log_drain_s)
        erasing.close()
        forwarding_engine.dispose()
        engine.dispose()
        await cache.close()
        photo_threads.shutdown(cancel_futures=True)
