"""Composition root of the gateway: everything is made here, and handed on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.datastructures import State
from starlette.routing import Route

from contract.http import install_error_handlers
from gateway import routes
from gateway.admin import admin_router
from gateway.answering import Answering
from gateway.asking import Asking, Front, form_question, json_question
from gateway.cache.answers import AnswerCache
from gateway.cache.flights import Flights
from gateway.cache.lease import Leases
from gateway.cache.memory import MemoryStore
from gateway.cache.redis import RedisLink, RedisStore
from gateway.config import Settings
from gateway.feedback.quarantine import Quarantine
from gateway.feedback.tally import FeedbackMetrics, Tally
from gateway.identity.callers import Callers
from gateway.images.identify import ImageIdentifier
from gateway.images.uploads import Uploads
from gateway.log.database import open_database
from gateway.log.reader import LogReader
from gateway.log.recorder import Recorder
from gateway.page import Page
from gateway.policy.images import ImagePolicy
from gateway.policy.text import TextPolicy
from gateway.pool.pool import Pool
from gateway.pool.telemetry import PoolMetrics
from gateway.questions import Questions
from gateway.telemetry import Metrics
from gateway.uploading import Uploading
from gateway.voting import Voting

# What a request asks of the database itself: who owns an upload, which answer to purge.
SQL_TIMEOUT_S = 3


@dataclass
class Gateway:
    callers: Callers
    answering: Answering
    uploading: Uploading
    voting: Voting
    answers: AnswerCache
    pool: Pool
    recorder: Recorder
    log: LogReader


def create_app(settings: Settings, metrics: Metrics) -> Front:
    """The public application."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        engine = open_database(settings, answer_timeout_s=SQL_TIMEOUT_S)
        images = ImageIdentifier(settings.image_threads)
        uploads = Uploads(settings.image_dir, engine, settings.image_ttl_s)
        link = (
            RedisLink(settings.redis_url, settings.cache_budget_ms) if settings.redis_url else None
        )
        store = RedisStore(link) if link else MemoryStore(settings.memory_cache_bytes)
        answers = AnswerCache(store, settings.answer_fresh_s, settings.answer_stale_s)
        pool = Pool(settings, PoolMetrics(metrics.registry))
        recorder = Recorder(settings, metrics)
        quarantine = Quarantine()
        tally = Tally(settings, engine, quarantine, FeedbackMetrics(metrics.registry))
        image_policy = ImagePolicy(frozenset(settings.blocked_images))
        answering = Answering(
            questions=Questions(images, uploads),
            text_policy=TextPolicy.load(),
            image_policy=image_policy,
            quarantine=quarantine,
            answers=answers,
            leases=Leases(link) if link else None,
            flights=Flights(),
            pool=pool,
            recorder=recorder,
            deadline_ms=settings.deadline_ms,
        )
        gateway = Gateway(
            callers=Callers(settings),
            answering=answering,
            uploading=Uploading(images, image_policy, uploads, recorder, settings.deadline_ms),
            voting=Voting(recorder, settings.deadline_ms),
            answers=answers,
            pool=pool,
            recorder=recorder,
            log=LogReader(engine),
        )
        app.state.gateway = gateway
        recorder.start()
        uploads.start()
        tally.start()
        await pool.start()
        yield
        await pool.close()
        await uploads.close()
        await asyncio.to_thread(tally.stop)
        await recorder.close()
        await answers.close()
        images.close()

    app = FastAPI(
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # it would send to whatever host the client has named
    )
    asking = {
        "/v1/chat/completions": Asking(json_question, app.state),
        "/v1/ask": Asking(form_question, app.state),
    }
    for path, endpoint in asking.items():  # known to the router too, for its 405
        app.router.routes.append(Route(path, endpoint, methods=["POST"]))
    app.include_router(routes.router)
    install_error_handlers(app)
    if settings.web_dir is not None:
        app.mount("/", Page(settings.web_dir))
    return Front(asking, app)


def create_internal_app(metrics: Metrics, public: State) -> FastAPI:
    """What ops and Prometheus see, on a port of its own that is never published."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(admin_router(public))
    install_error_handlers(app)

    @app.get("/metrics")
    async def scrape() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return app
