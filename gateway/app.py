"""Composition root of the gateway: everything is made here, and handed on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from contract.http import install_error_handlers
from gateway import routes
from gateway.answering import Answering
from gateway.cache.answers import AnswerCache
from gateway.cache.flights import Flights
from gateway.cache.memory import MemoryStore
from gateway.cache.redis import RedisStore
from gateway.config import Settings
from gateway.identity.callers import Callers
from gateway.images.identify import ImageIdentifier
from gateway.log.recorder import Recorder
from gateway.page import Page
from gateway.policy.images import ImagePolicy
from gateway.policy.text import TextPolicy
from gateway.pool.pool import Pool
from gateway.telemetry import Metrics


@dataclass
class Gateway:
    callers: Callers
    answering: Answering
    pool: Pool
    recorder: Recorder


def create_app(settings: Settings, metrics: Metrics) -> FastAPI:
    """The public application."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        images = ImageIdentifier(settings.image_threads)
        store = (
            RedisStore(settings.redis_url, settings.cache_budget_ms)
            if settings.redis_url
            else MemoryStore(settings.memory_cache_bytes)
        )
        answers = AnswerCache(store, settings.answer_ttl_s)
        pool = Pool(settings)
        recorder = Recorder(settings, metrics)
        answering = Answering(
            images=images,
            text_policy=TextPolicy.load(),
            image_policy=ImagePolicy(frozenset(settings.blocked_images)),
            answers=answers,
            flights=Flights(),
            pool=pool,
            recorder=recorder,
            deadline_ms=settings.deadline_ms,
        )
        app.state.gateway = Gateway(Callers(settings), answering, pool, recorder)
        recorder.start()
        await pool.start()
        yield
        await pool.close()
        await recorder.close()
        await answers.close()
        images.close()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(routes.router)
    install_error_handlers(app)
    if settings.web_dir is not None:
        app.mount("/", Page(settings.web_dir))
    return app


def create_internal_app(metrics: Metrics) -> FastAPI:
    """What ops and Prometheus see, on a port of its own that is never published."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/metrics")
    async def scrape() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return app
