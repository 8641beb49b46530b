"""Composition root of the gateway: everything is made here, and handed on."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.datastructures import State
from starlette.routing import Route

from contract.http import install_error_handlers
from gateway import routes, users
from gateway.admin import admin_router
from gateway.answering import Answering
from gateway.asking import Asking, Front, form_question, json_question
from gateway.cache.answers import AnswerCache
from gateway.cache.flights import Flights
from gateway.cache.lease import Leases
from gateway.cache.memory import MemoryStore
from gateway.cache.redis import RedisLink, RedisStore, RedisUnavailableError
from gateway.config import Settings
from gateway.erasing import Erasing
from gateway.feedback.quarantine import Quarantine
from gateway.feedback.tally import FeedbackMetrics, Tally
from gateway.identity.callers import Callers
from gateway.identity.pseudonyms import Pseudonyms
from gateway.images.identify import ImageIdentifier
from gateway.images.uploads import Uploads
from gateway.log.audit import Audit
from gateway.log.database import open_database
from gateway.log.erasure import answers_of
from gateway.log.forwarder import Forget
from gateway.log.reader import LogReader
from gateway.log.recorder import Recorder
from gateway.log.upkeep import Upkeep, UpkeepMetrics
from gateway.page import Page
from gateway.policy.images import ImagePolicy
from gateway.policy.text import TextPolicy
from gateway.pool.pool import Pool
from gateway.pool.telemetry import PoolMetrics
from gateway.questions import Questions
from gateway.telemetry import Metrics
from gateway.uploading import Uploading
from gateway.voting import Voting

log = logging.getLogger(__name__)

# What a request asks of the database itself: who owns an upload, which answer to purge.
SQL_TIMEOUT_S = 3
# An erasure reads as many rows as a person has, and waits for locks.
ERASURE_SQL_TIMEOUT_S = 60
# To delete some names in Redis takes milliseconds, to look through a million a second.
FORGET_TIMEOUT_S = 60


@dataclass
class Gateway:
    callers: Callers
    answering: Answering
    uploading: Uploading
    voting: Voting
    erasing: Erasing
    answers: AnswerCache
    pool: Pool
    recorder: Recorder
    log: LogReader
    audit: Audit


def create_app(settings: Settings, metrics: Metrics) -> Front:
    """The public application."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if "pseudonym_key" not in settings.model_fields_set:
            log.warning("PSEUDONYM_KEY is not set: after a restart nobody is found for an erasure")
        engine = open_database(settings, answer_timeout_s=SQL_TIMEOUT_S)
        images = ImageIdentifier(settings.image_threads)
        pseudonyms = Pseudonyms(settings.pseudonym_key.get_secret_value())
        uploads = Uploads(settings.image_dir, engine, settings.image_ttl_s, pseudonyms)
        link = (
            RedisLink(settings.redis_url, settings.cache_budget_ms) if settings.redis_url else None
        )
        store = RedisStore(link) if link else MemoryStore(settings.memory_cache_bytes)
        answers = AnswerCache(store, settings.answer_fresh_s, settings.answer_stale_s)
        pool = Pool(settings, PoolMetrics(metrics.registry))
        leases = Leases(link) if link else None
        erasing = Erasing(
            pseudonyms,
            open_database(settings, answer_timeout_s=ERASURE_SQL_TIMEOUT_S),
            uploads,
            answers,
            leases,
            settings.spool_dir,
        )
        quarantine = Quarantine()
        tally = Tally(settings, engine, quarantine, FeedbackMetrics(metrics.registry))
        recorder = Recorder(settings, metrics, pseudonyms, _forgetting(erasing))
        image_policy = ImagePolicy(frozenset(settings.blocked_images))
        answering = Answering(
            questions=Questions(images, uploads),
            text_policy=TextPolicy.load(),
            image_policy=image_policy,
            quarantine=quarantine,
            answers=answers,
            leases=leases,
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
            erasing=erasing,
            answers=answers,
            pool=pool,
            recorder=recorder,
            log=LogReader(engine),
            audit=Audit(engine),
        )
        app.state.gateway = gateway
        # A file has no worker beside it: its gateway keeps it in order.
        upkeep = None
        if engine.dialect.name == "sqlite":
            upkeep = Upkeep(settings, engine, UpkeepMetrics(metrics.registry))
            upkeep.start()
        recorder.start()
        uploads.start()
        tally.start()
        await pool.start()
        yield
        await pool.close()
        await uploads.close()
        await asyncio.to_thread(tally.stop)
        await recorder.close()
        if upkeep is not None:
            await asyncio.to_thread(upkeep.stop, settings.log_drain_s)
        erasing.close()
        engine.dispose()
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
    app.include_router(users.router)
    install_error_handlers(app)
    if settings.web_dir is not None:
        app.mount("/", Page(settings.web_dir))
    return Front(asking, app)


def _forgetting(erasing: Erasing) -> Forget:
    """For the forwarder's thread: forget what events were given that came after their erasure."""
    loop = asyncio.get_running_loop()

    def forget(events: Sequence[str]) -> bool:
        forgetting = asyncio.run_coroutine_threadsafe(erasing.forget(answers_of(events)), loop)
        try:
            forgetting.result(FORGET_TIMEOUT_S)
        except (RedisUnavailableError, TimeoutError):
            return False
        return True

    return forget


def create_internal_app(metrics: Metrics, public: State) -> FastAPI:
    """What ops and Prometheus see, on a port of its own that is never published."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(admin_router(public))
    install_error_handlers(app)

    @app.get("/metrics")
    async def scrape() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return app
